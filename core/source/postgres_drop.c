// SPDX-License-Identifier: MIT
// rowcast db drop: slot first, then publication.
#include <stdlib.h>

#include "postgres_plan.h"
#include "rowcast/memory.h"

// A slot that outlives its publication would be stuck for ever: hence the order.
struct drop {
    char *slot, *publication; // SQL; NULL: not there
};

static char *statement(struct postgres_session *session, const char *before, const char *name,
                       bool literal, const char *behind)
{
    struct buffer text;
    buffer_init(&text, 4096);
    buffer_append_text(&text, before);
    if (literal)
        postgres_append_literal(&text, session, name);
    else
        postgres_append_identifier(&text, session, name);
    buffer_append_text(&text, behind);
    char *sql = memory_copy(text.bytes, text.size);
    buffer_release(&text);
    return sql;
}

static void plan(struct postgres_session *session, const struct postgres_facts *facts,
                 struct drop *drop)
{
    if (facts->slot)
        drop->slot =
            statement(session, "SELECT pg_drop_replication_slot(", session->place.slot, true, ");");
    if (facts->publication)
        drop->publication =
            statement(session, "DROP PUBLICATION ", session->place.publication, false, ";");
}

static int run(struct postgres_session *session, const char *sql, FILE *out, struct fault *fault)
{
    if (!sql)
        return 0;
    PGresult *result = postgres_session_query(session, sql, NULL, 0, fault);
    if (!result)
        return -1;
    PQclear(result);
    fprintf(out, "%s\n", sql);
    return 0;
}

static void describe_reader(const struct postgres_facts *facts, char *text, size_t size)
{
    snprintf(text, size, "the process %s (%.64s on %.64s)", facts->pid,
             facts->application ? facts->application : "unnamed",
             facts->address ? facts->address : "the server's machine");
}

static int refuse_reader(const struct postgres_session *session, const struct postgres_facts *facts,
                         struct fault *fault)
{
    char reader[256], said[512];
    describe_reader(facts, reader, sizeof reader);
    snprintf(said, sizeof said,
             "%s. Stop that router first (if it is not one: SELECT pg_terminate_backend(%s);)",
             reader, facts->pid);
    return postgres_fault(
        fault, &session->place,
        "The replication slot \"{slot}\" in {where} is being read by {said}, then run "
        "again: rowcast db drop",
        said);
}

static int check(const struct postgres_session *session, const struct postgres_facts *facts,
                 struct fault *fault)
{
    if (facts->standby)
        return postgres_fault(fault, &session->place, POSTGRES_STANDBY, NULL);
    if (postgres_check_slot(session, facts, fault) < 0)
        return -1;
    if (facts->publication && !facts->publication_owned)
        return postgres_fault(
            fault, &session->place,
            "The publication \"{publication}\" in {where} belongs to {said}, so the "
            "user \"{user}\" may not drop it. Let that user run: rowcast db drop",
            facts->publication_owner);
    if (facts->slot && !facts->may_replicate)
        return postgres_fault(fault, &session->place, POSTGRES_NO_REPLICATION, NULL);
    return 0;
}

static void print(const struct postgres_facts *facts, const struct drop *drop, FILE *out)
{
    char reader[256];
    describe_reader(facts, reader, sizeof reader);
    if (facts->slot && facts->pid)
        fprintf(out, "-- the slot is being read by %s: stop that router first\n", reader);
    if (drop->slot)
        fprintf(out, "%s\n", drop->slot);
    if (drop->publication)
        fprintf(out, "%s\n", drop->publication);
}

// What was there has gone: in words.
static void tell(const struct postgres_session *session, const struct drop *drop, FILE *out)
{
    if (!drop->slot && !drop->publication) {
        fprintf(out, "-- nothing to do: neither slot \"%s\" nor publication \"%s\" is there\n",
                session->place.slot, session->place.publication);
        return;
    }
    fprintf(out, "-- removed:");
    if (drop->slot)
        fprintf(out, " slot \"%s\"", session->place.slot);
    if (drop->publication)
        fprintf(out, "%s publication \"%s\"", drop->slot ? "," : "", session->place.publication);
    fprintf(out, "; replica identities stay as they are\n");
}

static int carry_out(struct postgres_session *session, const struct postgres_facts *facts,
                     const struct drop *drop, bool dry_run, FILE *out, struct fault *fault)
{
    if (check(session, facts, fault) < 0)
        return -1;
    if (dry_run) {
        print(facts, drop, out);
        return 0;
    }
    if (facts->slot && facts->pid)
        return refuse_reader(session, facts, fault);
    if (run(session, drop->slot, out, fault) < 0 || run(session, drop->publication, out, fault) < 0)
        return -1;
    tell(session, drop, out);
    return 0;
}

int postgres_drop(const struct postgres_config *config, bool dry_run, FILE *out,
                  struct fault *fault)
{
    struct postgres_session session;
    struct postgres_facts facts;
    if (postgres_inspect_open(&session, config, NULL, 0, &facts, fault) < 0)
        return -1;
    struct drop drop = {NULL, NULL};
    plan(&session, &facts, &drop);
    int result = carry_out(&session, &facts, &drop, dry_run, out, fault);
    free(drop.slot);
    free(drop.publication);
    postgres_inspect_close(&session, &facts);
    return result;
}
