// SPDX-License-Identifier: MIT
// The parts of a pool of connections that read snapshots. postgres_pool.c holds life and failure, and who is
// next; postgres_snapshot.c what is said on a connection. Private to this room.
#ifndef ROWCAST_SOURCE_POSTGRES_POOL_H
#define ROWCAST_SOURCE_POSTGRES_POOL_H

#include <libpq-fe.h>
#include <uv.h>

#include "postgres_conninfo.h"
#include "postgres_fault.h"
#include "postgres_resolve.h"
#include "postgres_socket.h"
#include "rowcast/buffer.h"
#include "rowcast/list.h"
#include "rowcast/postgres_snapshot.h"

// What is being waited for. The timer is the deadline, or in READER_IDLE the end of the connection.
enum reader_state {
    READER_OFF,
    READER_RESOLVING,  // addresses; no timer
    READER_CONNECTING, // a connection
    READER_SETTING,    // who the server is
    READER_IDLE,
    // With a snapshot:
    READER_BEGINNING, // the transaction, and what the publication shows of the tables
    READER_QUERYING,  // rows
    READER_SAVING,    // a savepoint before the next query
    READER_RETURNING, // to the savepoint, after a query that failed harmlessly
    // Without one:
    READER_ENDING, // the transaction
};

// One connection. It is freed with its pool only.
struct postgres_reader {
    struct postgres_pool *pool;
    enum reader_state state;
    struct conninfo resolved;
    struct postgres_resolve resolve;
    PGconn *conn;
    PGresult *failure; // of the command under way
    struct postgres_socket socket;
    uv_timer_t timer;
    struct postgres_snapshot *snapshot; // under way, or NULL
    bool stale;                         // was idle: the server may have ended it unnoticed
    uint32_t epoch, timeline;
};

struct postgres_snapshot {
    struct list_link link; // in pool->waiting
    struct postgres_pool *pool;
    struct postgres_reader *reader; // NULL while it waits for one
    struct postgres_snapshot_callbacks callbacks;
    void *user;
    const struct query *queries;
    size_t count, next;             // of the queries; the one under way
    struct published_table *tables; // in the view's arena; one for each query
    uint32_t first_row;             // of the query under way
    struct transaction *rows;
    struct postgres_view view;
    uint64_t asked; // of a flush
};

struct postgres_pool {
    uv_loop_t *loop;
    struct conninfo info;
    bool understood; // `info` was read
    char *database, *publication;
    int64_t timeout;
    struct list waiting;
    struct postgres_snapshot *flush; // of the log, while it is under way
    struct postgres_log_end end;     // at the last one
    struct postgres_reader *readers;
    int reader_count, handles;
    uv_idle_t turn; // runs when somebody waits
    bool closing;
};

// ---- postgres_pool.c ----

void reader_ask(struct postgres_reader *reader, enum reader_state state, const char *command);
void reader_watch(struct postgres_reader *reader); // after something was sent
void reader_rest(struct postgres_reader *reader);  // nothing is under way any more
// Ends the connection, and the snapshot with it.
void reader_fail(struct postgres_reader *reader, const struct fault *fault);
void reader_fail_broken(struct postgres_reader *reader);
void reader_fail_as(struct postgres_reader *reader, const char *sentence, const char *said);
struct postgres_place reader_place(const struct postgres_reader *reader);
// Calls what the snapshot ends with, and frees it. fault NULL: done.
void postgres_snapshot_end(struct postgres_snapshot *snapshot, const struct fault *fault);

// ---- postgres_snapshot.c ----

void reader_introduce(struct postgres_reader *reader); // the first command of a connection
void reader_begin(struct postgres_reader *reader);     // the first command for a snapshot
void reader_take_results(struct postgres_reader *reader);

#endif
