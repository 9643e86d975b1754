// SPDX-License-Identifier: MIT
// A slot's figures.
#include "postgres_figures.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

// In the order of POSTGRES_FIGURES_SQL.
enum figure {
    FIGURE_STATUS,
    FIGURE_RESTART,
    FIGURE_CONFIRMED,
    FIGURE_SAFE,
    FIGURE_SERVER,
    FIGURES
};

static const char *field(const PGresult *result, int column)
{
    return PQgetisnull(result, 0, column) ? NULL : PQgetvalue(result, 0, column);
}

uint64_t postgres_lsn(const char *text)
{
    uint32_t high = 0, low = 0;
    if (text)
        sscanf(text, "%" SCNx32 "/%" SCNx32, &high, &low);
    return (uint64_t)high << 32 | low;
}

const char *postgres_invalidation(const char *reason)
{
    static const char *const words[][2] = {
        {"wal_removed", "it fell further behind than max_slot_wal_keep_size allows"},
        {"idle_timeout", "nobody read it for longer than idle_replication_slot_timeout allows"},
        {"wal_level_insufficient", "wal_level was lowered"},
        {"rows_removed", "rows of the catalog that it needs were removed"},
    };
    for (size_t i = 0; reason && i < sizeof words / sizeof *words; i++)
        if (strcmp(reason, words[i][0]) == 0)
            return words[i][1];
    return reason ? reason : words[0][1];
}

void postgres_figures_take(struct slot *slot, const PGresult *result, int column, int64_t now)
{
    const char *safe = field(result, column + FIGURE_SAFE);
    uint64_t server = postgres_lsn(field(result, column + FIGURE_SERVER));
    slot->wal = slot_wal_parse(field(result, column + FIGURE_STATUS));
    slot->restart = postgres_lsn(field(result, column + FIGURE_RESTART));
    slot->confirmed = postgres_lsn(field(result, column + FIGURE_CONFIRMED));
    slot->safe_bytes = safe ? strtoll(safe, NULL, 10) : -1;
    slot->server = server;
    slot->retained = slot->restart && server > slot->restart ? server - slot->restart : 0;
    slot->seen = now;
    slot->unseen[0] = '\0';
}

// Partitions, or the table they are of (`root`).
char *postgres_published_sql(const PGconn *conn, const char *publication)
{
    bool schemas = PQserverVersion(conn) >= 150000;
    return memory_format(
        "(WITH RECURSIVE publication AS "
        "(SELECT * FROM pg_catalog.pg_publication WHERE pubname = %s), "
        "published AS (SELECT prrelid AS oid, pubviaroot AS root FROM publication p "
        "JOIN pg_catalog.pg_publication_rel ON prpubid = p.oid "
        "UNION SELECT c.oid, pubviaroot FROM publication JOIN pg_catalog.pg_class c ON puballtables "
        "AND relkind IN ('r', 'p') AND relpersistence = 'p' AND c.oid >= 16384 %s"
        "UNION SELECT inhrelid, false FROM published JOIN pg_catalog.pg_inherits ON "
        "inhparent = published.oid JOIN pg_catalog.pg_class c ON c.oid = inhrelid "
        "AND relispartition WHERE NOT root) "
        "SELECT pg_catalog.string_agg(nspname || '.' || relname, E'\\n' "
        "ORDER BY nspname, relname) FROM published "
        "JOIN pg_catalog.pg_class c ON c.oid = published.oid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace WHERE root OR relkind <> 'p')",
        publication,
        schemas ? "UNION SELECT c.oid, pubviaroot FROM publication p "
                  "JOIN pg_catalog.pg_publication_namespace ON pnpubid = p.oid "
                  "JOIN pg_catalog.pg_class c ON relnamespace = pnnspid "
                  "AND relkind IN ('r', 'p') AND relpersistence = 'p' "
                : "");
}

char *postgres_figures_question(const char *name, const char *published)
{
    return memory_format("SELECT " POSTGRES_FIGURES_SQL
                         ", o.holder, o.remedy, %s FROM (SELECT) AS one "
                         "LEFT JOIN pg_catalog.pg_replication_slots s ON s.slot_name = '%s' "
                         "LEFT JOIN " POSTGRES_HOLDER_SQL("") " AS o ON true",
                         published, name);
}

static void note(char *place, size_t size, const char *text)
{
    snprintf(place, size, "%s", text ? text : "");
}

void postgres_figures_holder(struct slot *slot, const PGresult *result, int column)
{
    note(slot->holder, sizeof slot->holder, field(result, column));
    note(slot->remedy, sizeof slot->remedy, field(result, column + 1));
}

void postgres_figures_answer(struct slot *slot, const PGresult *result, int64_t now)
{
    postgres_figures_take(slot, result, 0, now);
    postgres_figures_holder(slot, result, FIGURES);
}

const char *postgres_figures_published(const PGresult *result)
{
    return field(result, FIGURES + 2);
}
