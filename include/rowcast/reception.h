// SPDX-License-Identifier: MIT
// What a request on the public port gets: a WebSocket, the health, or a refusal. Pure.
#ifndef ROWCAST_RECEPTION_H
#define ROWCAST_RECEPTION_H

#include "rowcast/frame.h"
#include "rowcast/http.h"
#include "rowcast/ip.h"
#include "rowcast/server.h"

struct reception_config {
    const char *const *paths;      // of WebSockets, NULL-terminated
    const char *const *protocols;  // NULL-terminated
    const char *const *origins;    // see upgrade.h
    const struct network *trusted; // proxies whose X-Forwarded-For is believed
    size_t trusted_count;
    bool deflate; // permessage-deflate is agreed to
};

struct reception {
    struct reception_config config;
    struct frame *health, *ready; // answers for /health and /ready, owned
};

// What the configuration points to must outlive it. Until told otherwise, /health is fine and /ready not.
void reception_init(struct reception *reception, const struct reception_config *config);
void reception_release(struct reception *reception);
// Both take over the reference.
void reception_set_health(struct reception *reception, struct frame *health);
void reception_set_ready(struct reception *reception, struct frame *ready);

struct verdict {
    struct frame *answer; // one reference, owned by the caller
    // What the application is told; NULL: no upgrade, the connection ends with the answer. One
    // allocation with all its texts, freed with free().
    struct handshake *handshake;
    struct ip address;   // of the client; with a handshake only
    uint8_t window_bits; // of what it is sent compressed; 0: nothing is
};

struct verdict reception_receive(const struct reception *reception,
                                 const struct http_request *request, const struct ip *peer);

#endif
