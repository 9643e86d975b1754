// SPDX-License-Identifier: MIT
// The brain's side of the clients: calls the hooks of client.lua and carries out the commands they return.
#ifndef ROWCAST_CLIENTS_H
#define ROWCAST_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowcast/formats.h"
#include "rowcast/history.h"
#include "rowcast/metrics.h"
#include "rowcast/script.h"
#include "rowcast/server.h"
#include "rowcast/snapshots.h"
#include "rowcast/topics.h"

struct clients;

// What the clients need of the rest; all of it outlives them. `server` may be set later, before the
// first client comes. So may `pool` and `snapshots`, whose callbacks and user are these and the clients.
struct clients_config {
    struct server *server;
    struct snapshots *snapshots;
    struct postgres_pool *pool; // of connections to the stream's database; NULL: there is none
    void (*ask)(void *user);    // the source should ask how far its stream is
    void *user;
    struct topics *topics;
    struct formats *formats;
    struct history *history;
    uint32_t max_subscriptions;
    int64_t per_second; // messages of one client, as it is told
    int64_t wait;       // milliseconds a subscribe waits for the stream to start
    size_t batch;       // bytes that a client which catches up is given at once
    // Types of which a slow client gets the newest only; NULL-terminated.
    const char *const *conflate;
    struct metrics *metrics;
};

struct clients *clients_new(const struct clients_config *config);
void clients_free(struct clients *clients); // NULL is fine
void clients_set_server(struct clients *clients, struct server *server);
void clients_set_snapshots(struct clients *clients, struct snapshots *snapshots,
                           struct postgres_pool *pool);
extern const struct snapshots_callbacks clients_snapshots_callbacks;
void clients_set_script(struct clients *clients, struct script *script); // between two calls only

// An event could not be put into the format: those who should have got it so are closed. See formats.h.
void clients_fail_format(struct clients *clients, uint32_t format, const struct event *event);

// The stream has begun: what waited for it goes on, in order.
void clients_start(struct clients *clients);

// From now on subscribes wait for clients_start.
void clients_pause(struct clients *clients);

// The stream has gone to another: closes everybody with 1001; who comes then waits for clients_start.
void clients_stop(struct clients *clients);

// Continuity has ended: tells every subscriber `stream_reset` with the position where it goes on.
void clients_reset(struct clients *clients);

// Once a second: goes on with what waited for the stream to come as far as its `since`, and answers
// `unavailable` to what has waited too long. `now` in milliseconds of the loop's clock; `connected`: the
// source's connection stands.
void clients_tick(struct clients *clients, uint64_t now, bool connected);

// Topics subscribed to, summed over the clients; and clients that wait for the stream.
uint64_t clients_subscriptions(const struct clients *clients);
uint64_t clients_waiting(const struct clients *clients);

// Who is subscribed now to one of an event's topics and wants its type: how many, and of these who
// have it still to come, as they catch up.
#define CLIENTS_NAMED 20

struct clients_audience {
    uint32_t subscribed, behind;
    const char *named[CLIENTS_NAMED]; // ids of the first of those behind; live until the next call
};

void clients_audience(const struct clients *clients, const struct event *event, uint64_t place,
                      struct clients_audience *audience);

void clients_opened(struct clients *clients, struct client_ref ref,
                    const struct handshake *handshake, uint64_t now);
void clients_message(struct clients *clients, struct client_ref ref, const char *bytes, size_t size,
                     bool binary, uint64_t now);
void clients_limited(struct clients *clients, struct client_ref ref);
void clients_closed(struct clients *clients, struct client_ref ref, int code);

// The worker serves the client no longer: it does not keep up. `place`: of the first event it did not
// get. From here on it is served from the history.
void clients_parked(struct clients *clients, struct client_ref ref, uint64_t place);
void clients_hungry(struct clients *clients, struct client_ref ref); // it takes more

// Once a turn of the loop: gives those that catch up their next events, each in its turn, for a bounded
// time. True: some are left that could go on at once.
bool clients_feed(struct clients *clients);
uint32_t clients_behind(const struct clients *clients); // how many catch up

#endif
