// SPDX-License-Identifier: MIT
// The way to the stream: addresses, connection, the checks, START_REPLICATION.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres_figures.h"
#include "postgres_source.h"
#include "rowcast/memory.h"
#include "timelines.h"

#define ANSWER_MILLISECONDS 10000
#define TAKEN_OVER_MILLISECONDS 7000
#define RECREATE_SECONDS "30"
#define RECREATE_MILLISECONDS 40000 // the server gives up before
#define PATIENCE_MILLISECONDS 4000
#define LOOK_AGAIN_MILLISECONDS                                                                    \
    1000 // the slot is taken: how soon a standby notices that it is free

// ---- connecting ----

static void wait_for_connection(struct postgres_source *source, PostgresPollingStatusType status)
{
    if (status == PGRES_POLLING_FAILED) {
        struct fault fault;
        struct postgres_place place = postgres_place_of(source);
        postgres_fault_connection(&fault, &place);
        postgres_fail(source, &fault);
        return;
    }
    postgres_watch(source, status == PGRES_POLLING_READING ? UV_READABLE : UV_WRITABLE);
}

// All else that matters comes as an error, too; the log is no place for libpq's own words.
static void take_notice(void *user, const PGresult *result)
{
    struct postgres_source *source = user;
    bool starts = source->state == POSTGRES_STARTING || source->state == POSTGRES_STREAMING;
    source->skipped |= starts && postgres_is_skip(result);
}

static void start_connection(struct postgres_source *source)
{
    source->state = POSTGRES_CONNECTING;
    source->skipped = false;
    source->conn = PQconnectStartParams((const char *const *)source->resolved.keywords,
                                        (const char *const *)source->resolved.values, 0);
    postgres_wake(source, (uint64_t)conninfo_connect_milliseconds(&source->info));
    if (source->conn)
        PQsetNoticeReceiver(source->conn, take_notice, source);
    bool bad = !source->conn || PQstatus(source->conn) == CONNECTION_BAD;
    wait_for_connection(source, bad ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING);
}

static void on_resolved(void *user, const char *failure)
{
    struct postgres_source *source = user;
    if (source->closing) {
        conninfo_release(&source->resolved);
        postgres_free_when_idle(source);
    } else if (failure) {
        postgres_fail_as(source,
                         "{where} cannot be reached: {said}. Correct the host in DATABASE_URL "
                         "(--database), or mend the name service.",
                         failure);
    } else {
        start_connection(source);
    }
}

void postgres_connect(struct postgres_source *source)
{
    conninfo_copy(&source->resolved, &source->info);
    if (!postgres_resolve_needed(&source->info)) {
        start_connection(source);
        return;
    }
    source->state = POSTGRES_RESOLVING;
    postgres_resolve_start(&source->resolve, source->loop, &source->resolved, on_resolved, source);
}

void postgres_connect_overdue(struct postgres_source *source)
{
    const char *what =
        source->state == POSTGRES_CONNECTING
            ? "{where} cannot be reached: it did not answer in time. Check host and port "
              "in DATABASE_URL (--database), and firewalls between here and there."
            : "{where} was reached but does not answer. It is asked again; if this "
              "stays, look at its load and at pg_stat_activity.";
    postgres_fail_as(source, what, NULL);
}

// ---- commands ----

