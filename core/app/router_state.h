// SPDX-License-Identifier: MIT
// The brain's parts. router.c routes, router_watch.c tells those who watch. Private to this room.
#ifndef ROWCAST_APP_ROUTER_STATE_H
#define ROWCAST_APP_ROUTER_STATE_H

#include "rowcast/admin.h"
#include "rowcast/clients.h"
#include "rowcast/delivery.h"
#include "rowcast/failed.h"
#include "rowcast/guard.h"
#include "rowcast/health.h"
#include "rowcast/history.h"
#include "rowcast/metrics.h"
#include "rowcast/postgres.h"
#include "rowcast/postgres_snapshot.h"
#include "rowcast/process.h"
#include "rowcast/recorded.h"
#include "rowcast/router.h"
#include "rowcast/script.h"
#include "rowcast/server.h"
#include "rowcast/snapshots.h"
#include "rowcast/topics.h"

struct router {
    const struct settings *settings;
    uv_loop_t *loop;
    struct script *script;
    struct topics topics;
    struct history *history;
    struct server *server;
    struct clients *clients;
    struct snapshots *snapshots;
    struct postgres_pool *pool; // NULL: no snapshots
    struct failed *failed;      // NULL: no file for failed rows
    struct delivery *delivery;
    struct postgres_source *postgres;
    struct recorded_source *recorded;
    struct source_identity identity;
    struct health health;
    struct guard guard;
    struct metrics metrics;
    struct admin *admin; // NULL: off
    bool admin_waits;    // until the port is free
    int64_t started;     // microseconds
    int64_t loaded;      // when the scripts were
    uint64_t streams;    // how often a stream has begun
    bool connected;      // to the source, or it has come to its end
    struct process_figures process;
    uv_work_t counting; // of descriptors
    int64_t counted;    // what it found
    bool counts;        // `counting` is under way
    bool paused;        // the source: the workers are behind, or a file of rows is held
    bool drained;       // every client has gone
    bool waits_for_setup;
    int exit_code;
    bool asking;    // the source should ask at the end of the turn
    bool resetting; // what comes was committed before the subscribers are told to begin anew
    uv_timer_t tick;
    uv_prepare_t end_of_turn;
    uv_idle_t more; // active while clients that catch up could go on at once
};

// ---- router_watch.c ----

// The scripts have been loaded: from now on they are counted, and told of.
void router_note_scripts(struct router *router);

// Opens the admin port, if there is to be one. -1 with a sentence; one that another instance has, which is
// being taken over, is waited for.
int router_watch(struct router *router, struct fault *fault);
void router_watch_again(struct router *router); // once a second

// ---- router_trace.c ----

// JSON lines: first {"behind":ID,"whole":BOOL,"more":BOOL}, then the events as clients get them. `behind`
// is what the next question goes on with; whole: none between was dropped; more: it has more at once.
struct frame *router_answer_events(const struct router *router, const struct http_request *request);

#endif
