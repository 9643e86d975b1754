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

char *postgres_figures_question(const char *name)
{
    return memory_format("SELECT " POSTGRES_FIGURES_SQL ", o.holder, o.remedy FROM (SELECT) AS one "
                         "LEFT JOIN pg_catalog.pg_replication_slots s ON s.slot_name = '%s' "
                         "LEFT JOIN " POSTGRES_HOLDER_SQL("") " AS o ON true",
                         name);
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