static void ask(struct postgres_source *source, enum postgres_state state, const char *command)
{
    source->state = state;
    postgres_wake(source, ANSWER_MILLISECONDS);
    if (!PQsendQuery(source->conn, command))
        postgres_fail_broken(source);
    else
        postgres_watch(source, PQflush(source->conn) ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

static const char *field(const PGresult *result, int column)
{
    return PQgetisnull(result, 0, column) ? NULL : PQgetvalue(result, 0, column);
}

static bool is_true(const char *text)
{
    return text && text[0] == 't';
}

static void identify(struct postgres_source *source)
{
    PQsetnonblocking(source->conn, 1);
    ask(source, POSTGRES_IDENTIFYING, "IDENTIFY_SYSTEM");
}

// ---- who the server is ----

static void trace(struct postgres_source *source)
{
    char command[40];
    snprintf(command, sizeof command, "TIMELINE_HISTORY %" PRIu32, source->seen_lineage.timeline);
    ask(source, POSTGRES_TRACING, command);
}

static void on_identified(struct postgres_source *source, const PGresult *result)
{
    free(source->seen_system);
    free(source->seen_database);
    source->seen_system = memory_text(field(result, 0));
    source->seen_database = memory_text(field(result, 3));
    source->seen_lineage =
        (struct lineage){.timeline = (uint32_t)strtoul(PQgetvalue(result, 0, 1), NULL, 10)};
    source->server_end = postgres_lsn(field(result, 2));
    if (source->seen_lineage.timeline > 1)
        trace(source);
    else
        postgres_check(source);
}

// Where the server's history is not to be had, its timeline descends from no other.
static void on_traced(struct postgres_source *source, const PGresult *result, bool rows)
{
    if (rows && field(result, 1))
        timelines_read(&source->seen_lineage, field(result, 1));
    postgres_check(source);
}

// ---- what is needed ----

enum check_column {
    CHECK_WAL_LEVEL,
    CHECK_RECOVERY,
    CHECK_PUBLICATION,
    CHECK_SLOT_TYPE,
    CHECK_PLUGIN,
    CHECK_DATABASE,
    CHECK_CURRENT_DATABASE,
    CHECK_PID,
    CHECK_APPLICATION,
    CHECK_ADDRESS,
    CHECK_TABLES,
    CHECK_INVALIDATION,
    CHECK_FIGURES,
};

// A server without an encoding (SQL_ASCII) refuses to send what is no UTF-8, and would so at each
// try; as SQL_ASCII everything comes.
void postgres_check(struct postgres_source *source)
{
    char *publication =
        PQescapeLiteral(source->conn, source->publication, strlen(source->publication));
    if (!publication) {
        postgres_fail_broken(source);
        return;
    }
    char *published = postgres_published_sql(source->conn, publication);
    char *command = memory_format(
        "SELECT pg_catalog.current_setting('wal_level'), pg_catalog.pg_is_in_recovery(), "
        "EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubname = %s), s.slot_type, s.plugin, "
        "s.database, pg_catalog.current_database(), s.active_pid, "
        "a.application_name, pg_catalog.host(a.client_addr), "
        "%s, " POSTGRES_INVALIDATION_SQL ", " POSTGRES_FIGURES_SQL ", "
        "CASE WHEN pg_catalog.current_setting('server_encoding') = 'SQL_ASCII' "
        "THEN pg_catalog.set_config('client_encoding', 'SQL_ASCII', false) END "
        "FROM (SELECT) AS one "
        "LEFT JOIN pg_catalog.pg_replication_slots s ON s.slot_name = '%s' "
        "LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid",
        publication, published, source->slot);
    PQfreemem(publication);
    free(published);
    ask(source, POSTGRES_CHECKING, command);
    free(command);
}

// Our own old connection may hold the slot until the server has given it up (wal_sender_timeout of the
// connection, 5 s); who holds it for longer has taken it over.
static void note_other_reader(struct postgres_source *source)
{
    uint64_t now = uv_now(source->loop);
    if (source->waits_since == 0)
        source->waits_since = now;
    if (source->superseded || source->safe == 0 ||
        now - source->waits_since < TAKEN_OVER_MILLISECONDS)
        return;
    source->superseded = true;
    source->callbacks.superseded(source->user);
}

// Another process reads the slot: this connection stays, so that there is one when the slot is
// free.
static void stand_by(struct postgres_source *source, const struct fault *fault)
{
    if (!source->retry) {
        postgres_fail(source, fault);
        return;
    }
    source->state = POSTGRES_WAITING;
    source->failures = 0;
    note_other_reader(source);
    postgres_wake(source, LOOK_AGAIN_MILLISECONDS);
    postgres_watch(source, UV_READABLE);
    postgres_report(source, fault);
}

static void stand_by_for(struct postgres_source *source, const PGresult *result)
{
    const char *application = field(result, CHECK_APPLICATION);
    const char *address = field(result, CHECK_ADDRESS);
    char said[256];
    snprintf(said, sizeof said, "the process %s%s%.64s%s%.64s%s", field(result, CHECK_PID),
             application || address ? " (" : "", application ? application : "",
             application && address ? " on " : "", address ? address : "",
             application || address ? ")" : "");
    struct fault fault;
    struct postgres_place place = postgres_place_of(source);
    postgres_fault(&fault, &place, POSTGRES_SLOT_ACTIVE, said);
    stand_by(source, &fault);
}

// The sentence for what is missing, or NULL.
static const char *find_missing(const PGresult *result, enum slot_wal wal, const char **said)
{
    const char *type = field(result, CHECK_SLOT_TYPE);
    const char *database = field(result, CHECK_DATABASE);
    if (is_true(field(result, CHECK_RECOVERY)))
        return POSTGRES_STANDBY;
    if (strcmp(*said = field(result, CHECK_WAL_LEVEL), "logical") != 0)
        return POSTGRES_WAL_LEVEL;
    if (!is_true(field(result, CHECK_PUBLICATION)))
        return POSTGRES_NO_PUBLICATION;
    if (!type)
        return POSTGRES_NO_SLOT;
    if (strcmp(type, "logical") != 0)
        return POSTGRES_SLOT_PHYSICAL;
    if (strcmp(*said = field(result, CHECK_PLUGIN), "pgoutput") != 0)
        return POSTGRES_SLOT_PLUGIN;
    if (strcmp(*said = database, field(result, CHECK_CURRENT_DATABASE)) != 0)
        return POSTGRES_SLOT_DATABASE;
    *said = postgres_invalidation(field(result, CHECK_INVALIDATION));
    return wal == SLOT_WAL_LOST ? POSTGRES_SLOT_LOST : NULL;
}

// From the newest transaction that was delivered on, which has to come again, as the proof that the log is
// the same one; without such from where the slot is.
static void start_replication(struct postgres_source *source)
{
    char *name = PQescapeIdentifier(source->conn, source->publication, strlen(source->publication));
    char *quoted = name ? PQescapeLiteral(source->conn, name, strlen(name)) : NULL;
    char *command = memory_format("START_REPLICATION SLOT \"%s\" LOGICAL %X/%X (proto_version '1', "
                                  "publication_names %s, messages 'true')",
                                  source->slot, (unsigned)(source->last.lsn >> 32),
                                  (unsigned)source->last.lsn, quoted ? quoted : "''");
    PQfreemem(name);
    PQfreemem(quoted);
    ask(source, POSTGRES_STARTING, command);
    free(command);
}

// ---- a lost slot ----

// In one go: the slot is dropped only if it is lost still, as another instance may have been quicker. The server
// itself ends the wait for open transactions.
static void recreate_slot(struct postgres_source *source, const char *why)
{
    if (!source->recreating)
        snprintf(source->gap, sizeof source->gap, "the slot was lost, as %s, and is made anew",
                 why);
    source->recreating = true;
    source->started = uv_now(source->loop);
    char *command = memory_format(
        "SET statement_timeout = '" RECREATE_SECONDS "s'; "
        "SELECT pg_catalog.pg_drop_replication_slot(slot_name) "
        "FROM pg_catalog.pg_replication_slots WHERE slot_name = '%s' AND wal_status = 'lost'; "
        "SELECT pg_catalog.pg_create_logical_replication_slot('%s', 'pgoutput') WHERE NOT EXISTS "
        "(SELECT FROM pg_catalog.pg_replication_slots WHERE slot_name = '%s'); "
        "SET statement_timeout = 0",
        source->slot, source->slot, source->slot);
    ask(source, POSTGRES_RECREATING, command);
    free(command);
    if (source->state != POSTGRES_RECREATING)
        return;
    postgres_wake(source, RECREATE_MILLISECONDS);
    postgres_watch_slot(source);
}

// Somebody who was just committing is not worth a word.
void postgres_recreating(struct postgres_source *source)
{
    const struct slot *figures = &source->figures;
    char said[SLOT_HOLDER_SIZE + SLOT_REMEDY_SIZE + 32];
    if (!figures->holder[0] || uv_now(source->loop) - source->started < PATIENCE_MILLISECONDS)
        return;
    snprintf(said, sizeof said, "%s. Let it end, or end it with: %s", figures->holder,
             figures->remedy);
    struct fault fault;
    struct postgres_place place = postgres_place_of(source);
    postgres_fault(
        &fault, &place,
        "The lost replication slot \"{slot}\" in {where} is being made anew. A slot waits for every "
        "open transaction that has written, the oldest is {said}",
        said);
    postgres_report(source, &fault);
}

static void on_recreated(struct postgres_source *source, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (!state) {
        source->recreating = false;
        postgres_check(source);
    } else if (strcmp(state, "57014") == 0) {
        postgres_fail_as(
            source,
            "The lost replication slot \"{slot}\" in {where} could not be made anew within "
            "{said} seconds, because transactions are open that have written. This is tried "
            "again; they are named by: rowcast db setup",
            RECREATE_SECONDS);
    } else {
        postgres_fail_result(source, result);
    }
}

static bool is_to_be_recreated(const struct postgres_source *source, const char *missing)
{
    return (source->recreate && missing == POSTGRES_SLOT_LOST) ||
           (source->recreating && missing == POSTGRES_NO_SLOT);
}

static void on_checked(struct postgres_source *source, const PGresult *result)
{
    const char *said = NULL;
    int64_t now = (int64_t)uv_now(source->loop);
    postgres_figures_take(&source->figures, result, CHECK_FIGURES, now);
    if (source->figures.server > source->server_end)
        source->server_end =
            source->figures.server; // a standby's connection is older than what it takes over
    const char *missing = find_missing(result, source->figures.wal, &said);
    if (is_to_be_recreated(source, missing)) {
        recreate_slot(source, said);
    } else if (missing) {
        postgres_fail_as(source, missing, said);
    } else if (field(result, CHECK_PID)) {
        stand_by_for(source, result);
    } else {
        source->confirmed = source->figures.confirmed;
        postgres_recognise(source);
        postgres_note_published(source, field(result, CHECK_TABLES));
        start_replication(source);
    }
}

// ---- answers ----

static bool is_slot_taken(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state && strcmp(state, "55006") == 0;
}

// Taken between the look and the start: by then its holder may have gone, so no name.
static void on_start_refused(struct postgres_source *source, const PGresult *result)
{
    struct fault fault;
    struct postgres_place place = postgres_place_of(source);
    postgres_fault_result(&fault, &place, result);
    if (is_slot_taken(result))
        stand_by(source, &fault);
    else
        postgres_fail(source, &fault);
}

static void on_answer(struct postgres_source *source, const PGresult *result)
{
    bool rows = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    if (source->state == POSTGRES_IDENTIFYING && rows)
        on_identified(source, result);
    else if (source->state == POSTGRES_TRACING)
        on_traced(source, result, rows);
    else if (source->state == POSTGRES_CHECKING && rows)
        on_checked(source, result);
    else if (source->state == POSTGRES_RECREATING)
        on_recreated(source, result);
    else if (source->state == POSTGRES_STARTING)
        on_start_refused(source, result);
    else
        postgres_fail_result(source, result);
}

// A command's answer is its first result, or the error of several; it is complete when there is no further one.
static void take_answer(struct postgres_source *source)
{
    while (!PQisBusy(source->conn)) {
        PGresult *result = PQgetResult(source->conn);
        if (PQresultStatus(result) == PGRES_COPY_BOTH) {
            PQclear(result);
            postgres_stream_begin(source);
            return;
        }
        if (!result) {
            PGresult *first = source->result;
            source->result = NULL;
            on_answer(source, first);
            PQclear(first);
            return;
        }
        bool counts = !source->result || PQresultStatus(result) == PGRES_FATAL_ERROR;
        PQclear(counts ? source->result : result);
        source->result = counts ? result : source->result;
    }
}

void postgres_connect_proceed(struct postgres_source *source)
{
    if (source->state == POSTGRES_CONNECTING) {
        postgres_socket_pause(&source->socket);
        PostgresPollingStatusType status = PQconnectPoll(source->conn);
        if (status == PGRES_POLLING_OK)
            identify(source);
        else
            wait_for_connection(source, status);
        return;
    }
    if (!PQconsumeInput(source->conn)) {
        postgres_fail_broken(source);
        return;
    }
    postgres_watch(source, PQflush(source->conn) > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
    if (source->state != POSTGRES_WAITING)
        take_answer(source);
}
