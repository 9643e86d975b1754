// SPDX-License-Identifier: MIT
// The net room's face: WebSocket clients on worker threads, driven from the brain thread.
//
// All functions and all callbacks run on the thread of the loop given to server_start. Calls are
// collected and handed to the workers by server_flush, once per loop turn; what is called for one
// client takes effect in the order of the calls. A call for a client that has gone does nothing.
#ifndef ROWCAST_SERVER_H
#define ROWCAST_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "rowcast/fault.h"
#include "rowcast/filter.h"
#include "rowcast/frame.h"
#include "rowcast/ip.h"
#include "rowcast/rate.h"
#include "rowcast/traffic.h"

struct server;

// A connection, named across threads. Never re-used while the process lives.
struct client_ref {
    uint32_t worker;
    uint32_t slot;
    uint64_t serial;
};

// What the client sent with its upgrade. Texts are NUL-terminated, may be NULL where absent, and live
// during the callback only.
struct handshake {
    const char *address;  // numeric, of the peer or of whom a trusted proxy names
    const char *path;     // before the '?'
    const char *query;    // behind it, as sent; NULL: none
    const char *protocol; // the subprotocol that was agreed
    const char *cookie, *user_agent, *origin;
};

struct server_callbacks {
    void (*opened)(void *user, struct client_ref client, const struct handshake *handshake);
    // Bytes live during the callback only.
    void (*message)(void *user, struct client_ref client, const char *bytes, size_t size,
                    bool binary);
    // The client says more than its rate allows, and is read more slowly. If it goes on it is closed
    // with 4101.
    void (*limited)(void *user, struct client_ref client);
    // Exactly once for each opened client, after its last message. `code` as in RFC 6455 section 7.4:
    // what the client sent or was sent, 1005 for a Close without a code, 1006 for none.
    void (*closed)(void *user, struct client_ref client, int code);
    // Every worker has ended after server_drain: server_free may be called (not from inside).
    void (*drained)(void *user);
};

struct server_config {
    const char *host; // NULL: 0.0.0.0 and ::
    int port;         // 0: a free one
    int workers;
    int64_t heartbeat; // milliseconds between pings, 0: off; two silent ones end the connection
    int64_t handshake_timeout;      // milliseconds, absolute
    size_t max_header, max_message; // bytes
    size_t max_queue;               // bytes of live events that wait for one client
    size_t max_backlog; // bytes that wait for it in all, missed events of a resume among them
    uint32_t max_connections, max_per_address; // clients; of one address: 0 for any number
    uint32_t max_fragments;                    // of one message
    struct rate rate;                          // of a client's messages
    const char *const *paths;                  // NULL-terminated
    const char *const *protocols;              // NULL-terminated, may be empty
    const char *const *origins;                // NULL-terminated, or NULL for any
    const struct network *trusted;             // proxies whose X-Forwarded-For is believed
    size_t trusted_count;
};

// Listens and starts the workers. On failure -1 with a sentence: a taken port is EXIT_UNAVAILABLE,
// also when its holder shares ports (SO_REUSEPORT).
int server_start(struct server **server, uv_loop_t *loop, const struct server_config *config,
                 const struct server_callbacks *callbacks, void *user, struct fault *fault);
int server_port(const struct server *server);
uint32_t server_connections(const struct server *server); // opened and not yet closed

// Takes over the caller's reference to the frame.
void server_send(struct server *server, struct client_ref client, struct frame *frame);
void server_close(struct server *server, struct client_ref client, int code, const char *reason);

// Adds the client to the topic, or replaces its filter (takes over the caller's reference; NULL: all types).
void server_subscribe(struct server *server, struct client_ref client, uint32_t topic,
                      struct filter *filter);
void server_unsubscribe(struct server *server, struct client_ref client, uint32_t topic);

// Sends the frame to every subscriber of the topics once. Borrows frame and topics.
void server_publish(struct server *server, const uint32_t *topics, uint32_t topic_count,
                    uint64_t type, struct frame *frame);

// The publishes since the last call are of a transaction that was committed at `time` (microseconds
// since 1970): how long it takes until they are written is measured.
void server_committed(struct server *server, int64_t time);

uint32_t server_workers(const struct server *server);
// What the worker has counted. Lives as long as the server.
const struct traffic *server_traffic(const struct server *server, uint32_t worker);
size_t server_unhandled(const struct server *server, uint32_t worker); // orders it is behind with

// What /health and /ready answer from now on, whole JSON bodies. `ready` decides 200 or 503.
void server_set_health(struct server *server, const char *health, bool ready,
                       const char *readiness);

void server_flush(struct server *server);

// True while so much is unhandled by a worker that the brain should not read more of its source.
bool server_congested(const struct server *server);

// Stops listening and closes every client with 1001; calls `drained` when all are gone, at the latest
// `milliseconds` from now, when the rest is cut.
void server_drain(struct server *server, int64_t milliseconds);
void server_free(struct server *server); // after `drained` only; NULL is fine

#endif
