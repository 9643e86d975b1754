// SPDX-License-Identifier: MIT
// What the connections of one worker share: limits, pools, lists, and whom they report to. All of
// it belongs to the worker's thread.
#ifndef ROWCAST_HALL_H
#define ROWCAST_HALL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "rowcast/deadlines.h"
#include "rowcast/list.h"
#include "rowcast/quota.h"
#include "rowcast/rate.h"
#include "rowcast/reception.h"
#include "rowcast/subscribers.h"
#include "rowcast/traffic.h"
#include "rowcast/transport.h"
#include "rowcast/websocket.h"

struct conn;

struct http_request;

// What connections tell. None of these may free a connection but `gone`.
struct hall_events {
    // Answers every request, with one reference; NULL: the reception does, which knows WebSockets.
    struct frame *(*requested)(void *user, const struct http_request *request);
    void (*opened)(void *user, struct conn *conn, struct handshake *handshake); // takes it over
    void (*message)(void *user, struct conn *conn, const char *bytes, size_t size, bool binary);
    void (*limited)(void *user, struct conn *conn);          // it says more than its rate allows
    void (*closed)(void *user, struct conn *conn, int code); // once for each opened
    void (*parked)(void *user, struct conn *conn, uint64_t place);
    void (*hungry)(void *user, struct conn *conn);
    void (*emptied)(void *user, uint32_t topic); // its last subscriber here has left it
};

struct hall_config {
    int64_t heartbeat, handshake_timeout; // milliseconds
    size_t max_header, max_message, max_queue;
    uint32_t max_open, max_fragments;
    struct rate rate;
    struct reception_config reception;
    atomic_uint *open;       // clients of all workers together
    struct quota *quota;     // and by address
    struct traffic *traffic; // counted here
};

struct hall {
    uv_loop_t *loop;
    struct hall_config config;
    const struct hall_events *events;
    void *user;
    void (*gone)(struct conn *conn); // its memory may be used again

    struct list dirty; // connections that have something to write or to decide, the oldest first
    uint32_t dirty_count;
    bool paused;         // the application is behind: clients are not read
    struct list stalled; // those that had something to say meanwhile
    struct deadlines handshaking, closing;
    struct deadlines slowed;           // clients that are not read until their rate allows it
    struct frame *too_slow, *too_many; // the Close for who is, or says too much
    struct subscribers subscribers;
    struct reception reception;
    struct compression *compression; // NULL: nothing is compressed
    struct websocket_pool websockets;
    struct transport_pool transports;
    char *read_buffer;
};

#define HALL_READ_BUFFER (64u << 10)

// 0, or a negative errno: then hall_release may follow.
int hall_init(struct hall *hall, uv_loop_t *loop, const struct hall_config *config,
              const struct websocket_events *websocket_events,
              const struct transport_events *transport_events);
void hall_release(struct hall *hall); // when nobody is here any more

// Lets one more client open: it counts until hall_leave. 0, or the status to refuse it with.
int hall_enter(struct hall *hall, const struct ip *address);
void hall_leave(struct hall *hall, const struct ip *address);

// Lists a connection's link as dirty, and takes it out again (whether it is in or not).
void hall_touch(struct hall *hall, struct list_link *dirty);
void hall_settle(struct hall *hall, struct list_link *dirty);

#endif
