// SPDX-License-Identifier: MIT
// What a client still has to get: cursors of its topics, merged by place.
#include "rowcast/catchup.h"

#include <stdlib.h>

#include "rowcast/memory.h"

#define FIRST_CAPACITY 4

// One topic's events, from the cursor to before `until`.
struct strand {
    uint64_t place; // of the event that the cursor stands before, below `until`
    uint64_t until;
    struct history_cursor cursor;
    struct filter *filter; // owned; NULL: all types
    const struct visibility *seen;
    uint64_t *newest; // owned: by conflated type, the place of its newest event here, or 0; or NULL
};

void catchup_init(struct catchup *catchup, const struct history *history, uint64_t from,
                  struct conflation conflation)
{
    *catchup = (struct catchup){.history = history, .from = from, .conflation = conflation};
}

void catchup_leave_out(struct catchup *catchup, uint32_t topic, const struct visibility *seen)
{
    catchup->seen_topic = topic;
    catchup->seen = seen;
}

static void strand_release(struct strand *strand)
{
    filter_unref(strand->filter);
    free(strand->newest);
}

void catchup_release(struct catchup *catchup)
{
    for (uint32_t i = 0; i < catchup->count; i++)
        strand_release(&catchup->heap[i]);
    free(catchup->heap);
    *catchup = (struct catchup){0};
}

uint64_t catchup_place(const struct catchup *catchup)
{
    return catchup->count > 0 ? catchup->heap[0].place : catchup->from;
}

// ---- the heap ----

static void swap(struct strand *a, struct strand *b)
{
    struct strand kept = *a;

    *a = *b;
    *b = kept;
}

static void sift_up(struct strand *heap, uint32_t at)
{
    for (; at > 0 && heap[at].place < heap[(at - 1) / 2].place; at = (at - 1) / 2)
        swap(&heap[at], &heap[(at - 1) / 2]);
}

static void sift_down(struct strand *heap, uint32_t count)
{
    for (uint32_t at = 0, child = 1; child < count; at = child, child = 2 * at + 1) {
        if (child + 1 < count && heap[child + 1].place < heap[child].place)
            child++;
        if (heap[at].place <= heap[child].place)
            return;
        swap(&heap[at], &heap[child]);
    }
}

static void push(struct catchup *catchup, struct strand strand)
{
    if (catchup->count == catchup->capacity) {
        catchup->capacity = catchup->capacity > 0 ? catchup->capacity * 2 : FIRST_CAPACITY;
        catchup->heap = memory_resize(catchup->heap, catchup->capacity * sizeof *catchup->heap);
    }
    catchup->heap[catchup->count++] = strand;
    sift_up(catchup->heap, catchup->count - 1);
}

static void drop_first(struct catchup *catchup)
{
    strand_release(&catchup->heap[0]);
    catchup->heap[0] = catchup->heap[--catchup->count];
    sift_down(catchup->heap, catchup->count);
}

// ---- rounds ----

void catchup_add(struct catchup *catchup, struct history_cursor cursor, uint64_t until,
                 struct filter *filter, const struct visibility *seen)
{
    // One that has lost its event comes first, to be found out.
    bool holds = history_holds(catchup->history, &cursor);
    uint64_t place = holds ? history_place(catchup->history, &cursor) : 0;

    if (place < until)
        push(catchup, (struct strand){place, until, cursor, filter, seen, NULL});
    else
        filter_unref(filter);
}

static uint64_t *newest_of_type(const struct catchup *catchup, uint64_t *newest, uint64_t type)
{
    for (uint32_t i = 0; newest != NULL && i < catchup->conflation.count; i++)
        if (catchup->conflation.types[i] == type)
            return &newest[i];
    return NULL;
}

// Where the newest event of each conflated type stands in this round.
static uint64_t *find_newest(const struct catchup *catchup, struct history_cursor cursor,
                             uint64_t until)
{
    if (catchup->conflation.count == 0)
        return NULL;
    uint64_t *places = memory_new(catchup->conflation.count * sizeof *places);
    for (uint64_t place; (place = history_place(catchup->history, &cursor)) < until;) {
        uint64_t type = history_next(catchup->history, &cursor)->type;
        uint64_t *newest = newest_of_type(catchup, places, type);
        if (newest != NULL)
            *newest = place;
    }
    return places;
}

// False: something of a topic is not there any more.
static bool begin_round(struct catchup *catchup, const struct choices *choices)
{
    uint64_t until = history_end(catchup->history);

    for (uint32_t i = 0; i < choices->end; i++) {
        const struct choice *choice = &choices_items(choices)[i];
        struct history_cursor cursor;
        if (choice->topic == CHOICE_HOLE)
            continue;
        if (!history_seek(catchup->history, choice->topic, catchup->from, &cursor))
            return false;
        uint64_t place = history_place(catchup->history, &cursor);
        if (place < until)
            push(catchup,
                 (struct strand){place, until, cursor, filter_ref(choice->filter),
                                 choice->topic == catchup->seen_topic ? catchup->seen : NULL,
                                 find_newest(catchup, cursor, until)});
    }
    catchup->from = until;
    return true;
}

// ---- the next event ----

static bool wants(const struct catchup *catchup, const struct strand *strand,
                  const struct event *event)
{
    const uint64_t *newest = newest_of_type(catchup, strand->newest, event->type);

    return filter_wants(strand->filter, event->type) &&
           (strand->seen == NULL || !visibility_sees(strand->seen, event->id.xid)) &&
           (newest == NULL || *newest == strand->place);
}

// Moves the first strand on. True: it wants the event it stood before.
static bool take_first(struct catchup *catchup, const struct event **event)
{
    struct strand *strand = &catchup->heap[0];

    *event = history_next(catchup->history, &strand->cursor);
    bool wanted = wants(catchup, strand, *event);
    strand->place = history_place(catchup->history, &strand->cursor);
    if (strand->place < strand->until)
        sift_down(catchup->heap, catchup->count);
    else
        drop_first(catchup);
    return wanted;
}

// An event of several topics is given once, if one of them wants it.
static bool take_place(struct catchup *catchup, const struct event **event)
{
    uint64_t place = catchup->heap[0].place;
    bool wanted = false;

    while (catchup->count > 0 && catchup->heap[0].place == place)
        wanted = take_first(catchup, event) || wanted;
    return wanted;
}

enum catchup_step catchup_next(struct catchup *catchup, const struct choices *choices,
                               uint32_t *steps, const struct event **event)
{
    while (*steps > 0) {
        if (catchup->count == 0) {
            if (catchup->from == history_end(catchup->history))
                return CATCHUP_DONE;
            if (!begin_round(catchup, choices))
                return CATCHUP_LOST;
            continue;
        }
        --*steps;
        if (!history_holds(catchup->history, &catchup->heap[0].cursor))
            return CATCHUP_LOST;
        if (take_place(catchup, event))
            return CATCHUP_EVENT;
    }
    return CATCHUP_LATER;
}
