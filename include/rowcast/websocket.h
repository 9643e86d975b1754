// SPDX-License-Identifier: MIT
// WebSocket input (RFC 6455): bytes in, messages out, pongs and closes answered. The one door to
// wslay.
//
// A wslay context takes 8.8 KB, so idle connections have none: one is taken from the worker's pool
// when bytes arrive and given back when they end at a message boundary.
#ifndef ROWCAST_WEBSOCKET_H
#define ROWCAST_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowcast/buffer.h"
#include "rowcast/compression.h"
#include "rowcast/frame.h"
#include "rowcast/framing.h"

struct websocket;

// `user` is what websocket_take was given. Called from inside websocket_feed only; must not give
// the websocket back.
struct websocket_events {
    // The bytes live during the call only. Text is valid UTF-8.
    void (*message)(void *user, const char *bytes, size_t size, bool binary);
    void (*control)(void *user); // a ping or pong has come, and is answered
    // A pong or close frame for the client. Takes over the reference.
    void (*output)(void *user, struct frame *frame);
};

struct websocket_pool {
    struct websocket *free;
    uint32_t free_count;
    struct framing_limits limits;
    const struct websocket_events *events;
    struct compression *compression; // borrowed
    struct buffer inflated;          // the message under way
};

// Of the limits `max_deflated` is worked out. `compression` must outlive the pool; NULL: nobody
// may send compressed messages.
void websocket_pool_init(struct websocket_pool *pool, const struct framing_limits *limits,
                         const struct websocket_events *events, struct compression *compression);
void websocket_pool_release(struct websocket_pool *pool); // all must have been given back

// `deflate`: the client has agreed to permessage-deflate.
struct websocket *websocket_take(struct websocket_pool *pool, bool deflate, void *user);
void websocket_give(struct websocket_pool *pool, struct websocket *websocket); // in any state

// Returns 0: more may follow; or the code of the close that ends the input: the peer's (1005 for
// none), whose answer is in the output, or 1002, 1007, 1009 for what the peer did, which is there
// too. Nothing may be fed after that.
int websocket_feed(struct websocket *websocket, const void *bytes, size_t size);

bool websocket_rests(const struct websocket *websocket); // at a message boundary

#endif
