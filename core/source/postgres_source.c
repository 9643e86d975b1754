// SPDX-License-Identifier: MIT
// Life and failure of a stream from PostgreSQL.
#include "postgres_source.h"

#include <stdlib.h>
#include <string.h>

#include "postgres_figures.h"
#include "rowcast/memory.h"

#define BACKOFF_FIRST 100 // milliseconds
#define BACKOFF_LAST 5000
#define STEADY 5000 // a stream that lasted so long is no failure in a row

struct postgres_place postgres_place_of(const struct postgres_source *source)
{
    return (struct postgres_place){&source->info, source->conn, source->slot, source->publication,
                                   NULL};
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

static void on_probe_closed(uv_handle_t *handle)
{
    struct postgres_source *source =
        container_of((uv_timer_t *)handle, struct postgres_source, probe.timer);
    source->handles--;
    postgres_free_when_idle(source);
}

static void on_socket(void *user, bool broken, int events)
{
    struct postgres_source *source = user;
    if (source->state == POSTGRES_STREAMING)
        postgres_stream_proceed(source, broken || (events & UV_READABLE));
    else
        postgres_connect_proceed(source);
}

void postgres_watch(struct postgres_source *source, int events)
{
    postgres_socket_watch(&source->socket, source->conn, events);
}

static void disconnect(struct postgres_source *source)
{
    postgres_socket_forget(&source->socket);
    postgres_probe_stop(&source->probe);
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

void postgres_start_over(struct postgres_source *source)
{
    disconnect(source);
    source->state = POSTGRES_RESTING;
    postgres_wake(source, BACKOFF_FIRST);
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

// ---- the slot's figures, and what is published ----

void postgres_note_published(struct postgres_source *source, const char *published)
{
    free(source->published);
    source->published = memory_text(published ? published : "");
    source->identity.published = source->published;
}

static void look_at_published(struct postgres_source *source, const char *published)
{
    if (!source->published || strcmp(source->published, published ? published : "") == 0)
        return;
    postgres_note_published(source, published);
    if (source->callbacks.published)
        source->callbacks.published(source->user, source->published);
}

static void on_figures(void *user, const PGresult *result, const PGconn *conn)
{
    struct postgres_source *source = user;
    int64_t now = (int64_t)uv_now(source->loop);
    if (result) {
        postgres_figures_answer(&source->figures, result, now);
        lag_mark(&source->lag, source->figures.server, now);
        look_at_published(source, postgres_figures_published(result));
        if (source->state == POSTGRES_RECREATING)
            postgres_recreating(source);
        return;
    }
    struct fault fault;
    struct postgres_place place = {&source->info, conn, source->slot, source->publication, NULL};
    if (!conn || PQstatus(conn) == CONNECTION_BAD)
        postgres_fault_connection(&fault, &place);
    else
        postgres_fault(&fault, &place,
                       "{where} does not say in time what the slot \"{slot}\" keeps.", NULL);
    snprintf(source->figures.unseen, SLOT_UNSEEN_SIZE, "%.*s", SLOT_UNSEEN_SIZE - 1, fault.text);
}

void postgres_watch_slot(struct postgres_source *source)
{
    char *publication =
        PQescapeLiteral(source->conn, source->publication, strlen(source->publication));
    char *published = postgres_published_sql(source->conn, publication ? publication : "''");
    PQfreemem(publication);
    char *question = postgres_figures_question(source->slot, published);
    free(published);
    postgres_probe_start(&source->probe, source->database, source->conn, question);
    free(question);
}

void postgres_source_slot(struct postgres_source *source, struct slot *slot)
{
    *slot = source->figures;
    uint64_t end = slot->server > source->server_end ? slot->server : source->server_end;
    slot->lag_bytes = source->safe && end > source->safe ? end - source->safe : 0;
    int64_t now = (int64_t)uv_now(source->loop), silent = now - (int64_t)source->heard;
    slot->lag_milliseconds = lag_time(&source->lag, source->safe, now);
    if (source->state != POSTGRES_STREAMING && source->heard > 0 && silent > slot->lag_milliseconds)
        slot->lag_milliseconds = silent; // nobody knows what was written meanwhile
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
    source->recreate = config->recreate_slot;
    window_init(&source->window, config->history_time, config->replay_wal);
    source->decoder = pgoutput_new(postgres_stream_deliver, source);
    uv_timer_init(loop, &source->timer);
    uv_idle_init(loop, &source->drain);
    source->timer.data = source->drain.data = source;
    source->socket = (struct postgres_socket){.loop = loop, .ready = on_socket, .user = source};
    postgres_probe_init(&source->probe, loop, on_figures, source);
    source->handles = 3;
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

void postgres_source_hold(struct postgres_source *source, bool held)
{
    if (!source || source->held == held)
        return;
    source->held = held;
    if (!held)
        postgres_stream_release(source);
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
    postgres_probe_close(&source->probe, on_probe_closed);
}
