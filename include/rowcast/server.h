// SPDX-License-Identifier: MIT
// The net room's face: WebSocket clients on worker threads, driven from the brain thread.
//
// All functions and all callbacks run on the thread of the loop given to server_start. Calls are
// collected and handed to the workers by server_flush, once per loop turn; what is called for one
// client takes effect in the order of the calls. A call for a client that has gone does nothing.
//
// What waits for one client is bounded. A client that does not keep up is *parked*: it stays
// subscribed, but published events are not queued for it until server_unpark; who needs them keeps
// them, and sends them with server_send when it takes more. So that the caller knows what a parked
// client has got: a client is parked at once by server_park, and by itself (then `parked` is called)
// only while everything it sent has been answered (server_answered). Between its message and the
// answer it is the caller's.
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
    // The client is parked, and watched. `place`: of the first event that was not queued for it.
    void (*parked)(void *user, struct client_ref client, uint64_t place);
    // A client that is watched has little left to send. Watching ends with it.
    void (*hungry)(void *user, struct client_ref client);
    // Every worker has ended after server_drain: server_free may be called (not from inside).
    void (*drained)(void *user);
};

struct server_config {
    const char *host; // NULL: 0.0.0.0 and ::
    int port;         // 0: a free one
    bool take_over;   // another process that shares the port may have it still
    int workers;
    int64_t heartbeat; // milliseconds between pings, 0: off; two silent ones end the connection
    int64_t handshake_timeout;                 // milliseconds, absolute
    size_t max_header, max_message;            // bytes
    size_t max_queue;                          // bytes that wait for one client
    uint32_t max_connections, max_per_address; // clients; of one address: 0 for any number
    uint32_t max_fragments;                    // of one message
    struct rate rate;                          // of a client's messages
    const char *const *paths;                  // NULL-terminated
    const char *const *protocols;              // NULL-terminated, may be empty
    const char *const *origins;                // NULL-terminated, or NULL for any
    const struct network *trusted;             // proxies whose X-Forwarded-For is believed
    size_t trusted_count;
    bool deflate; // permessage-deflate is agreed to when it is offered
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

// Sends the frame to every subscriber of the topics once. `place` is the event's in the order of all:
// it rises from call to call and is below UINT64_MAX. Borrows frame and topics.
void server_publish(struct server *server, const uint32_t *topics, uint32_t topic_count,
                    uint64_t type, uint64_t place, struct frame *frame);

// `opened` or one `message` of the client has been dealt with.
void server_answered(struct server *server, struct client_ref client);

// Parks a client that has not been answered. From here on it gets what server_send gives it.
void server_park(struct server *server, struct client_ref client);
void server_unpark(struct server *server,
                   struct client_ref client); // what is published from here on
void server_watch(struct server *server,
                  struct client_ref client); // `hungry`, once, of a parked one

// Closes a client with 4100 that cannot be given what it has not got: it will resume. What is unsent is
// dropped, so that the Close gets through.
void server_outrun(struct server *server, struct client_ref client);

// The publishes since the last call are of a transaction that was committed at `time` (microseconds
// since 1970): how long it takes until they are written is measured.
void server_committed(struct server *server, int64_t time);

// How many subscriptions the event at this place met when it came to the worker. False: it did not come
// there, or that is not known any more.
bool server_met(const struct server *server, uint32_t worker, uint64_t place,
                uint32_t *subscriptions);

uint32_t server_workers(const struct server *server);
// What the worker has counted. Lives as long as the server.
const struct traffic *server_traffic(const struct server *server, uint32_t worker);
size_t server_unhandled(const struct server *server, uint32_t worker); // orders it is behind with

// What /health and /ready answer from now on, whole JSON bodies. `ready` decides 200 or 503.
void server_set_health(struct server *server, const char *health, bool ready,
                       const char *readiness);

void server_flush(struct server *server);

// True while so much is unhandled by a worker that the brain should not read more of its source: until
// it is much less, so that what waits beside the source has its turn.
bool server_congested(struct server *server);

// Whether events for those who catch up would not delay the live ones.
bool server_has_room(const struct server *server);

// Stops listening and closes every client with 1001; calls `drained` when all are gone, at the latest
// `milliseconds` from now, when the rest is cut.
void server_drain(struct server *server, int64_t milliseconds);
void server_free(struct server *server); // after `drained` only; NULL is fine

#endif
