// SPDX-License-Identifier: MIT
// Looks at server, publication, slot and tables.
#include "postgres_inspect.h"

#include <stdlib.h>
#include <string.h>

#include "postgres_figures.h"
#include "rowcast/memory.h"
#include "rowcast/suggest.h"

// ---- server, publication, slot ----

enum fact_column {
    FACT_VERSION,
    FACT_WAL_LEVEL,
    FACT_STANDBY,
    FACT_DATABASE,
    FACT_SERVER_LSN,
    FACT_MAY_REPLICATE,
    FACT_MAY_CREATE,
    FACT_SERVICE,
    FACT_PUBLICATION,
    FACT_ALL_TABLES,
    FACT_SENDS_UPDATES,
    FACT_VIA_ROOT,
    FACT_PUBLICATION_OWNED,
    FACT_PUBLICATION_OWNER,
    FACT_SLOT,
    FACT_SLOT_TYPE,
    FACT_PLUGIN,
    FACT_SLOT_DATABASE,
    FACT_PID,
    FACT_APPLICATION,
    FACT_ADDRESS,
    FACT_KEEP_SIZE,
    FACT_INVALIDATION,
    FACT_HOLDER,
    FACT_REMEDY,
    FACT_FIGURES,
    FACT_CONFIRMED = FACT_FIGURES + 2,
    FACT_DELIVERED = FACT_FIGURES + 5,
};

static const char facts_sql[] =
    "SELECT current_setting('server_version'), current_setting('wal_level'), pg_is_in_recovery(), "
    "current_database(), l.lsn, r.rolreplication OR r.rolsuper OR EXISTS (SELECT FROM "
    "pg_catalog.pg_roles g WHERE g.rolname = " POSTGRES_REPLICATION_ROLE
    " AND pg_has_role(g.oid, 'USAGE')), has_database_privilege(current_database(), 'CREATE'), "
    "(SELECT rolname FROM pg_catalog.pg_roles WHERE NOT r.rolsuper AND rolname IN "
    "(" POSTGRES_SERVICE_ROLES ") ORDER BY rolname LIMIT 1), "
    "p.oid IS NOT NULL, p.puballtables, p.pubupdate OR p.pubdelete, p.pubviaroot, "
    "pg_has_role(p.pubowner, 'USAGE'), pg_get_userbyid(p.pubowner), "
    "s.slot_name IS NOT NULL, s.slot_type, s.plugin, s.database, s.active_pid, "
    "a.application_name, host(a.client_addr), current_setting('max_slot_wal_keep_size'), " POSTGRES_INVALIDATION_SQL
    ", o.holder, o.remedy, " POSTGRES_FIGURES_SQL ", w.write_lsn "
    "FROM (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() "
    "ELSE pg_current_wal_lsn() END AS lsn) l "
    "JOIN pg_catalog.pg_roles r ON r.rolname = current_user "
    "LEFT JOIN pg_catalog.pg_publication p ON p.pubname = $1 "
    "LEFT JOIN pg_catalog.pg_replication_slots s ON s.slot_name = $2 "
    "LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid "
    "LEFT JOIN pg_catalog.pg_stat_replication w ON w.pid = s.active_pid "
    "LEFT JOIN " POSTGRES_HOLDER_SQL(POSTGRES_HOLDER_QUERY) " AS o ON true";

static void take_publication(struct postgres_facts *facts, const PGresult *result)
{
    facts->publication = postgres_is_true(result, 0, FACT_PUBLICATION);
    facts->all_tables = postgres_is_true(result, 0, FACT_ALL_TABLES);
    facts->sends_updates = postgres_is_true(result, 0, FACT_SENDS_UPDATES);
    facts->via_root = postgres_is_true(result, 0, FACT_VIA_ROOT);
    facts->publication_owned = postgres_is_true(result, 0, FACT_PUBLICATION_OWNED);
    facts->publication_owner = postgres_field(result, 0, FACT_PUBLICATION_OWNER);
}

static void take_slot(struct postgres_facts *facts, const PGresult *result)
{
    facts->slot = postgres_is_true(result, 0, FACT_SLOT);
    facts->slot_type = postgres_field(result, 0, FACT_SLOT_TYPE);
    facts->plugin = postgres_field(result, 0, FACT_PLUGIN);
    facts->slot_database = postgres_field(result, 0, FACT_SLOT_DATABASE);
    facts->pid = postgres_field(result, 0, FACT_PID);
    facts->application = postgres_field(result, 0, FACT_APPLICATION);
    facts->address = postgres_field(result, 0, FACT_ADDRESS);
    facts->confirmed = postgres_field(result, 0, FACT_CONFIRMED);
    facts->keep_size = postgres_field(result, 0, FACT_KEEP_SIZE);
    facts->invalidation = postgres_invalidation(postgres_field(result, 0, FACT_INVALIDATION));
    struct slot *figures = &facts->figures;
    postgres_figures_take(figures, result, FACT_FIGURES, 1);
    postgres_figures_holder(figures, result, FACT_HOLDER);
    uint64_t delivered = postgres_lsn(postgres_field(result, 0, FACT_DELIVERED));
    if (delivered && figures->server > delivered)
        figures->lag_bytes = figures->server - delivered;
}

