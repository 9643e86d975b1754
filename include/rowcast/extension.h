// SPDX-License-Identifier: MIT
// The offers in Sec-WebSocket-Extensions (RFC 6455 section 9.1). Pure.
#ifndef ROWCAST_EXTENSION_H
#define ROWCAST_EXTENSION_H

#include <stdbool.h>

#include "rowcast/http.h"

// Whether all the request's lines of that header are written as they must be. None of the offers is
// taken up. Time grows with the length only.
bool extension_offers_sound(const struct http_request *request);

#endif
