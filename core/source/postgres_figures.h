// SPDX-License-Identifier: MIT
// What a server says of a slot, as a question and as figures. Private to this room.
#ifndef ROWCAST_SOURCE_POSTGRES_FIGURES_H
#define ROWCAST_SOURCE_POSTGRES_FIGURES_H

#include <libpq-fe.h>

#include "rowcast/slot.h"

// The oldest transaction that has written and is still open, if there is one: in words, and the SQL that ends it.
// What others do is only told to roles that may see it. `more`: further SQL texts for the words, as in ", query".
#define POSTGRES_HOLDER_SQL(more)                                                                  \
    "(SELECT * FROM (SELECT 'the transaction of PID ' || pid || ' (' || pg_catalog.concat_ws('"    \
    ", ', 'user ' || usename, nullif(application_name, ''), state, 'open for ' || "                \
    "extract(epoch FROM pg_catalog.now() - xact_start)::bigint || ' s'" more                       \
    ") || ')' AS holder, 'SELECT pg_terminate_backend(' || pid || ');' AS remedy, "                \
    "pg_catalog.age(backend_xid) AS age FROM pg_catalog.pg_stat_activity "                         \
    "WHERE backend_xid IS NOT NULL AND pid <> pg_catalog.pg_backend_pid() UNION ALL "              \
    "SELECT 'the prepared transaction ' || quote_literal(gid) || ' (user ' || owner || "           \
    "', open for ' || extract(epoch FROM pg_catalog.now() - prepared)::bigint || ' s)', "          \
    "'ROLLBACK PREPARED ' || quote_literal(gid) || ';', pg_catalog.age(transaction) "              \
    "FROM pg_catalog.pg_prepared_xacts) AS oldest ORDER BY age DESC LIMIT 1)"

#define POSTGRES_HOLDER_QUERY                                                                      \
    ", 'query: ' || left(pg_catalog.regexp_replace(query, '\\s+', ' ', 'g'), 100)"

// Why a slot is lost, as a column: PostgreSQL tells from version 17 on.
#define POSTGRES_INVALIDATION_SQL "pg_catalog.to_jsonb(s) ->> 'invalidation_reason'"

// The same in words; NULL: an older version, which knows one reason only.
const char *postgres_invalidation(const char *reason);

uint64_t postgres_lsn(const char *text); // NULL: 0

// The columns of a slot `s` that postgres_figures_take reads.
#define POSTGRES_FIGURES_SQL                                                                       \
    "s.wal_status, s.restart_lsn, s.confirmed_flush_lsn, s.safe_wal_size, "                        \
    "CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_wal_flush_lsn() END"

// The figures that begin at `column` of the first row; `now` in milliseconds.
void postgres_figures_take(struct slot *slot, const PGresult *result, int column, int64_t now);

// As a column, the tables that a publication (a literal) sends, "schema.table", one a line; to be freed.
// The system's views would tell, but their functions leave today's publications and tables in the caches of
// the connection, and a stream on it would then judge old changes by them: rows that were written before the
// publication was made anew were left out without a word.
char *postgres_published_sql(const PGconn *conn, const char *publication);

// A query for all of it, for who holds it, and for what is published; to be freed. `name` is checked already.
char *postgres_figures_question(const char *name, const char *published);
void postgres_figures_holder(struct slot *slot, const PGresult *result,
                             int column); // and its remedy
void postgres_figures_answer(struct slot *slot, const PGresult *result, int64_t now);
const char *postgres_figures_published(const PGresult *result); // NULL: nothing is

#endif
