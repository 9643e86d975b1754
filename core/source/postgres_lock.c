// SPDX-License-Identifier: MIT
// Looks for the holder of a lock.
#include "postgres_lock.h"

#include <stdio.h>
#include <string.h>

#include "postgres_figures.h"

// A partition's lock is in the way as its parent's is.
static const char holder_sql[] =
    "SELECT 'the transaction of PID ' || a.pid || ' (' || concat_ws(', ', 'user ' || a.usename, "
    "nullif(a.application_name, ''), a.state, 'open for ' || "
    "extract(epoch FROM now() - a.xact_start)::bigint || ' s'" POSTGRES_HOLDER_QUERY
    ") || ')', 'SELECT pg_terminate_backend(' || a.pid || ');' "
    "FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid "
    "WHERE l.granted AND l.locktype = 'relation' AND a.pid <> pg_backend_pid() "
    "AND ($2::boolean OR l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', "
    "'ExclusiveLock', 'AccessExclusiveLock')) "
    "AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) "
    "AND l.relation IN (SELECT t.oid FROM unnest($1::oid[]) AS t(oid) UNION "
    "SELECT p.relid FROM unnest($1::oid[]) AS t(oid), pg_partition_tree(t.oid::regclass) p) "
    "ORDER BY a.xact_start LIMIT 1";

static void append_tables(struct buffer *text, const struct postgres_facts *facts)
{
    buffer_append_byte(text, '{');
    for (size_t i = 0, count = 0; i < facts->table_count; i++)
        if (facts->tables[i].exists)
            buffer_append_format(text, "%s%s", count++ ? "," : "", facts->tables[i].oid);
    buffer_append_text(text, "}");
    buffer_append_byte(text, '\0');
}

static void note(char *place, size_t size, const PGresult *result, int column,
                 const char *otherwise)
{
    const char *text = result && PQntuples(result) > 0 ? postgres_field(result, 0, column) : NULL;
    snprintf(place, size, "%s", text ? text : otherwise);
}

void postgres_lock_find(struct postgres_session *session, const struct postgres_facts *facts,
                        bool any, struct postgres_lock *lock)
{
    struct fault ignored;
    struct buffer tables;
    buffer_init(&tables, 1 << 20);
    append_tables(&tables, facts);
    const char *const values[] = {tables.bytes, any ? "true" : "false"};
    PGresult *result = postgres_session_query(session, holder_sql, values, 2, &ignored);
    note(lock->holder, sizeof lock->holder, result, 0, "a transaction");
    note(lock->remedy, sizeof lock->remedy, result, 1, "SELECT * FROM pg_stat_activity;");
    PQclear(result);
    buffer_release(&tables);
}

int postgres_lock_refuse(const struct postgres_session *session, const struct postgres_lock *lock,
                         int tries, struct fault *fault)
{
    char said[1024];
    snprintf(said, sizeof said, "in %d tries, as %s holds one. Let it end, or end it with: %s",
             tries, lock->holder, lock->remedy);
    return postgres_fault(
        fault, &session->place,
        "The tables in {where} could not be locked {said} Nothing was changed. Then run "
        "again: rowcast db setup",
        said);
}
