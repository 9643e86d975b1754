// SPDX-License-Identifier: MIT
// rowcast db status: what is there, what is missing, and the command for it.
#include <stdarg.h>
#include <string.h>

#include "postgres_guide.h"
#include "postgres_plan.h"
#include "rowcast/amount.h"

struct report {
    FILE *out;
    const struct postgres_config *config;
    const struct postgres_session *session;
    const struct postgres_facts *facts;
    struct buffer missing; // lines
};

static void line(const struct report *report, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void line(const struct report *report, const char *label, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(report->out, "%-12s ", label);
    vfprintf(report->out, format, arguments);
    fputc('\n', report->out);
    va_end(arguments);
}

// Something is missing; `remedy` is the command that mends it.
static void miss(struct report *report, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void miss(struct report *report, const char *remedy, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_append_format(&report->missing, "  %s\n      %s\n", text, remedy);
}

// As `miss`; the remedy is a sentence of postgres_fault.h.
static void miss_as(struct report *report, const char *remedy, const char *missing)
{
    struct buffer text;
    buffer_init(&text, POSTGRES_STATEMENT_MAX);
    postgres_append_sentence(&text, &report->session->place, remedy, NULL);
    buffer_append_byte(&text, '\0');
    miss(report, text.bytes, "%s", missing);
    buffer_release(&text);
}

// ---- server and publication ----

static void report_server(struct report *report)
{
    const struct postgres_facts *facts = report->facts;
    PGconn *conn = report->session->conn;
    const struct postgres_service *service = report->session->place.service;
    line(report, "server", "PostgreSQL %s on %s port %s%s%s%s", facts->version, PQhost(conn),
         PQport(conn), facts->standby ? " (a standby)" : "", service ? ", of " : "",
         service ? service->name : "");
    line(report, "database", "%s, as user %s%s", facts->database, PQuser(conn),
         facts->may_replicate ? "" : " (without REPLICATION)");
    line(report, "wal_level", "%s", facts->wal_level);
    if (facts->standby)
        miss(report, "name the primary in DATABASE_URL", "the server is a standby");
    if (strcmp(facts->wal_level, "logical") != 0)
        miss_as(report, "{log_rows}", "row changes are not logged: wal_level is not logical");
    if (!facts->may_replicate)
        miss_as(report, "{replicate}  as {admin}", "the user may not read the change stream");
}

// What the stream's connection meets and this one does not, as a pooler between. One that is read has shown the way.
static void report_stream(struct report *report)
{
    const struct postgres_facts *facts = report->facts;
    struct fault fault;
    if (!facts->pid && !facts->standby && facts->may_replicate &&
        postgres_session_check_stream(report->config, &fault) < 0)
        buffer_append_format(&report->missing, "  %s\n", fault.text);
}

static void report_publication(struct report *report)
{
    const struct postgres_facts *facts = report->facts;
    const char *name = report->session->place.publication;
    if (!facts->publication) {
        line(report, "publication", "%s: missing", name);
        miss(report, "rowcast db setup", "the publication %s", name);
        return;
    }
    line(report, "publication", "%s, of %s%s%s", name, facts->publication_owner,
         facts->all_tables ? ", all tables" : "",
         facts->sends_updates ? "" : ", without updates and deletes");
    if (postgres_lacks_root(facts))
        miss(report, "rowcast db setup", "rows of partitions come under the partitions' names");
}

// ---- slot ----

static void report_slot_state(struct report *report)
{
    const struct postgres_facts *facts = report->facts;
    const char *name = report->session->place.slot;
    if (facts->pid)
        line(report, "slot", "%s, read by PID %s%s%s%s%s", name, facts->pid,
             facts->application ? ", " : "", facts->application ? facts->application : "",
             facts->address ? " on " : "", facts->address ? facts->address : "");
    else
        line(report, "slot", "%s, not being read", name);
    if (strcmp(facts->slot_type, "logical") != 0)
        miss(report, "choose another name with --slot, then rowcast db setup",
             "the slot %s is a physical one", name);
    else if (strcmp(facts->plugin, "pgoutput") != 0)
        miss(report, "choose another name with --slot, then rowcast db setup",
             "the slot %s is another program's: its plugin is %s", name, facts->plugin);
    else if (strcmp(facts->slot_database, facts->database) != 0)
        miss(report, "choose another name with --slot, then rowcast db setup",
             "the slot %s belongs to the database %s", name, facts->slot_database);
}

static void report_lost(struct report *report)
{
    const struct postgres_facts *facts = report->facts;
    line(report, "retained", "lost: %s", facts->invalidation);
    miss(report, "rowcast db setup --recreate-slot   (clients then fetch their state anew)",
         "the slot is lost: %s (max_slot_wal_keep_size is %s)", facts->invalidation,
         facts->keep_size);
}

static void report_risk(struct report *report)
{
    const struct postgres_config *config = report->config;
    const struct slot *figures = &report->facts->figures;
    enum slot_risk risk = slot_risk(figures, config->slot_limit, SLOT_SAFE);
    struct slot_terms terms = {.name = config->slot,
                               .limit = config->slot_limit,
                               .replay_wal = config->replay_wal,
                               .read = report->facts->pid != NULL};
    if (risk == SLOT_SAFE)
        return;
    struct buffer text;
    buffer_init(&text, POSTGRES_STATEMENT_MAX);
    slot_explain(figures, risk, &terms, &text);
    if (risk == SLOT_EXTENDED)
        line(report, "", "%.*s", (int)text.size, text.bytes);
    else
        buffer_append_format(&report->missing, "  %.*s\n", (int)text.size, text.bytes);
    buffer_release(&text);
}

static void report_retained(struct report *report)
{
    static const char *const words[] = {"unknown", "reserved", "extended", "unreserved", "lost"};
    const struct slot *figures = &report->facts->figures;
    char size[AMOUNT_TEXT_SIZE], left[AMOUNT_TEXT_SIZE];
    if (figures->wal == SLOT_WAL_LOST) {
        report_lost(report);
        return;
    }
    bool bounded = figures->safe_bytes >= 0;
    amount_round_size((int64_t)figures->retained, size);
    amount_round_size(figures->safe_bytes, left);
    line(report, "retained", "%s of WAL (%s; %s%s)", size, words[figures->wal],
         bounded ? "lost after further "
         : figures->wal == SLOT_WAL_UNRESERVED
             ? "lost at the next checkpoint"
             : "max_slot_wal_keep_size is off: it can fill the disk",
         bounded ? left : "");
    report_risk(report);
}

// Figures of a slot in danger say so themselves.
static bool is_idle(const struct report *report)
{
    const struct postgres_facts *facts = report->facts;
    return facts->slot && !facts->pid &&
           slot_risk(&facts->figures, report->config->slot_limit, SLOT_SAFE) == SLOT_SAFE;
}

// All is there, but nobody takes what comes: the server keeps it, and more with all that is written.
static void report_idle(const struct report *report)
{
    char size[AMOUNT_TEXT_SIZE];
    struct buffer name;
    amount_round_size((int64_t)report->facts->figures.retained, size);
    buffer_init(&name, POSTGRES_STATEMENT_MAX);
    postgres_append_literal(&name, report->session, report->session->place.slot);
    fprintf(
        report->out,
        "\nall is in place, but nobody reads the slot: the server keeps %s (%llu bytes) of WAL for "
        "it, and more with all that is written\n"
        "  start the router\n"
        "      rowcast\n"
        "  or, if the slot is not needed, drop it: what was not read is then gone for clients\n"
        "      SELECT pg_drop_replication_slot(%.*s);\n",
        size, (unsigned long long)report->facts->figures.retained, (int)name.size, name.bytes);
    buffer_release(&name);
}

static void report_lag(const struct report *report)
{
    const struct postgres_facts *facts = report->facts;
    const struct slot *figures = &facts->figures;
    char held[AMOUNT_TEXT_SIZE], behind[AMOUNT_TEXT_SIZE];
    uint64_t bytes =
        figures->server > figures->confirmed ? figures->server - figures->confirmed : 0;
    amount_round_size((int64_t)bytes, held);
    amount_round_size((int64_t)figures->lag_bytes, behind);
    line(report, "lag", "%s (confirmed %s, server %s)%s%s%s", held, facts->confirmed,
         facts->server_lsn, facts->pid ? "; its reader is " : "", facts->pid ? behind : "",
         facts->pid ? " behind" : "");
}

static void report_slot(struct report *report)
{
    const struct postgres_facts *facts = report->facts;
    if (!facts->slot) {
        line(report, "slot", "%s: missing", report->session->place.slot);
        miss(report, "rowcast db setup", "the slot %s", report->session->place.slot);
        return;
    }
    report_slot_state(report);
    if (facts->confirmed && facts->server_lsn)
        report_lag(report);
    report_retained(report);
}

// ---- tables ----

static void report_table(struct report *report, const struct postgres_table_facts *table, int width)
{
    const char *schema = table->asked->schema;
    const char *name = table->asked->table;
    int pad = width - (int)strlen(schema) - (int)strlen(name);
    fprintf(report->out, "  %s.%s%*s ", schema, name, pad, "");
    if (!table->exists) {
        fprintf(report->out, "does not exist\n");
        miss(report, "create it, or rename its script", "the table %s.%s%s%s%s", schema, name,
             table->suggestion ? " (did you mean " : "", table->suggestion ? table->suggestion : "",
             table->suggestion ? "?)" : "");
        return;
    }
    fprintf(report->out, "%-13s identity: %s; %s\n",
            table->published ? "published" : "not published", table->identity,
            postgres_guide_old(table));
    if (table->unfit)
        miss(report, "route the table behind it", "%s.%s %s", schema, name, table->unfit);
    else if (!table->published)
        miss(report, "rowcast db setup", "%s.%s in the publication", schema, name);
    if (!table->unfit && postgres_lacks_identity(report->facts, table))
        miss(report, "give it a primary key, or: rowcast db setup --identity-full",
             "a replica identity of %s.%s: its UPDATE and DELETE fail while it is published",
             schema, name);
}

static void report_tables(struct report *report)
{
    const struct postgres_facts *facts = report->facts;
    int width = 0;
    for (size_t i = 0; i < facts->table_count; i++) {
        const struct postgres_table *table = facts->tables[i].asked;
        int size = (int)(strlen(table->schema) + strlen(table->table));
        width = size > width ? size : width;
    }
    fprintf(report->out, "tables%s\n", facts->table_count ? "" : "       none: no table scripts");
    for (size_t i = 0; i < facts->table_count; i++)
        report_table(report, &facts->tables[i], width);
}

// Other tables in the publication cost decoding and reach no script.
static int report_others(struct report *report, struct postgres_session *session,
                         struct fault *fault)
{
    const char *const values[] = {session->place.publication};
    PGresult *result = postgres_session_query(
        session,
        "SELECT schemaname, tablename FROM pg_catalog.pg_publication_tables WHERE pubname = $1 "
        "ORDER BY 1, 2",
        values, 1, fault);
    if (!result)
        return -1;
    for (int i = 0; i < PQntuples(result); i++) {
        const char *schema = postgres_field(result, i, 0);
        const char *table = postgres_field(result, i, 1);
        if (!postgres_is_routed(report->facts, schema, table))
            fprintf(report->out, "  %s.%s is published, but no script routes it\n", schema, table);
    }
    PQclear(result);
    return 0;
}

// ---- all ----

static int write_report(struct report *report, struct postgres_session *session,
                        struct fault *fault)
{
    report_server(report);
    report_stream(report);
    report_publication(report);
    report_slot(report);
    report_tables(report);
    if (report_others(report, session, fault) < 0 ||
        postgres_guide_unrouted(session, report->facts, "  ", report->out, fault) < 0)
        return -1;
    if (report->missing.size == 0) {
        if (is_idle(report))
            report_idle(report);
        else
            fprintf(report->out, "\nall is in place\n");
        return 0;
    }
    fprintf(report->out, "\nmissing\n%.*s", (int)report->missing.size, report->missing.bytes);
    return 1;
}

int postgres_status(const struct postgres_config *config, const struct postgres_table *tables,
                    size_t table_count, FILE *out, struct fault *fault)
{
    struct postgres_session session;
    struct postgres_facts facts;
    if (postgres_inspect_open(&session, config, tables, table_count, &facts, fault) < 0)
        return -1;
    struct report report = {out, config, &session, &facts, {0}};
    buffer_init(&report.missing, POSTGRES_STATEMENT_MAX);
    int result = write_report(&report, &session, fault);
    buffer_release(&report.missing);
    postgres_inspect_close(&session, &facts);
    return result;
}
