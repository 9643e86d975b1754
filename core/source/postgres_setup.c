// SPDX-License-Identifier: MIT
// rowcast db setup: publication first, then slot.
#include <string.h>
#include <unistd.h>

#include "postgres_guide.h"
#include "postgres_lock.h"
#include "postgres_plan.h"
#include "postgres_slot.h"

// Whoever needs the table meanwhile queues up behind a statement that waits for its lock: so it waits shortly, and
// more often.
#define BEGIN "BEGIN; SET LOCAL lock_timeout = '500ms'"
#define LOCK_NOT_AVAILABLE "55P03" // SQLSTATE
#define LOCK_TRIES 10
#define LOCK_PAUSE 1 // seconds

#define MARGIN "-- " // of what is no SQL

// ---- what is refused ----

static int refuse(const struct postgres_session *session, const char *sentence, const char *said,
                  struct fault *fault)
{
    return postgres_fault(fault, &session->place, sentence, said);
}

static int check_slot(const struct postgres_session *session, const struct postgres_config *config,
                      const struct postgres_facts *facts, struct fault *fault)
{
    if (facts->standby)
        return refuse(session, POSTGRES_STANDBY, NULL, fault);
    if (postgres_check_slot(session, facts, fault) < 0)
        return -1;
    if (facts->slot && facts->figures.wal == SLOT_WAL_LOST && !config->recreate_slot)
        return refuse(session, POSTGRES_SLOT_LOST, facts->invalidation, fault);
    return 0;
}

static int refuse_foreign(const struct postgres_session *session, const struct postgres_plan *plan,
                          struct fault *fault)
{
    char said[512];
    const struct postgres_table_facts *table = plan->foreign;
    snprintf(said, sizeof said, "%.128s.%.128s belongs to %.128s", table->asked->schema,
             table->asked->table, table->owner);
    refuse(session,
           "The user \"{user}\" may not set up {where}: {said}. Let that user or a superuser run "
           "the SQL "
           "printed above (rowcast db setup --dry-run prints it again); then run rowcast db setup "
           "once "
           "more for the slot.",
           said, fault);
    fault->code = EXIT_FAILED;
    return -1;
}

// A dry run prints the SQL instead.
static int check_rights(const struct postgres_session *session, const struct postgres_facts *facts,
                        const struct postgres_plan *plan, struct fault *fault)
{
    const char *alter = plan->publication ? plan->publication : plan->root;
    if (strcmp(facts->wal_level, "logical") != 0)
        return refuse(session, POSTGRES_WAL_LEVEL, facts->wal_level, fault);
    if (!facts->may_replicate)
        return refuse(session, POSTGRES_NO_REPLICATION, NULL, fault);
    if (plan->foreign)
        return refuse_foreign(session, plan, fault);
    if (!facts->publication && plan->publication && !facts->may_create)
        return refuse(
            session,
            "The user \"{user}\" may not create a publication in {where}. As the owner of "
            "the database run: GRANT CREATE ON DATABASE {database} TO {role};",
            NULL, fault);
    if (facts->publication && alter && !facts->publication_owned)
        return refuse(session,
                      "The publication \"{publication}\" in {where} belongs to {said}, so the user "
                      "\"{user}\" may not change it. Let that user run the SQL printed above.",
                      facts->publication_owner, fault);
    return 0;
}

// ---- printing ----

static void print(FILE *out, const char *sql)
{
    if (sql)
        fprintf(out, "%s\n", sql);
}

static void print_publication(const struct postgres_plan *plan, FILE *out)
{
    print(out, plan->identities);
    print(out, plan->publication);
    print(out, plan->root);
}

static void print_sentence(const struct postgres_session *session, const char *sentence, FILE *out)
{
    struct buffer text;
    buffer_init(&text, POSTGRES_STATEMENT_MAX);
    postgres_append_sentence(&text, &session->place, sentence, NULL);
    fprintf(out, "%.*s\n", (int)text.size, text.bytes);
    buffer_release(&text);
}

// What others have to run who may, before the rest.
static void print_rights(const struct postgres_session *session, const struct postgres_facts *facts,
                         const struct postgres_plan *plan, FILE *out)
{
    if (strcmp(facts->wal_level, "logical") != 0 && session->place.service)
        print_sentence(session, "-- {log_rows}", out);
    else if (strcmp(facts->wal_level, "logical") != 0)
        fprintf(out, "ALTER SYSTEM SET wal_level = 'logical'; -- then restart the server\n");
    if (!facts->may_replicate)
        print_sentence(session, "{replicate} -- as {admin}", out);
    if (!facts->publication && plan->publication && !facts->may_create)
        print_sentence(session,
                       "GRANT CREATE ON DATABASE {database} TO {role}; -- as the database's owner",
                       out);
    if (plan->foreign)
        fprintf(out, "-- as %s, who owns the tables, or as a superuser:\n", plan->foreign->owner);
}

static void print_plan(const struct postgres_session *session, const struct postgres_facts *facts,
                       const struct postgres_plan *plan, FILE *out)
{
    print_rights(session, facts, plan, out);
    print_publication(plan, out);
    print(out, plan->drop);
    print(out, plan->slot);
    print(out, plan->skip);
}

static bool is_empty(const struct postgres_plan *plan)
{
    return !plan->identities && !plan->publication && !plan->root && !plan->slot && !plan->skip;
}

// ---- doing ----

