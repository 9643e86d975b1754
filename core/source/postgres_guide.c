// SPDX-License-Identifier: MIT
// Tables with a script, and without.
#include "postgres_guide.h"

#include <string.h>

#define UNROUTED_MAX 20 // of them are named

// Partitions come as their table does; what an extension made is no application's.
static const char tables_sql[] =
    "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition "
    "AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' "
    "AND has_schema_privilege(n.oid, 'USAGE') "
    "AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d "
    "WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') "
    "ORDER BY n.nspname <> 'public', 1, 2";

const char *postgres_guide_old(const struct postgres_table_facts *table)
{
    if (!table->identified)
        return "UPDATE and DELETE fail while it is published";
    if (table->partitioned)
        return "`old` is what each partition's identity has";
    if (strcmp(table->identity, "full") == 0)
        return "`old` is the whole row";
    if (strcmp(table->identity, "index") == 0)
        return "`old` is the columns of that index at a delete, or when an update changes them, else nil";
    return "`old` is the key at a delete, or when an update changes it, else nil";
}

static bool is_word(const char *name)
{
    return !name[strcspn(name, " !\"#$&'()*;<>?[\\]`{|}~\t\n")];
}

static void tell_unrouted(const struct postgres_facts *facts, const PGresult *tables,
                          const char *margin, FILE *out)
{
    int count = 0;
    for (int i = 0; i < PQntuples(tables); i++) {
        const char *schema = postgres_field(tables, i, 0);
        const char *table = postgres_field(tables, i, 1);
        if (postgres_is_routed(facts, schema, table))
            continue;
        const char *quote = is_word(schema) && is_word(table) ? "" : "'"; // of the shell
        bool elsewhere = strcmp(schema, "public") != 0;
        if (count == 0)
            fprintf(out, "%stables without a script, and the command that writes one:\n", margin);
        if (count++ < UNROUTED_MAX)
            fprintf(out, "%s  rowcast new table %s%s%s%s%s\n", margin, quote,
                    elsewhere ? schema : "", elsewhere ? "." : "", table, quote);
    }
    if (count > UNROUTED_MAX)
        fprintf(out, "%s  and %d more\n", margin, count - UNROUTED_MAX);
}

int postgres_guide_unrouted(struct postgres_session *session, const struct postgres_facts *facts,
                            const char *margin, FILE *out, struct fault *fault)
{
    PGresult *tables = postgres_session_query(session, tables_sql, NULL, 0, fault);
    if (!tables)
        return -1;
    tell_unrouted(facts, tables, margin, out);
    PQclear(tables);
    return 0;
}

static int tell_tables(struct postgres_session *session, const struct postgres_facts *facts,
                       const char *margin, FILE *out, struct fault *fault)
{
    bool partly = false;
    for (size_t i = 0; i < facts->table_count; i++) {
        const struct postgres_table_facts *table = &facts->tables[i];
        if (!table->exists)
            continue;
        fprintf(out, "%s%s.%s: identity %s: %s\n", margin, table->asked->schema,
                table->asked->table, table->identity, postgres_guide_old(table));
        partly = partly || (table->identified && strcmp(table->identity, "full") != 0);
    }
    if (partly)
        fprintf(
            out,
            "%sfor the whole `old` row: ALTER TABLE ... REPLICA IDENTITY FULL; (the log grows by "
            "each old row)\n",
            margin);
    return postgres_guide_unrouted(session, facts, margin, out, fault);
}

int postgres_guide(const struct postgres_config *config, const struct postgres_table *tables,
                   size_t table_count, FILE *out, struct fault *fault)
{
    struct postgres_session session;
    struct postgres_facts facts;
    if (postgres_inspect_open(&session, config, tables, table_count, &facts, fault) < 0)
        return -1;
    int result = tell_tables(&session, &facts, "-- ", out, fault);
    postgres_inspect_close(&session, &facts);
    return result;
}
