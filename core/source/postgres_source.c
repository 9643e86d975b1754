// SPDX-License-Identifier: MIT
// Life and failure of a stream from PostgreSQL.
#include "postgres_source.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

#define BACKOFF_FIRST 100 // milliseconds
#define BACKOFF_LAST 5000
#define STEADY 5000 // a stream that lasted so long is no failure in a row

struct postgres_place postgres_place_of(const struct postgres_source *source)
{
    return (struct postgres_place){&source->info, source->conn, source->slot, source->publication};
}

// ---- the socket ----

void postgres_free_when_idle(struct postgres_source *source)
{
    if (!source->closing || source->handles > 0 || source->resolve.busy)
        return;
    pgoutput_free(source->decoder);
    conninfo_release(&source->info);
    free(source->database);
    free(source->slot);
    free(source->publication);
    free(source->system);
    free(source->seen_system);
    free(source->seen_database);
    free(source->published);
    free(source);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct postgres_source *source = handle->data;
    source->handles--;
    postgres_free_when_idle(source);
}

static void on_poll_closed(uv_handle_t *handle)
{
    on_handle_closed(handle);
    free(handle);
}

void postgres_unwatch(struct postgres_source *source)
{
    if (source->poll)
        uv_poll_stop(source->poll);
    source->events = 0;
}

static void forget_socket(struct postgres_source *source)
{
    if (source->poll)
        uv_close((uv_handle_t *)source->poll, on_poll_closed);
    source->poll = NULL;
    source->events = 0;
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct postgres_source *source = poll->data;
    if (status < 0)
        source->events = 0; // libuv has stopped the handle
    if (source->state == POSTGRES_STREAMING)
        postgres_stream_proceed(source, status < 0 || (events & UV_READABLE));
    else
        postgres_connect_proceed(source);
}

static void take_socket(struct postgres_source *source)
{
    uv_poll_t *poll = memory_new(sizeof *poll);
    if (uv_poll_init(source->loop, poll, PQsocket(source->conn)) < 0) {
        free(poll); // the timer ends the attempt
        return;
    }
    poll->data = source;
    source->handles++;
    source->poll = poll;
    source->fd = PQsocket(source->conn);
}

void postgres_watch(struct postgres_source *source, int events)
{
    if (source->poll && source->fd != PQsocket(source->conn))
        forget_socket(source);
    if (!source->poll)
        take_socket(source);
    if (!source->poll || events == source->events)
        return;
    if (events)
        uv_poll_start(source->poll, events, on_socket);
    else
        postgres_unwatch(source);
    source->events = events;
}

static void disconnect(struct postgres_source *source)
{
    forget_socket(source);
    uv_idle_stop(&source->drain);
    uv_timer_stop(&source->timer);
    PQclear(source->result);
    PQfinish(source->conn);
    source->result = NULL;
    source->conn = NULL;
    conninfo_release(&source->resolved);
}

// ---- failure ----

void postgres_report(struct postgres_source *source, const struct fault *fault)
{
    if (strcmp(source->reported.text, fault->text) == 0)
        return;
    source->reported = *fault;
    source->callbacks.lost(source->user, fault);
}

void postgres_end(struct postgres_source *source, const struct fault *fault)
{
    disconnect(source);
    source->state = POSTGRES_ENDED;
    source->callbacks.ended(source->user, fault);
}

// Half to whole of a time that doubles, so that many routers do not come at once.
static uint64_t backoff(int failures)
{
    uint64_t most = BACKOFF_FIRST;
    for (; failures > 0 && most < BACKOFF_LAST; failures--)
        most *= 2;
    most = most < BACKOFF_LAST ? most : BACKOFF_LAST;
    uint32_t random = 0;
    uv_random(NULL, NULL, &random, sizeof random, 0, NULL);
    return most / 2 + random % (most / 2 + 1);
}

static void rest(struct postgres_source *source)
{
    bool steady =
        source->state == POSTGRES_STREAMING && uv_now(source->loop) - source->started >= STEADY;
    if (steady)
        source->failures = 0;
    source->state = POSTGRES_RESTING;
    postgres_wake(source, backoff(source->failures++));
}

void postgres_fail(struct postgres_source *source, const struct fault *fault)
{
    if (source->closing)
        return;
    disconnect(source);
    if (!source->retry) {
        postgres_end(source, fault);
        return;
    }
    rest(source);
    postgres_report(source, fault);
}

void postgres_fail_as(struct postgres_source *source, const char *sentence, const char *said)
{
    struct fault fault;
    struct postgres_place place = postgres_place_of(source);
    postgres_fault(&fault, &place, sentence, said);
    postgres_fail(source, &fault);
}

