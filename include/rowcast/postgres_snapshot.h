// SPDX-License-Identifier: MIT
// The rows of a PostgreSQL database as they are at one moment, read over a few connections of their own, and
// which transactions they contain (see visibility.h).
#ifndef ROWCAST_POSTGRES_SNAPSHOT_H
#define ROWCAST_POSTGRES_SNAPSHOT_H

#include <stdint.h>
#include <uv.h>

#include "rowcast/change.h"
#include "rowcast/fault.h"
#include "rowcast/query.h"
#include "rowcast/visibility.h"

struct postgres_pool;
struct postgres_snapshot;

// Of one snapshot, all tables together; a larger one fails.
#define SNAPSHOT_MAX_ROWS 10000
#define SNAPSHOT_MAX_BYTES (8u << 20)

struct postgres_pool_config {
    const char *database;    // libpq URI or keywords
    const char *publication; // its column lists and row filters hold for snapshots, too
    int connections;         // at most so many
    int64_t timeout;         // milliseconds for one snapshot, from its connection on
};

// What was read. Owned by the pool: it lives during the callback only.
struct postgres_view {
    struct visibility visibility;
    uint32_t epoch, timeline;       // of the server that answered, as in source_identity
    uint64_t end;                   // every transaction that it contains was committed before
    const struct transaction *rows; // CHANGE_SNAPSHOT, in the order of the queries
};

struct postgres_snapshot_callbacks {
    // The moment is near: everything that the caller has seen committed by now was committed before it.
    void (*began)(void *user);
    void (*done)(void *user, struct postgres_view *view); // which may take its visibility
    // EXIT_UNAVAILABLE: it may work later. EXIT_FAILED: it is too large. EXIT_CONFIGURATION: it cannot work,
    // because a query is wrong or something is not allowed.
    void (*failed)(void *user, const struct fault *fault);
};

// Connects when the first snapshot is asked for, and lets go what is not used for a while.
struct postgres_pool *postgres_pool_new(uv_loop_t *loop, const struct postgres_pool_config *config);
void postgres_pool_close(
    struct postgres_pool *pool); // asynchronous; NULL is fine; no callback after it

// Runs the queries (one at least) in one transaction, when a connection is free; those that asked first come first.
// Ends with exactly one of `done` and `failed`, never from inside this call, unless it is cancelled. The
// queries must live until then. Tables that are not published have no rows.
struct postgres_snapshot *
postgres_snapshot_start(struct postgres_pool *pool, const struct query *queries, size_t count,
                        const struct postgres_snapshot_callbacks *callbacks, void *user);
// Not from inside its callbacks. The server ends what it was doing for it.
void postgres_snapshot_cancel(struct postgres_snapshot *snapshot);

// Has the server write its log to disk up to here, so that the change stream reaches what was in it: an open
// transaction's records may stay in memory for long. Does nothing while that is under way.
void postgres_pool_flush_log(struct postgres_pool *pool);

// Where a server's log ended, at the last flush: positions behind it had not been given to anything when it
// was asked. `asked`: in milliseconds of the loop's clock; 0: never.
struct postgres_log_end {
    uint32_t epoch, timeline; // of the server, as in source_identity
    uint64_t lsn;
    uint64_t asked;
};

const struct postgres_log_end *postgres_pool_log_end(const struct postgres_pool *pool);

#endif
