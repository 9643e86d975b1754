// SPDX-License-Identifier: MIT
// Life and failure of the connections that read snapshots, and who is next.
#include "postgres_pool.h"

#include <stdlib.h>

#include "rowcast/memory.h"

#define IDLE_MILLISECONDS 30000 // then a connection is let go
#define GRACE 2000              // milliseconds for the server to keep its own time-out

struct postgres_place reader_place(const struct postgres_reader *reader)
{
    return (struct postgres_place){.info = &reader->pool->info,
                                   .conn = reader->conn,
                                   .publication = reader->pool->publication};
}

static void on_turn(uv_idle_t *turn);

static void wake(struct postgres_pool *pool)
{
    if (!pool->closing)
        uv_idle_start(&pool->turn, on_turn);
}

// ---- the connection ----

static void disconnect(struct postgres_reader *reader)
{
    postgres_socket_forget(&reader->socket);
    uv_timer_stop(&reader->timer);
    PQclear(reader->failure);
    PQfinish(reader->conn);
    reader->failure = NULL;
    reader->conn = NULL;
    conninfo_release(&reader->resolved);
    reader->state = READER_OFF;
}

void reader_fail(struct postgres_reader *reader, const struct fault *fault)
{
    struct postgres_snapshot *snapshot = reader->snapshot;
    bool again = reader->stale && reader->state == READER_BEGINNING;
    reader->snapshot = NULL;
    disconnect(reader);
    wake(reader->pool);
    if (!snapshot)
        return;
    snapshot->reader = NULL;
    if (again)
        list_prepend(&reader->pool->waiting, &snapshot->link);
    else
        postgres_snapshot_end(snapshot, fault);
}

void reader_fail_broken(struct postgres_reader *reader)
{
    struct fault fault;
    struct postgres_place place = reader_place(reader);
    postgres_fault_broken(&fault, &place);
    reader_fail(reader, &fault);
}

void reader_fail_as(struct postgres_reader *reader, const char *sentence, const char *said)
{
    struct fault fault;
    struct postgres_place place = reader_place(reader);
    postgres_fault(&fault, &place, sentence, said);
    reader_fail(reader, &fault);
}

static void on_timer(uv_timer_t *timer)
{
    struct postgres_reader *reader = timer->data;
    if (reader->state == READER_IDLE)
        disconnect(reader);
    else if (reader->state == READER_CONNECTING)
        reader_fail_as(
            reader, "{where} cannot be reached for a snapshot: it did not answer in time.", NULL);
    else
        reader_fail_as(reader, "{where} was asked for a snapshot and did not answer in time.",
                       NULL);
}

static void set_timer(struct postgres_reader *reader, int64_t milliseconds)
{
    uv_timer_start(&reader->timer, on_timer, (uint64_t)milliseconds, 0);
}

static void watch(struct postgres_reader *reader, int events)
{
    postgres_socket_watch(&reader->socket, reader->conn, events);
}