void postgres_fail_broken(struct postgres_source *source)
{
    struct fault fault;
    struct postgres_place place = postgres_place_of(source);
    postgres_fault_broken(&fault, &place);
    postgres_fail(source, &fault);
}

void postgres_fail_result(struct postgres_source *source, const PGresult *result)
{
    struct fault fault;
    struct postgres_place place = postgres_place_of(source);
    postgres_fault_result(&fault, &place, result);
    postgres_fail(source, &fault);
}

// ---- life ----

// What no attempt can mend.
static int check_settings(struct postgres_source *source, struct fault *fault)
{
    if (source->info.count == 0 && conninfo_init(&source->info, source->database, true, fault) < 0)
        return -1;
    size_t size = strlen(source->slot);
    if (size == 0 || size > 63 ||
        strspn(source->slot, "abcdefghijklmnopqrstuvwxyz0123456789_") != size) {
        struct postgres_place place = postgres_place_of(source);
        postgres_fault(fault, &place, POSTGRES_SLOT_NAME, NULL);
        fault->code = EXIT_CONFIGURATION;
        return -1;
    }
    return 0;
}

static void attempt(struct postgres_source *source)
{
    struct fault fault;
    if (check_settings(source, &fault) < 0)
        postgres_end(source, &fault);
    else
        postgres_connect(source);
}

static void on_timer(uv_timer_t *timer)
{
    struct postgres_source *source = timer->data;
    if (source->state == POSTGRES_RESTING)
        attempt(source);
    else if (source->state == POSTGRES_WAITING)
        postgres_check(source);
    else if (source->state == POSTGRES_STREAMING)
        postgres_stream_tick(source);
    else
        postgres_connect_overdue(source);
}

void postgres_wake(struct postgres_source *source, uint64_t milliseconds)
{
    uv_timer_start(&source->timer, on_timer, milliseconds, 0);
}

static void on_drain(uv_idle_t *drain)
{
    postgres_stream_proceed(drain->data, true);
}

void postgres_drain(struct postgres_source *source, bool more)
{
    if (more)
        uv_idle_start(&source->drain, on_drain);
    else
        uv_idle_stop(&source->drain);
}

struct postgres_source *postgres_source_start(uv_loop_t *loop, const struct postgres_config *config,
                                              const struct source_callbacks *callbacks, void *user)
{
    struct postgres_source *source = memory_new(sizeof *source);
    source->loop = loop;
    source->callbacks = *callbacks;
    source->user = user;
    source->database = memory_text(config->database);
    source->slot = memory_text(config->slot);
    source->publication = memory_text(config->publication);
    source->retry = config->retry;
    window_init(&source->window, config->history_time, config->replay_wal);
    source->decoder = pgoutput_new(postgres_stream_deliver, source);
    uv_timer_init(loop, &source->timer);
    uv_idle_init(loop, &source->drain);
    source->timer.data = source->drain.data = source;
    source->handles = 2;
    source->state = POSTGRES_RESTING;
    postgres_wake(source, 0);
    return source;
}

void postgres_source_pause(struct postgres_source *source, bool paused)
{
    if (source->paused == paused)
        return;
    source->paused = paused;
    if (source->state == POSTGRES_STREAMING)
        postgres_stream_brake(source);
}

// A quiet server answers each second: what it said last is true until then.
#define PROOF_LASTS 3000 // milliseconds

static int64_t late(const struct postgres_source *source)
{
    uint64_t since = uv_now(source->loop) - source->proved;
    if (source->proved == 0)
        return -1;
    if (source->state == POSTGRES_STREAMING && since < PROOF_LASTS)
        return source->late;
    return source->late + (int64_t)since;
}

void postgres_source_progress(const struct postgres_source *source,
                              struct postgres_progress *progress)
{
    uint64_t held = source->window.held;
    *progress = (struct postgres_progress){
        .system = source->system,
        .streaming = source->state == POSTGRES_STREAMING,
        .server = source->server_end,
        .safe = source->safe,
        .flushed = held > source->confirmed ? held : source->confirmed,
        .late = late(source),
    };
}

void postgres_source_close(struct postgres_source *source)
{
    if (!source || source->closing)
        return;
    if (source->state == POSTGRES_STREAMING)
        postgres_stream_farewell(source);
    source->closing = true;
    source->state = POSTGRES_ENDED;
    disconnect(source);
    if (source->resolve.busy)
        uv_cancel((uv_req_t *)&source->resolve.request);
    uv_close((uv_handle_t *)&source->timer, on_handle_closed);
    uv_close((uv_handle_t *)&source->drain, on_handle_closed);
}
