// SPDX-License-Identifier: MIT
// The parts of a stream from PostgreSQL. postgres_source.c holds life and failure,
// postgres_connect.c the way to the stream, postgres_stream.c the stream, postgres_continuity.c whether
// it is the one that was read before. Private to this room.
#ifndef ROWCAST_SOURCE_POSTGRES_SOURCE_H
#define ROWCAST_SOURCE_POSTGRES_SOURCE_H

#include <libpq-fe.h>
#include <uv.h>

#include "postgres_conninfo.h"
#include "postgres_fault.h"
#include "postgres_probe.h"
#include "postgres_resolve.h"
#include "postgres_socket.h"
#include "rowcast/lag.h"
#include "rowcast/pgoutput.h"
#include "rowcast/postgres.h"
#include "rowcast/window.h"

// What is being waited for. In every state the one timer has one meaning.
enum postgres_state {
    POSTGRES_RESTING,     // timer: until the next attempt
    POSTGRES_RESOLVING,   // addresses; no timer
    POSTGRES_CONNECTING,  // timer: the deadline, as in the next four
    POSTGRES_IDENTIFYING, // the answer to IDENTIFY_SYSTEM
    POSTGRES_TRACING,     // the answer to TIMELINE_HISTORY
    POSTGRES_CHECKING,    // what the server and the slot look like
    POSTGRES_RECREATING,  // a lost slot is being made anew
    POSTGRES_STARTING,    // the answer to START_REPLICATION
    POSTGRES_WAITING,     // another process reads the slot; timer: until the next look
    POSTGRES_STREAMING,   // timer: each second's status
    POSTGRES_ENDED,       // for good
};

struct postgres_source {
    uv_loop_t *loop;
    struct source_callbacks callbacks;
    void *user;
    char *database, *slot, *publication;
    bool retry, recreate;

    enum postgres_state state;
    struct conninfo info;     // as the user gave it; empty before the first attempt
    struct conninfo resolved; // of this attempt
    struct postgres_resolve resolve;
    PGconn *conn;
    PGresult *result; // the first one of the command under way
    struct postgres_socket socket;
    uv_timer_t timer;
    uv_idle_t drain;             // while libpq holds messages that were not looked at
    int handles;                 // not yet closed
    struct postgres_probe probe; // while streaming: what the slot costs the server
    struct slot figures;         // and what it said; without the lag
    struct lag lag;
    bool paused, closing;
    bool skipped; // the server has left out changes, for want of the publication

    struct fault reported; // by `lost`; empty while the stream runs
    int failures;          // in a row, for the backoff
    uint64_t started;      // when the stream, or making the slot anew, began, as uv_now

    char *system; // identifier of the cluster; NULL before the first stream
    struct source_identity identity;
    char gap[256]; // why the stream does not go on from where it was read; "" if it does
    char *seen_system, *seen_database; // what this connection's server says
    char *published;                   // what its publication sends
    struct lineage seen_lineage;
    uint64_t server_end;   // how far its log goes
    uint64_t confirmed;    // up to where the slot was acknowledged by anyone
    uint64_t acknowledged; // and by us
    bool recreating;       // the lost slot is dropped, or about to be: one is made

    struct window window; // how far the slot is held back
    uint64_t target;      // where the server was when the stream began
    bool behind;          // `target` is not reached yet
    uint64_t waits_since; // uv_now when another process was first seen reading; 0: none is
    bool superseded;      // and it has been told

    struct pgoutput *decoder;
    uint64_t safe; // everything before it was delivered: acknowledged, and where to go on
    struct {
        uint64_t lsn; // 0: none
        uint32_t xid;
        int64_t time;
    } last;            // the newest transaction of which anything was delivered
    bool cut;          // but not all of it
    uint32_t cut_next; // the first of its changes that was not
    bool unproven; // it is not certain yet that the log is the one that `last` and `safe` are of
    bool held;     // what comes is thrown away, and read anew when it is held no more
    bool missed;   // what this connection brings does not follow what is held
    uint64_t held_end; // of the transaction that is kept by who held the stream; 0: none to its end
    uint64_t heard;    // the last message's uv_now
    uint64_t silence;  // milliseconds without a message after which the server counts as dead
};

// ---- postgres_source.c ----

struct postgres_place postgres_place_of(const struct postgres_source *source);
void postgres_note_published(struct postgres_source *source, const char *published);

// Ends the connection and tries anew after a while; `lost`, if the sentence is a new one. May end
// in the source being closed by a callback: the caller returns at once.
void postgres_fail(struct postgres_source *source, const struct fault *fault);
// Like postgres_fault and postgres_fail at once.
void postgres_fail_as(struct postgres_source *source, const char *sentence, const char *said);
void postgres_fail_broken(struct postgres_source *source);
void postgres_fail_result(struct postgres_source *source, const PGresult *result);
// The sentence without ending anything: standing by.
void postgres_report(struct postgres_source *source, const struct fault *fault);
// Ends the connection and makes it anew at once, where nothing is wrong.
void postgres_start_over(struct postgres_source *source);
// It makes no sense to try again.
void postgres_end(struct postgres_source *source, const struct fault *fault);

void postgres_wake(struct postgres_source *source, uint64_t milliseconds); // sets the timer
void postgres_drain(struct postgres_source *source,
                    bool more);                               // look at libpq's messages next turn
void postgres_free_when_idle(struct postgres_source *source); // closing, and nothing is under way

// Waits for the connection's socket, which may be another one than before; 0: for nothing.
void postgres_watch(struct postgres_source *source, int events);

// Begins to ask what the slot keeps, until the connection ends.
void postgres_watch_slot(struct postgres_source *source);

// ---- postgres_connect.c ----

void postgres_connect(struct postgres_source *source);
void postgres_connect_proceed(struct postgres_source *source); // the socket is ready
void postgres_check(struct postgres_source *source);           // looks at server and slot
void postgres_recreating(struct postgres_source *source);      // tells what that waits for
void postgres_connect_overdue(struct postgres_source *source); // the timer

// ---- postgres_continuity.c ----

// Before the start: compares the server and the slot with what was read. Where the stream cannot go on from
// there, `gap` says why and all that was remembered is forgotten.
void postgres_recognise(struct postgres_source *source);

// While the stream is `unproven`: false where the transaction, or a keepalive's position outside of one,
// proves nothing yet, or that the log is another one; the source has failed then, and begins anew with a `gap`.
bool postgres_prove(struct postgres_source *source, const struct transaction *transaction);
bool postgres_prove_passed(struct postgres_source *source, uint64_t end);

// ---- postgres_stream.c ----

void postgres_stream_begin(struct postgres_source *source);
void postgres_stream_proceed(struct postgres_source *source, bool readable);
void postgres_stream_tick(struct postgres_source *source);
void postgres_stream_farewell(struct postgres_source *source); // a last status
void postgres_stream_brake(struct postgres_source *source);    // `paused` changed

void postgres_stream_release(struct postgres_source *source); // it is held no more

// pgoutput_deliver: `user` is the source.
void postgres_stream_deliver(void *user, struct transaction *transaction);

#endif
