// SPDX-License-Identifier: MIT
// What a request on the public port gets: a WebSocket, the health, or a refusal. Pure.
#ifndef ROWCAST_RECEPTION_H
#define ROWCAST_RECEPTION_H

#include "rowcast/frame.h"
#include "rowcast/http.h"
#include "rowcast/server.h"

struct reception {
    const char *const *paths;     // of WebSockets, NULL-terminated
    const char *const *protocols; // NULL-terminated
    struct frame *health, *ready; // answers for /health and /ready, owned
};

// `paths` and `protocols` must outlive it. Until told otherwise, /health is fine and /ready not.
void reception_init(struct reception *reception, const char *const *paths,
                    const char *const *protocols);
void reception_release(struct reception *reception);
// Both take over the reference.
void reception_set_health(struct reception *reception, struct frame *health);
void reception_set_ready(struct reception *reception, struct frame *ready);

struct verdict {
    struct frame *answer; // one reference, owned by the caller
    // What the application is told; NULL: no upgrade, the connection ends with the answer. One
    // allocation with all its texts, freed with free().
    struct handshake *handshake;
};

// `address` is the peer's, numeric.
struct verdict reception_receive(const struct reception *reception,
                                 const struct http_request *request, const char *address);

#endif
