// SPDX-License-Identifier: MIT
// The brain's parts. router.c routes, router_scripts.c has the scripts, router_watch.c tells those who watch. Private
// to this room.
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
#include "rowcast/overrun.h"
#include "rowcast/postgres.h"
#include "rowcast/postgres_snapshot.h"
#include "rowcast/process.h"
#include "rowcast/recorded.h"
#include "rowcast/reload.h"
#include "rowcast/router.h"
#include "rowcast/script.h"
#include "rowcast/server.h"
#include "rowcast/shadow.h"
#include "rowcast/snapshots.h"
#include "rowcast/topics.h"

// How the scripts came to be what they are.
struct reloading {
    struct reload *reload;
    struct script *fresh;   // loaded, and to be swapped in when no transaction is half delivered
    struct settings reread; // with the scripts that are being loaded
    char *published;        // what the source sends; NULL: not known
    int64_t loaded;         // when those that run were; microseconds
    const char *result;     // of the last reload: "ok", "failed", "mended"; NULL: there was none
    int64_t at;             // when that was
    int64_t took;           // microseconds
    int64_t taking;         // nanoseconds that the loop took for what is to be swapped in
    bool asked;             // by router_reload, and not settled yet
    void (*settled)(void *user);
    void *settled_user;
    char blind[HEALTH_SENTENCE];       // why changes may go unseen; "": they do not
    char failed[HEALTH_SENTENCE];      // why the newest scripts do not run; "": they do
    char unpublished[HEALTH_SENTENCE]; // which script gets no rows; "": none
};

struct router {
    const struct settings *settings;
    uv_loop_t *loop;
    struct script *script;
    struct reloading scripts;
    struct topics topics;
    struct history *history;
    struct formats *formats;
    struct server *server;
    struct clients *clients;
    struct snapshots *snapshots;
    struct postgres_pool *pool; // NULL: no snapshots
    struct failed *failed;      // NULL: no file for failed rows
    char *spec;                 // the command for a spec of one of them; NULL likewise
    struct shadow *shadow;      // NULL: none
    struct overrun *overrun;
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
    uint64_t streams;    // how often a stream has begun
    bool connected;      // to the source, or it has come to its end
    struct process_figures process;
    uv_work_t counting; // of descriptors
    int64_t counted;    // what it found
    bool counts;        // `counting` is under way
    bool within;        // a transaction that comes in parts is not at its end
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

// ---- router.c ----

void router_publish_health(struct router *router);
void router_try_again(
    struct router *router); // what is held, with scripts that may have been mended

// ---- router_scripts.c ----

int router_load_scripts(struct router *router, struct fault *fault); // at first
void router_watch_scripts(struct router *router);
void router_leave_scripts(struct router *router); // watches and reloads no more
void router_free_scripts(struct router *router);

// Those that were loaded meanwhile take over, unless a transaction is half delivered. To be called after each part.
void router_swap_scripts(struct router *router);

// What is published, and whether that suits the scripts.
void router_note_published(struct router *router, const char *published);
void router_check_published(struct router *router);

// ---- router_watch.c ----

// Opens the admin port, if there is to be one. -1 with a sentence; one that another instance has, which is
// being taken over, is waited for.
int router_watch(struct router *router, struct fault *fault);
void router_watch_again(struct router *router); // once a second

// ---- router_trace.c ----

// JSON lines: first {"behind":ID,"whole":BOOL,"more":BOOL}, then the events as clients get them. `behind`
// is what the next question goes on with; whole: none between was dropped; more: it has more at once.
struct frame *router_answer_events(const struct router *router, const struct http_request *request);

// Lines for people: what has become of the event that the query names.
struct frame *router_answer_explain(const struct router *router,
                                    const struct http_request *request);

#endif
