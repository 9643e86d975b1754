// SPDX-License-Identifier: MIT
// Replication slots: made with a bounded wait.
#include "postgres_slot.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "postgres_figures.h"
#include "rowcast/clock.h"

#define FIRST_LOOK_MICROSECONDS 2000000
#define LOOK_MICROSECONDS 10000000

// ---- whom it waits for ----

static const char oldest_sql[] =
    "SELECT o.holder, o.remedy FROM " POSTGRES_HOLDER_SQL(POSTGRES_HOLDER_QUERY) " AS o";

struct holder {
    char name[SLOT_HOLDER_SIZE];   // "the transaction of PID ..."
    char remedy[SLOT_REMEDY_SIZE]; // SQL
};

// Looks through a connection of its own: the one that makes the slot is waiting.
static void find_holder(const struct postgres_config *config, struct holder *holder)
{
    struct postgres_session session;
    struct fault fault;
    snprintf(holder->name, sizeof holder->name, "an open transaction");
    snprintf(holder->remedy, sizeof holder->remedy, "SELECT * FROM pg_stat_activity;");
    if (postgres_session_open(&session, config, &fault) < 0)
        return;
    PGresult *result = postgres_session_query(&session, oldest_sql, NULL, 0, &fault);
    if (result && PQntuples(result) > 0 && postgres_field(result, 0, 0)) {
        snprintf(holder->name, sizeof holder->name, "%s", postgres_field(result, 0, 0));
        snprintf(holder->remedy, sizeof holder->remedy, "%s", postgres_field(result, 0, 1));
    }
    PQclear(result);
    postgres_session_close(&session);
}

// ---- making it ----

static bool is_answered(struct postgres_session *session, int64_t until)
{
    while (PQconsumeInput(session->conn) && PQisBusy(session->conn)) {
        int64_t left = (until - clock_now()) / 1000;
        if (left <= 0)
            return false;
        poll(&(struct pollfd){.fd = PQsocket(session->conn), .events = POLLIN}, 1, (int)left);
    }
    return true;
}

static int take_answer(struct postgres_session *session, struct fault *fault)
{
    PGresult *result = PQgetResult(session->conn);
    int status = 0;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        status = postgres_fault_result(fault, &session->place, result);
    while (result) {
        PQclear(result);
        result = PQgetResult(session->conn);
    }
    return status;
}

static void cancel(struct postgres_session *session)
{
    char ignored[256];
    struct fault fault;
    PGcancel *cancel = PQgetCancel(session->conn);
    if (cancel)
        PQcancel(cancel, ignored, sizeof ignored);
    PQfreeCancel(cancel);
    take_answer(session, &fault);
}

static int give_up(struct postgres_session *session, const struct postgres_config *config,
                   const char *again, struct fault *fault)
{
    struct holder holder;
    find_holder(config, &holder);
    cancel(session);
    char said[1024];
    snprintf(said, sizeof said, "%s. Let it end, or end it with: %s Then run again: %s",
             holder.name, holder.remedy, again);
    postgres_fault(
        fault, &session->place,
        "The replication slot \"{slot}\" could not be made in {where} within 30 seconds: it "
        "waits for {said}",
        said);
    return -1;
}

int postgres_slot_wait(struct postgres_session *session, const struct postgres_config *config,
                       const char *again, FILE *out, struct fault *fault)
{
    int64_t deadline = clock_now() + POSTGRES_SLOT_WAIT_SECONDS * INT64_C(1000000);
    int64_t look = clock_now() + FIRST_LOOK_MICROSECONDS;
    while (!is_answered(session, look)) {
        if (clock_now() >= deadline)
            return give_up(session, config, again, fault);
        struct holder holder;
        find_holder(config, &holder);
        fprintf(out, "-- waiting for %s: a slot begins where no older one is at work\n",
                holder.name);
        fflush(out);
        look = clock_now() + LOOK_MICROSECONDS;
        look = look < deadline ? look : deadline;
    }
    return take_answer(session, fault);
}

int postgres_slot_create(struct postgres_session *session, const struct postgres_config *config,
                         FILE *out, struct fault *fault)
{
    const char *const values[] = {config->slot};
    if (!PQsendQueryParams(session->conn,
                           "SELECT pg_create_logical_replication_slot($1, 'pgoutput')", 1, NULL,
                           values, NULL, NULL, 0))
        return postgres_fault_broken(fault, &session->place);
    return postgres_slot_wait(session, config, "rowcast db setup", out, fault);
}

// ---- one that is stuck ----

static void note_skip(void *user, const PGresult *notice)
{
    bool *skipped = user;
    *skipped |= postgres_is_skip(notice);
}

// Decodes all that the slot still holds without moving it: what was read already may stand before the change
// that cannot be. No answer within some seconds counts as "not stuck".
int postgres_slot_is_stuck(struct postgres_session *session, bool *stuck, struct fault *fault)
{
    const char *const values[] = {session->place.slot, session->place.publication};
    bool skipped = false;
    PQclear(PQexec(session->conn, "SET statement_timeout = '10s'"));
    PQnoticeReceiver usual = PQsetNoticeReceiver(session->conn, note_skip, &skipped);
    PGresult *result = PQexecParams(session->conn,
                                    "SELECT count(*) FROM pg_logical_slot_peek_binary_changes($1, "
                                    "NULL, NULL, 'proto_version', '1', "
                                    "'publication_names', quote_ident($2))",
                                    2, NULL, values, NULL, NULL, 0);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    *stuck = skipped || (state && strcmp(state, "42704") == 0);
    PQclear(result);
    PQsetNoticeReceiver(session->conn, usual, NULL);
    PQclear(PQexec(session->conn, "SET statement_timeout = 0"));
    if (PQstatus(session->conn) != CONNECTION_OK)
        return postgres_fault_broken(fault, &session->place);
    return 0;
}