static int run(struct postgres_session *session, const char *sql, bool *locked, struct fault *fault)
{
    if (!sql)
        return 0;
    PGresult *result = PQexec(session->conn, sql); // identities are several statements
    ExecStatusType status = PQresultStatus(result);
    int failed = 0;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        failed = postgres_fault_result(fault, &session->place, result);
        if (locked)
            *locked = state && strcmp(state, LOCK_NOT_AVAILABLE) == 0;
    }
    PQclear(result);
    return failed;
}

// All of it, or nothing. `locked`: because somebody holds a lock, so that it may be tried again.
static int try_publication(struct postgres_session *session, const struct postgres_plan *plan,
                           bool *locked, struct fault *fault)
{
    const char *const statements[] = {BEGIN, plan->identities, plan->publication, plan->root,
                                      "COMMIT"};
    int failed = 0;
    for (size_t i = 0; i < sizeof statements / sizeof *statements && failed == 0; i++)
        failed = run(session, statements[i], locked, fault);
    if (failed < 0)
        PQclear(PQexec(session->conn, "ROLLBACK"));
    return failed;
}

static int run_publication(struct postgres_session *session, const struct postgres_facts *facts,
                           const struct postgres_plan *plan, FILE *out, struct fault *fault)
{
    if (!plan->identities && !plan->publication && !plan->root)
        return 0;
    for (int tries = 1;; tries++) {
        bool locked = false;
        if (try_publication(session, plan, &locked, fault) == 0)
            break;
        if (!locked)
            return -1;
        struct postgres_lock lock;
        postgres_lock_find(session, facts, plan->identities != NULL, &lock);
        if (tries == LOCK_TRIES)
            return postgres_lock_refuse(session, &lock, LOCK_TRIES, fault);
        fprintf(out, "-- waiting for %s: it holds a lock on a table\n", lock.holder);
        fflush(out);
        sleep(LOCK_PAUSE);
    }
    print_publication(plan, out);
    return 0;
}

static int run_plan(struct postgres_session *session, const struct postgres_config *config,
                    const struct postgres_facts *facts, const struct postgres_plan *plan, FILE *out,
                    struct fault *fault)
{
    if (run_publication(session, facts, plan, out, fault) < 0)
        return -1;
    if (run(session, plan->drop, NULL, fault) < 0)
        return -1;
    print(out, plan->drop);
    if (plan->slot && postgres_slot_create(session, config, out, fault) < 0)
        return -1;
    print(out, plan->slot);
    if (plan->skip) {
        if (run(session, plan->skip, NULL, fault) < 0)
            return -1;
        fprintf(out, "%s -- changes from before the publication cannot be read\n", plan->skip);
    }
    fprintf(out, "-- %s: publication \"%s\" and slot \"%s\" are in place\n",
            is_empty(plan) ? "nothing to do" : "done", config->publication, config->slot);
    return 0;
}

static int carry_out(struct postgres_session *session, const struct postgres_config *config,
                     const struct postgres_facts *facts, const struct postgres_plan *plan,
                     bool dry_run, FILE *out, struct fault *fault)
{
    if (dry_run) {
        print_plan(session, facts, plan, out);
        return 0;
    }
    if (check_rights(session, facts, plan, fault) < 0) {
        print_plan(session, facts, plan, out);
        return -1;
    }
    // One that is read has shown the way.
    if (!facts->pid && postgres_session_check_stream(config, fault) < 0)
        return -1;
    return run_plan(session, config, facts, plan, out, fault);
}

// A slot that stands before the publication's creation, as after the publication was made anew. One
// that is being read cannot be looked at; its reader says so.
static int look_for_stuck(struct postgres_session *session, const struct postgres_facts *facts,
                          bool *stuck, struct fault *fault)
{
    *stuck = facts->slot && !facts->publication;
    if (!facts->slot || facts->pid || *stuck)
        return 0;
    return postgres_slot_is_stuck(session, stuck, fault);
}

// Whose scripts are for other tables is shown which there are.
static int check_tables(struct postgres_session *session, const struct postgres_facts *facts,
                        bool identity_full, FILE *out, struct fault *fault)
{
    struct fault ignored;
    if (postgres_check_tables(session, facts, identity_full, fault) == 0)
        return 0;
    postgres_guide_unrouted(session, facts, MARGIN, out, &ignored);
    return -1;
}

static int set_up(struct postgres_session *session, const struct postgres_config *config,
                  const struct postgres_facts *facts, bool identity_full, bool dry_run, FILE *out,
                  struct fault *fault)
{
    bool stuck;
    if (check_slot(session, config, facts, fault) < 0 ||
        check_tables(session, facts, identity_full, out, fault) < 0 ||
        look_for_stuck(session, facts, &stuck, fault) < 0)
        return -1;
    struct postgres_plan plan;
    postgres_plan_make(session, facts, stuck, &plan);
    int result = carry_out(session, config, facts, &plan, dry_run, out, fault);
    postgres_plan_release(&plan);
    return result;
}

int postgres_setup(const struct postgres_config *config, const struct postgres_table *tables,
                   size_t table_count, bool identity_full, bool dry_run, FILE *out,
                   struct fault *fault)
{
    struct postgres_session session;
    struct postgres_facts facts;
    if (postgres_inspect_open(&session, config, tables, table_count, &facts, fault) < 0)
        return -1;
    int result = set_up(&session, config, &facts, identity_full, dry_run, out, fault);
    postgres_inspect_close(&session, &facts);
    return result;
}
