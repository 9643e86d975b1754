// SPDX-License-Identifier: MIT
// A question now and then.
#include "postgres_probe.h"

#include <stdlib.h>

#include "rowcast/memory.h"

// A server that hangs is asked no second question behind the first.
#define PROBE_SETTINGS " -c statement_timeout=5s"

static void hang_up(struct postgres_probe *probe)
{
    postgres_socket_forget(&probe->socket);
    PQclear(probe->result);
    PQfinish(probe->conn);
    probe->result = NULL;
    probe->conn = NULL;
    probe->state = PROBE_AWAY;
}

// A connection may break by itself: it is worth a word when the next one does not come to be, either.
static void fail(struct postgres_probe *probe)
{
    if (++probe->failures > 1)
        probe->answered(probe->user, NULL, probe->conn);
    hang_up(probe);
}

static void wait_for(struct postgres_probe *probe, int events)
{
    postgres_socket_watch(&probe->socket, probe->conn, events);
}

static void ask(struct postgres_probe *probe)
{
    probe->state = PROBE_ASKING;
    if (PQsendQuery(probe->conn, probe->question))
        wait_for(probe, PQflush(probe->conn) > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
    else
        fail(probe);
}

static void proceed_connecting(struct postgres_probe *probe)
{
    postgres_socket_pause(&probe->socket);
    switch (PQconnectPoll(probe->conn)) {
    case PGRES_POLLING_OK:
        PQsetnonblocking(probe->conn, 1);
        ask(probe);
        break;
    case PGRES_POLLING_FAILED:
        fail(probe);
        break;
    case PGRES_POLLING_READING:
        wait_for(probe, UV_READABLE);
        break;
    default:
        wait_for(probe, UV_WRITABLE);
    }
}

static void take_answer(struct postgres_probe *probe)
{
    PGresult *result;
    while (!PQisBusy(probe->conn)) {
        result = PQgetResult(probe->conn);
        if (!result) {
            bool rows = PQresultStatus(probe->result) == PGRES_TUPLES_OK;
            probe->failures = rows ? 0 : 2;
            probe->answered(probe->user, rows ? probe->result : NULL, probe->conn);
            PQclear(probe->result);
            probe->result = NULL;
            probe->state = PROBE_RESTING;
            return;
        }
        if (probe->result)
            PQclear(result);
        else
            probe->result = result;
    }
}

static void on_socket(void *user, bool broken, int events)
{
    struct postgres_probe *probe = user;
    (void)events;
    if (probe->state == PROBE_CONNECTING) {
        proceed_connecting(probe);
        return;
    }
    if (broken || !PQconsumeInput(probe->conn)) {
        fail(probe);
        return;
    }
    wait_for(probe, PQflush(probe->conn) > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
    if (probe->state == PROBE_ASKING)
        take_answer(probe);
}

// The server's words come with the answer that fails.
static void ignore_notice(void *unused, const PGresult *result)
{
    (void)unused;
    (void)result;
}

static void connect_anew(struct postgres_probe *probe)
{
    probe->conn = PQconnectStartParams((const char *const *)probe->info.keywords,
                                       (const char *const *)probe->info.values, 0);
    probe->state = PROBE_CONNECTING;
    if (!probe->conn || PQstatus(probe->conn) == CONNECTION_BAD) {
        fail(probe);
        return;
    }
    PQsetNoticeReceiver(probe->conn, ignore_notice, NULL);
    wait_for(probe, UV_WRITABLE);
}

static void on_timer(uv_timer_t *timer)
{
    struct postgres_probe *probe = timer->data;
    if (probe->state == PROBE_RESTING)
        ask(probe);
    else if (probe->state == PROBE_AWAY)
        connect_anew(probe);
    else
        fail(probe); // no answer in all the time
}

void postgres_probe_init(struct postgres_probe *probe, uv_loop_t *loop,
                         postgres_probe_answered *answered, void *user)
{
    *probe = (struct postgres_probe){.answered = answered, .user = user};
    probe->socket = (struct postgres_socket){.loop = loop, .ready = on_socket, .user = probe};
    uv_timer_init(loop, &probe->timer);
    probe->timer.data = probe;
}

// Of several hosts the one that the stream has chosen, by its address: no name is looked up, which would block.
static void go_where(struct conninfo *info, const PGconn *stream)
{
    const char *address = PQhostaddr(stream);
    conninfo_set(info, "host", PQhost(stream));
    conninfo_set(info, "port", PQport(stream));
    conninfo_set(info, "hostaddr", address ? address : "");
    char *options = memory_format("%s%s", conninfo_get(info, "options"), PROBE_SETTINGS);
    conninfo_set(info, "options", options);
    free(options);
}

void postgres_probe_start(struct postgres_probe *probe, const char *database, const PGconn *stream,
                          const char *question)
{
    struct fault fault;
    postgres_probe_stop(probe);
    if (conninfo_init(&probe->info, database, false, &fault) < 0)
        return; // the stream's own could be made from it
    go_where(&probe->info, stream);
    probe->question = memory_text(question);
    probe->failures = 0;
    uv_timer_start(&probe->timer, on_timer, 0, POSTGRES_PROBE_MILLISECONDS);
}

void postgres_probe_stop(struct postgres_probe *probe)
{
    uv_timer_stop(&probe->timer);
    hang_up(probe);
    conninfo_release(&probe->info);
    free(probe->question);
    probe->question = NULL;
}

void postgres_probe_close(struct postgres_probe *probe, uv_close_cb closed)
{
    postgres_probe_stop(probe);
    uv_close((uv_handle_t *)&probe->timer, closed);
}