void reader_watch(struct postgres_reader *reader)
{
    watch(reader, PQflush(reader->conn) > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

void reader_ask(struct postgres_reader *reader, enum reader_state state, const char *command)
{
    reader->state = state;
    if (PQsendQuery(reader->conn, command))
        reader_watch(reader);
    else
        reader_fail_broken(reader);
}

void reader_rest(struct postgres_reader *reader)
{
    reader->state = READER_IDLE;
    reader->stale = true;
    set_timer(reader, IDLE_MILLISECONDS);
    wake(reader->pool);
}

// ---- connecting ----

static void ignore_notice(void *unused, const PGresult *result)
{
    (void)unused;
    (void)result;
}

static void follow(struct postgres_reader *reader, PostgresPollingStatusType status)
{
    if (status == PGRES_POLLING_OK) {
        PQsetnonblocking(reader->conn, 1);
        set_timer(reader, reader->pool->timeout + GRACE);
        reader_introduce(reader);
    } else if (status == PGRES_POLLING_FAILED) {
        struct fault fault;
        struct postgres_place place = reader_place(reader);
        postgres_fault_connection(&fault, &place);
        reader_fail(reader, &fault);
    } else {
        watch(reader, status == PGRES_POLLING_READING ? UV_READABLE : UV_WRITABLE);
    }
}

static void start_connection(struct postgres_reader *reader)
{
    reader->state = READER_CONNECTING;
    reader->conn = PQconnectStartParams((const char *const *)reader->resolved.keywords,
                                        (const char *const *)reader->resolved.values, 0);
    set_timer(reader, conninfo_connect_milliseconds(&reader->pool->info));
    if (reader->conn)
        PQsetNoticeReceiver(reader->conn, ignore_notice, NULL);
    bool bad = !reader->conn || PQstatus(reader->conn) == CONNECTION_BAD;
    follow(reader, bad ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING);
}

static void free_when_idle(struct postgres_pool *pool);

static void on_resolved(void *user, const char *failure)
{
    struct postgres_reader *reader = user;
    if (reader->pool->closing) {
        conninfo_release(&reader->resolved);
        free_when_idle(reader->pool);
    } else if (failure) {
        reader_fail_as(reader, "{where} cannot be reached for a snapshot: {said}.", failure);
    } else {
        start_connection(reader);
    }
}

static void dial(struct postgres_reader *reader)
{
    struct postgres_pool *pool = reader->pool;
    conninfo_copy(&reader->resolved, &pool->info);
    reader->stale = false;
    if (!postgres_resolve_needed(&pool->info)) {
        start_connection(reader);
        return;
    }
    reader->state = READER_RESOLVING;
    postgres_resolve_start(&reader->resolve, pool->loop, &reader->resolved, on_resolved, reader);
}

static void on_socket(void *user, bool broken, int events)
{
    struct postgres_reader *reader = user;
    (void)broken; // reading fails then
    (void)events;
    if (reader->state == READER_CONNECTING) {
        postgres_socket_pause(&reader->socket);
        follow(reader, PQconnectPoll(reader->conn));
    } else if (!PQconsumeInput(reader->conn)) {
        reader_fail_broken(reader);
    } else {
        reader_watch(reader);
        reader_take_results(reader);
    }
}

// ---- who is next ----

static struct postgres_reader *find(const struct postgres_pool *pool, enum reader_state state)
{
    for (int i = 0; i < pool->reader_count; i++)
        if (pool->readers[i].state == state && !pool->readers[i].snapshot &&
            !pool->readers[i].resolve.busy)
            return &pool->readers[i];
    return NULL;
}

// A connection that is made is as good as a free one: its snapshot stands in front of nobody.
static struct postgres_reader *find_free(const struct postgres_pool *pool)
{
    struct postgres_reader *reader = find(pool, READER_IDLE);
    return reader ? reader : find(pool, READER_OFF);
}

static void assign(struct postgres_pool *pool, struct postgres_reader *reader)
{
    struct list_link *link = list_first(&pool->waiting);
    struct postgres_snapshot *snapshot = container_of(link, struct postgres_snapshot, link);
    list_leave(link);
    reader->snapshot = snapshot;
    snapshot->reader = reader;
    if (reader->state == READER_OFF) {
        dial(reader);
        return;
    }
    set_timer(reader, pool->timeout + GRACE);
    reader_begin(reader);
}

// The parameters of the database, which are wrong for good or right for good. False: the first that
// waits has failed of it.
static bool understand(struct postgres_pool *pool)
{
    struct fault fault;
    if (pool->understood || conninfo_init(&pool->info, pool->database, false, &fault) == 0) {
        pool->understood = true;
        return true;
    }
    struct list_link *link = list_first(&pool->waiting);
    list_leave(link);
    postgres_snapshot_end(container_of(link, struct postgres_snapshot, link), &fault);
    return false;
}

static void on_turn(uv_idle_t *turn)
{
    struct postgres_pool *pool = turn->data;
    struct postgres_reader *reader;
    uv_idle_stop(&pool->turn); // what fails below starts it anew
    while (!pool->closing && list_first(&pool->waiting) && (reader = find_free(pool)))
        if (understand(pool))
            assign(pool, reader);
}

// ---- snapshots ----

static void snapshot_free(struct postgres_snapshot *snapshot)
{
    list_leave(&snapshot->link);
    visibility_release(&snapshot->view.visibility);
    transaction_free(snapshot->rows);
    free(snapshot);
}

void postgres_snapshot_end(struct postgres_snapshot *snapshot, const struct fault *fault)
{
    if (snapshot->pool->flush == snapshot)
        snapshot->pool->flush = NULL;
    else if (fault)
        snapshot->callbacks.failed(snapshot->user, fault);
    else
        snapshot->callbacks.done(snapshot->user, &snapshot->view);
    snapshot_free(snapshot);
}

static struct postgres_snapshot *snapshot_new(struct postgres_pool *pool)
{
    struct postgres_snapshot *snapshot = memory_new(sizeof *snapshot);
    snapshot->pool = pool;
    snapshot->rows = transaction_new();
    snapshot->view.rows = snapshot->rows;
    list_append(&pool->waiting, &snapshot->link);
    wake(pool);
    return snapshot;
}

struct postgres_snapshot *
postgres_snapshot_start(struct postgres_pool *pool, const struct query *queries, size_t count,
                        const struct postgres_snapshot_callbacks *callbacks, void *user)
{
    struct postgres_snapshot *snapshot = snapshot_new(pool);
    snapshot->queries = queries;
    snapshot->count = count;
    snapshot->callbacks = *callbacks;
    snapshot->user = user;
    return snapshot;
}

// A connection that is in the middle of something is given up: the server sees that, and ends the query.
void postgres_snapshot_cancel(struct postgres_snapshot *snapshot)
{
    struct postgres_reader *reader = snapshot->reader;
    if (reader) {
        reader->snapshot = NULL;
        if (reader->state >= READER_BEGINNING)
            disconnect(reader);
        wake(snapshot->pool);
    }
    snapshot_free(snapshot);
}

void postgres_pool_flush_log(struct postgres_pool *pool)
{
    if (!pool->flush)
        pool->flush = snapshot_new(pool);
}

const struct postgres_log_end *postgres_pool_log_end(const struct postgres_pool *pool)
{
    return &pool->end;
}

// ---- life ----

struct postgres_pool *postgres_pool_new(uv_loop_t *loop, const struct postgres_pool_config *config)
{
    struct postgres_pool *pool = memory_new(sizeof *pool);
    pool->loop = loop;
    pool->database = memory_text(config->database);
    pool->publication = memory_text(config->publication);
    pool->timeout = config->timeout;
    list_init(&pool->waiting);
    pool->reader_count = config->connections;
    pool->readers = memory_new((size_t)pool->reader_count * sizeof *pool->readers);
    for (int i = 0; i < pool->reader_count; i++) {
        struct postgres_reader *reader = &pool->readers[i];
        reader->pool = pool;
        reader->socket = (struct postgres_socket){.loop = loop, .ready = on_socket, .user = reader};
        uv_timer_init(loop, &reader->timer);
        reader->timer.data = reader;
    }
    uv_idle_init(loop, &pool->turn);
    pool->turn.data = pool;
    pool->handles = pool->reader_count + 1;
    return pool;
}

static void free_when_idle(struct postgres_pool *pool)
{
    bool busy = pool->handles > 0;
    for (int i = 0; i < pool->reader_count; i++)
        busy |= pool->readers[i].resolve.busy;
    if (busy)
        return;
    conninfo_release(&pool->info);
    free(pool->readers);
    free(pool->database);
    free(pool->publication);
    free(pool);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct postgres_pool *pool =
        handle->type == UV_IDLE ? handle->data : ((struct postgres_reader *)handle->data)->pool;
    pool->handles--;
    free_when_idle(pool);
}

static void reader_close(struct postgres_reader *reader)
{
    struct postgres_snapshot *snapshot = reader->snapshot;
    bool resolving = reader->resolve.busy;
    reader->snapshot = NULL;
    if (snapshot)
        snapshot_free(snapshot);
    if (resolving)
        uv_cancel((uv_req_t *)&reader->resolve.request);
    else
        disconnect(reader);
    uv_close((uv_handle_t *)&reader->timer, on_handle_closed);
}

void postgres_pool_close(struct postgres_pool *pool)
{
    struct list_link *link;
    if (!pool || pool->closing)
        return;
    pool->closing = true;
    while ((link = list_first(&pool->waiting)))
        snapshot_free(container_of(link, struct postgres_snapshot, link));
    for (int i = 0; i < pool->reader_count; i++)
        reader_close(&pool->readers[i]);
    uv_close((uv_handle_t *)&pool->turn, on_handle_closed);
}