static int inspect_server(struct postgres_session *session, struct postgres_facts *facts,
                          struct fault *fault)
{
    const char *const values[] = {session->place.publication, session->place.slot};
    PGresult *result = postgres_session_query(session, facts_sql, values, 2, fault);
    if (!result)
        return -1;
    facts->result = result;
    facts->version = postgres_field(result, 0, FACT_VERSION);
    facts->wal_level = postgres_field(result, 0, FACT_WAL_LEVEL);
    facts->standby = postgres_is_true(result, 0, FACT_STANDBY);
    facts->database = postgres_field(result, 0, FACT_DATABASE);
    facts->server_lsn = postgres_field(result, 0, FACT_SERVER_LSN);
    facts->may_replicate = postgres_is_true(result, 0, FACT_MAY_REPLICATE);
    facts->may_create = postgres_is_true(result, 0, FACT_MAY_CREATE);
    const char *role = postgres_field(result, 0, FACT_SERVICE);
    session->place.service = role ? postgres_service_of_role(role) : NULL;
    take_publication(facts, result);
    take_slot(facts, result);
    return 0;
}

// ---- tables ----

static const char table_sql[] =
    "SELECT c.oid, c.relkind, c.relpersistence, pg_has_role(c.relowner, 'USAGE'), "
    "pg_get_userbyid(c.relowner), EXISTS (SELECT FROM pg_catalog.pg_publication p "
    "LEFT JOIN pg_catalog.pg_publication_rel pr ON pr.prpubid = p.oid AND pr.prrelid = c.oid "
    "LEFT JOIN pg_catalog.pg_publication_tables pt ON pt.pubname = p.pubname "
    "AND pt.schemaname = n.nspname AND pt.tablename = c.relname "
    "WHERE p.pubname = $3 AND (p.puballtables OR pr.oid IS NOT NULL OR pt.pubname IS NOT NULL)) "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = $1 AND c.relname = $2";

enum table_column {
    TABLE_OID,
    TABLE_KIND,
    TABLE_PERSISTENCE,
    TABLE_OWNED,
    TABLE_OWNER,
    TABLE_PUBLISHED,
};

// A key that is checked at the end of a transaction only (DEFERRABLE) names no row.
static const char leaves_sql[] =
    "SELECT format('%I.%I', n.nspname, c.relname), c.relreplident, CASE c.relreplident "
    "WHEN 'f' THEN true WHEN 'n' THEN false WHEN 'i' THEN EXISTS (SELECT FROM pg_catalog.pg_index "
    "i "
    "WHERE i.indrelid = c.oid AND i.indisreplident) ELSE EXISTS (SELECT FROM pg_catalog.pg_index i "
    "WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate) END "
    "FROM (SELECT $1::oid AS oid WHERE $2 <> 'p' UNION ALL "
    "SELECT relid FROM pg_partition_tree($1::oid::regclass) WHERE isleaf AND $2 = 'p') l "
    "JOIN pg_catalog.pg_class c ON c.oid = l.oid "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY 1";

enum leaf_column {
    LEAF_NAME,
    LEAF_IDENTITY,
    LEAF_IDENTIFIED,
};

static const char names_sql[] =
    "SELECT c.relname, n.nspname || '.' || c.relname FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' "
    "ORDER BY n.nspname <> $1, 1";

bool postgres_is_routed(const struct postgres_facts *facts, const char *schema, const char *table)
{
    for (size_t i = 0; i < facts->table_count; i++) {
        const struct postgres_table *asked = facts->tables[i].asked;
        if (strcmp(asked->schema, schema) == 0 && strcmp(asked->table, table) == 0)
            return true;
    }
    return false;
}

const char *postgres_leaf_without_identity(const struct postgres_table_facts *table, int leaf)
{
    bool identified = postgres_is_true(table->leaves, leaf, LEAF_IDENTIFIED);
    return identified ? NULL : postgres_field(table->leaves, leaf, LEAF_NAME);
}

