// SPDX-License-Identifier: MIT
// rowcast db setup: publication first, then slot.
#include <string.h>

#include "postgres_plan.h"
#include "postgres_slot.h"

// A statement waits so long at most for a lock that the application holds.
#define BEGIN "BEGIN; SET LOCAL lock_timeout = '10s'"

// ---- what is refused ----

static int refuse(const struct postgres_session *session, const char *sentence, const char *said,
                  struct fault *fault)
{
    return postgres_fault(fault, &session->place, sentence, said);
}

static int check_slot(const struct postgres_session *session, const struct postgres_facts *facts,
                      struct fault *fault)
{
    const char *name = session->place.slot;
    if (!*name || strlen(name) > 63 ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name))
        return refuse(session, POSTGRES_SLOT_NAME, NULL, fault);
    if (!facts->slot)
        return 0;
    if (strcmp(facts->slot_type, "logical") != 0)
        return refuse(session, POSTGRES_SLOT_PHYSICAL, NULL, fault);
    if (strcmp(facts->plugin, "pgoutput") != 0)
        return refuse(session, POSTGRES_SLOT_PLUGIN, facts->plugin, fault);
    if (strcmp(facts->slot_database, facts->database) != 0)
        return refuse(session, POSTGRES_SLOT_DATABASE, facts->slot_database, fault);
    if (facts->wal_status && strcmp(facts->wal_status, "lost") == 0)
        return refuse(session, POSTGRES_SLOT_LOST, NULL, fault);
    return 0;
}

// A dry run prints the SQL for the first two instead.
static int check_server(const struct postgres_session *session, const struct postgres_facts *facts,
                        bool dry_run, struct fault *fault)
{
    if (facts->standby)
        return refuse(session, POSTGRES_STANDBY, NULL, fault);
    if (!dry_run && strcmp(facts->wal_level, "logical") != 0)
        return refuse(session, POSTGRES_WAL_LEVEL, facts->wal_level, fault);
    if (!dry_run && !facts->may_replicate)
        return refuse(session, POSTGRES_NO_REPLICATION, NULL, fault);
    return check_slot(session, facts, fault);
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

static int check_rights(const struct postgres_session *session, const struct postgres_facts *facts,
                        const struct postgres_plan *plan, struct fault *fault)
{
    const char *alter = plan->publication ? plan->publication : plan->root;
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

static void print_plan(const struct postgres_session *session, const struct postgres_facts *facts,
                       const struct postgres_plan *plan, FILE *out)
{
    if (strcmp(facts->wal_level, "logical") != 0)
        fprintf(out, "ALTER SYSTEM SET wal_level = 'logical'; -- then restart the server\n");
    if (!facts->may_replicate) {
        struct buffer role;
        buffer_init(&role, 1024);
        postgres_append_identifier(&role, session, PQuser(session->conn));
        fprintf(out, "ALTER ROLE %.*s REPLICATION; -- as a superuser\n", (int)role.size,
                role.bytes);
        buffer_release(&role);
    }
    print_publication(plan, out);
    print(out, plan->slot);
    print(out, plan->skip);
}

static bool is_empty(const struct postgres_plan *plan)
{
    return !plan->identities && !plan->publication && !plan->root && !plan->slot && !plan->skip;
}

// ---- doing ----

static int run(struct postgres_session *session, const char *sql, struct fault *fault)
{
    if (!sql)
        return 0;
    PGresult *result = PQexec(session->conn, sql); // identities are several statements
    ExecStatusType status = PQresultStatus(result);
    int failed = 0;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        failed = postgres_fault_result(fault, &session->place, result);
    PQclear(result);
    return failed;
}

static int run_publication(struct postgres_session *session, const struct postgres_plan *plan,
                           FILE *out, struct fault *fault)
{
    if (!plan->identities && !plan->publication && !plan->root)
        return 0;
    if (run(session, BEGIN, fault) < 0 || run(session, plan->identities, fault) < 0 ||
        run(session, plan->publication, fault) < 0 || run(session, plan->root, fault) < 0 ||
        run(session, "COMMIT", fault) < 0)
        return -1; // closing the connection undoes it
    print_publication(plan, out);
    return 0;
}

static int run_plan(struct postgres_session *session, const struct postgres_config *config,
                    const struct postgres_plan *plan, FILE *out, struct fault *fault)
{
    if (run_publication(session, plan, out, fault) < 0)
        return -1;
    if (plan->slot && postgres_slot_create(session, config, out, fault) < 0)
        return -1;
    print(out, plan->slot);
    if (plan->skip) {
        if (run(session, plan->skip, fault) < 0)
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
        print_publication(plan, out);
        return -1;
    }
    return run_plan(session, config, plan, out, fault);
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

static int set_up(struct postgres_session *session, const struct postgres_config *config,
                  const struct postgres_facts *facts, bool identity_full, bool dry_run, FILE *out,
                  struct fault *fault)
{
    bool stuck;
    if (check_server(session, facts, dry_run, fault) < 0 ||
        postgres_check_tables(session, facts, identity_full, fault) < 0 ||
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
    if (postgres_session_open(&session, config, fault) < 0)
        return -1;
    int result = postgres_inspect(&session, tables, table_count, &facts, fault);
    if (result == 0) {
        result = set_up(&session, config, &facts, identity_full, dry_run, out, fault);
        postgres_facts_release(&facts);
    }
    postgres_session_close(&session);
    return result;
}
