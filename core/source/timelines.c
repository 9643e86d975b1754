// SPDX-License-Identifier: MIT
// Timeline history files.
#include "timelines.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool read_line(const char *line, struct ancestor *ancestor)
{
    uint32_t high, low;
    if (sscanf(line, "%" SCNu32 " %" SCNx32 "/%" SCNx32, &ancestor->timeline, &high, &low) != 3)
        return false;
    ancestor->end = (uint64_t)high << 32 | low;
    return true;
}

static bool is_in_order(const struct lineage *lineage, const struct ancestor *next)
{
    const struct ancestor *last =
        lineage->count > 0 ? &lineage->ancestors[lineage->count - 1] : NULL;
    return next->timeline < lineage->timeline &&
           (!last || (next->timeline > last->timeline && next->end >= last->end));
}

static void add(struct lineage *lineage, const struct ancestor *ancestor)
{
    if (lineage->count == LINEAGE_MAX)
        memmove(lineage->ancestors, lineage->ancestors + 1,
                --lineage->count * sizeof *lineage->ancestors);
    lineage->ancestors[lineage->count++] = *ancestor;
}

void timelines_read(struct lineage *lineage, const char *text)
{
    lineage->count = 0;
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        struct ancestor ancestor;
        if (read_line(line, &ancestor) && is_in_order(lineage, &ancestor))
            add(lineage, &ancestor);
    }
}