static const char *unfit(const PGresult *result)
{
    switch (*postgres_field(result, 0, TABLE_KIND)) {
    case 'r':
    case 'p':
        break;
    case 'v':
        return "is a view, which has no row changes of its own";
    case 'm':
        return "is a materialized view, whose changes are not sent";
    case 'f':
        return "is a foreign table, whose changes happen elsewhere";
    default:
        return "is not a table";
    }
    switch (*postgres_field(result, 0, TABLE_PERSISTENCE)) {
    case 'u':
        return "is unlogged, so its changes are not sent";
    case 't':
        return "is temporary, so its changes are not sent";
    default:
        return NULL;
    }
}

static const char *identity_in_words(const struct postgres_table_facts *table)
{
    if (table->partitioned)
        return table->identified ? "of its partitions" : "missing on partitions";
    switch (*postgres_field(table->leaves, 0, LEAF_IDENTITY)) {
    case 'f':
        return "full";
    case 'n':
        return "nothing";
    case 'i':
        return table->identified ? "index" : "index, which is gone";
    default:
        return table->identified ? "primary key" : "none (no primary key)";
    }
}

static int inspect_leaves(struct postgres_session *session, struct postgres_table_facts *table,
                          struct fault *fault)
{
    const char *const values[] = {postgres_field(table->result, 0, TABLE_OID),
                                  postgres_field(table->result, 0, TABLE_KIND)};
    table->leaves = postgres_session_query(session, leaves_sql, values, 2, fault);
    if (!table->leaves)
        return -1;
    table->identified = true;
    for (int i = 0; i < PQntuples(table->leaves); i++)
        table->identified = table->identified && !postgres_leaf_without_identity(table, i);
    table->identity = identity_in_words(table);
    return 0;
}

// A table of nearly that name, in the same schema if there is one.
static int suggest_table(struct postgres_session *session, struct postgres_table_facts *table,
                         struct fault *fault)
{
    PGresult *result = postgres_session_query(session, names_sql, &table->asked->schema, 1, fault);
    if (!result)
        return -1;
    int count = PQntuples(result);
    const char **names = memory_new(((size_t)count + 1) * sizeof *names);
    for (int i = 0; i < count; i++)
        names[i] = postgres_field(result, i, 0);
    const char *nearest = suggest(table->asked->table, names, (size_t)count);
    for (int i = 0; i < count && nearest && !table->suggestion; i++)
        if (names[i] == nearest)
            table->suggestion = memory_text(postgres_field(result, i, 1));
    free(names);
    PQclear(result);
    return 0;
}

static int inspect_table(struct postgres_session *session, struct postgres_table_facts *table,
                         struct fault *fault)
{
    const char *const values[] = {table->asked->schema, table->asked->table,
                                  session->place.publication};
    PGresult *result = postgres_session_query(session, table_sql, values, 3, fault);
    if (!result)
        return -1;
    table->result = result;
    table->exists = PQntuples(result) > 0;
    if (!table->exists)
        return suggest_table(session, table, fault);
    table->partitioned = *postgres_field(result, 0, TABLE_KIND) == 'p';
    table->owned = postgres_is_true(result, 0, TABLE_OWNED);
    table->owner = postgres_field(result, 0, TABLE_OWNER);
    table->oid = postgres_field(result, 0, TABLE_OID);
    table->published = postgres_is_true(result, 0, TABLE_PUBLISHED);
    table->unfit = unfit(result);
    return inspect_leaves(session, table, fault);
}

// ---- all ----

static void release(struct postgres_facts *facts)
{
    for (size_t i = 0; i < facts->table_count; i++) {
        PQclear(facts->tables[i].result);
        PQclear(facts->tables[i].leaves);
        free(facts->tables[i].suggestion);
    }
    free(facts->tables);
    PQclear(facts->result);
}

static int inspect(struct postgres_session *session, const struct postgres_table *tables,
                   size_t table_count, struct postgres_facts *facts, struct fault *fault)
{
    *facts = (struct postgres_facts){.table_count = table_count};
    facts->tables = memory_new((table_count + 1) * sizeof *facts->tables);
    for (size_t i = 0; i < table_count; i++)
        facts->tables[i].asked = &tables[i];
    int result = inspect_server(session, facts, fault);
    for (size_t i = 0; i < table_count && result == 0; i++)
        result = inspect_table(session, &facts->tables[i], fault);
    if (result < 0)
        release(facts);
    return result;
}

int postgres_inspect_open(struct postgres_session *session, const struct postgres_config *config,
                          const struct postgres_table *tables, size_t table_count,
                          struct postgres_facts *facts, struct fault *fault)
{
    if (postgres_session_open(session, config, fault) < 0)
        return -1;
    if (inspect(session, tables, table_count, facts, fault) == 0)
        return 0;
    postgres_session_close(session);
    return -1;
}

void postgres_inspect_close(struct postgres_session *session, struct postgres_facts *facts)
{
    release(facts);
    postgres_session_close(session);
}
