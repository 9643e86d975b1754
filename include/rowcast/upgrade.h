// SPDX-License-Identifier: MIT
// Whether a request is a WebSocket handshake (RFC 6455 section 4.2.1), and what is agreed. Pure.
#ifndef ROWCAST_UPGRADE_H
#define ROWCAST_UPGRADE_H

#include "rowcast/http.h"

// 101; or the status to refuse with: 426 for what is no handshake of version 13, 400 for a broken
// one.
int upgrade_check(const struct http_request *request);

// Whether a page of the request's Origin may connect. `origins` is NULL-terminated, or NULL: all may.
// Without an Origin it is no browser's page, which the list is for.
bool upgrade_origin_allowed(const struct http_request *request, const char *const *origins);

// Whether browsers could send it: "https://example.com", "http://localhost:3000", "null".
bool upgrade_is_origin(const char *text);

// The first subprotocol the client offers that is in the NULL-terminated list, or NULL. Always one
// of the list's own texts, never bytes of the client.
const char *upgrade_protocol(const struct http_request *request, const char *const *protocols);

#endif
