// SPDX-License-Identifier: MIT
// Whether a server's log is the one that was read before, and the stream goes on from where it was.
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres_source.h"
#include "rowcast/memory.h"

// ---- before the stream ----

static void remember_cluster(struct postgres_source *source)
{
    const char *const parts[] = {source->seen_system,
                                 source->seen_database ? source->seen_database : "",
                                 source->publication};
    free(source->system);
    source->system = memory_text(source->seen_system);
    source->identity.epoch = source_epoch(parts, 3);
    source->identity.lineage = source->seen_lineage;
}

static void forget_window(struct postgres_source *source)
{
    window_init(&source->window, source->window.time, source->window.bytes);
}

// What was read before says nothing about what follows: positions of another log mean other transactions,
// and its server would believe our acknowledgements. The next start is one at the slot's position.
static void start_anew(struct postgres_source *source)
{
    source->safe = 0;
    source->acknowledged = 0;
    source->last.lsn = 0;
    source->cut = false;
    source->lag = (struct lag){0};
    forget_window(source);
    remember_cluster(source);
}

__attribute__((format(printf, 2, 3))) static void note_gap(struct postgres_source *source,
                                                           const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(source->gap, sizeof source->gap, format, arguments);
    va_end(arguments);
}

// Where the timeline that was read is left: what follows is another one's. 0: it is none of the server's.
static uint64_t end_of_timeline(const struct postgres_source *source)
{
    uint32_t timeline = source->identity.lineage.timeline;
    const struct lineage *seen = &source->seen_lineage;
    if (timeline == seen->timeline)
        return UINT64_MAX;
    for (uint32_t i = 0; i < seen->count; i++)
        if (seen->ancestors[i].timeline == timeline)
            return seen->ancestors[i].end;
    return 0;
}

// A promoted server goes on where its predecessor was left; that may be before what was delivered. Without
// a transaction behind it nothing is amiss: only positions were passed.
static void compare_timeline(struct postgres_source *source)
{
    uint32_t before = source->identity.lineage.timeline, now = source->seen_lineage.timeline;
    uint64_t end = end_of_timeline(source);
    if (end == 0)
        note_gap(source,
                 "the server was promoted or restored (timeline %" PRIu32
                 ", which does not descend from %" PRIu32 ")",
                 now, before);
    else if (source->last.lsn >= end)
        note_gap(source,
                 "the server was promoted or restored without all that was read here "
                 "(timeline %" PRIu32 " was left at %X/%X, %X/%X was read)",
                 before, (unsigned)(end >> 32), (unsigned)end, (unsigned)(source->safe >> 32),
                 (unsigned)source->safe);
    else if (source->safe > end)
        source->safe = end;
}

// The slot never goes beyond what we acknowledge, unless somebody moves it. Where the newest transaction
// comes again all the same, it proves what was before.
static void compare_slot(struct postgres_source *source)
{
    bool moved = source->confirmed > source->acknowledged && source->confirmed > source->last.lsn;
    if (source->confirmed > source->safe || moved)
        note_gap(source, "the slot was moved on, or made anew, behind what was read here");
}

static void follow_timeline(struct postgres_source *source)
{
    const struct lineage *seen = &source->seen_lineage;
    struct lineage *known = &source->identity.lineage;
    if (known->timeline != seen->timeline)
        forget_window(source); // it may reach behind the old timeline's end
    if (known->timeline != seen->timeline || known->count < seen->count)
        *known = *seen;
}

static void compare(struct postgres_source *source)
{
    if (strcmp(source->seen_system, source->system) != 0) {
        note_gap(source,
                 "the database is on another PostgreSQL cluster now (system identifier "
                 "%.40s, before %.40s)",
                 source->seen_system, source->system);
        return;
    }
    compare_timeline(source);
    if (!source->gap[0] && source->server_end < source->safe)
        note_gap(source,
                 "the server was set back, as by restoring a backup (its log ends at "
                 "%X/%X, %X/%X was read)",
                 (unsigned)(source->server_end >> 32), (unsigned)source->server_end,
                 (unsigned)(source->safe >> 32), (unsigned)source->safe);
    if (!source->gap[0])
        compare_slot(source);
}

// What is found, or was known before, stays in `gap` until the stream has begun.
void postgres_recognise(struct postgres_source *source)
{
    if (source->safe == 0) {
        remember_cluster(source);
        return;
    }
    if (!source->gap[0])
        compare(source);
    if (source->gap[0])
        start_anew(source);
    else
        follow_timeline(source);
}

// ---- in the stream ----

// The newest transaction comes again where the slot is not beyond it. Where it is, the server has kept
// what we acknowledged, and only what was written instead of the positions passed since would come.
static bool comes_again(const struct postgres_source *source)
{
    return source->last.lsn >= source->confirmed;
}

static bool is_last(const struct postgres_source *source, const struct transaction *transaction)
{
    return transaction->lsn == source->last.lsn && transaction->xid == source->last.xid &&
           transaction->time == source->last.time;
}

static void begin_anew(struct postgres_source *source)
{
    uint64_t lsn = source->last.lsn > 0 ? source->last.lsn : source->safe;
    note_gap(source,
             "the server's log was set back and written anew, as by restoring a volume (what was "
             "read up to %X/%X is not in it)",
             (unsigned)(lsn >> 32), (unsigned)lsn);
    start_anew(source);
    postgres_fail_as(
        source,
        "{where} has another log than the one that was read before: it was set back, and "
        "written anew. The stream is begun anew from the slot on.",
        NULL);
}

bool postgres_prove(struct postgres_source *source, const struct transaction *transaction)
{
    if (!source->unproven)
        return true;
    if (comes_again(source) ? !is_last(source, transaction) : transaction->lsn < source->safe) {
        begin_anew(source);
        return false;
    }
    source->unproven = false;
    return true;
}

bool postgres_prove_passed(struct postgres_source *source, uint64_t end)
{
    if (!source->unproven)
        return true;
    if (!comes_again(source))
        source->unproven = end < source->safe;
    else if (end > source->last.lsn)
        begin_anew(source);
    return !source->unproven;
}
