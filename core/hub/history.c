// SPDX-License-Identifier: MIT
// The events kept for resuming.
//
// Three rings, first in, first out: the entries in id order, a link for each topic of each entry, and a
// mark for each transaction.
// Places in them are counted from the first ever and never re-used, so an old number is seen to be
// gone by comparing, and nothing has to be unlinked when the oldest goes.
#include "rowcast/history.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

#define FIRST_CAPACITY 256
#define EVICTED_SLOTS 16384
#define LEAST_MARKS 1024
#define NOWHERE UINT64_MAX
#define FIRST_PLACE 1

// Places first..behind-1 are in use; place p stands at p & (capacity - 1).
struct ring {
    char *items;
    size_t item_size, capacity;
    uint64_t first, behind;
};

struct entry {
    struct event event;
    int64_t time;
    size_t bytes; // what it counts against the bound
};

// previous: NOWHERE, or a place that may be evicted by now. next: NOWHERE at the topic's newest.
struct link {
    uint64_t entry;
    uint64_t previous, next; // of the same topic
};

// What is remembered of every transaction, so that an id can be told from one of another log.
struct mark {
    uint64_t lsn;
    uint32_t xid, stamp;
};

// The newest evicted event of the topics whose names hash to a slot; all zero: none.
struct eviction {
    struct event_id id;
    uint64_t place;
};

struct history {
    struct topics *topics;
    uint32_t epoch;
    struct lineage lineage;
    size_t max_bytes, max_marks;
    int64_t max_age;
    size_t bytes;

    struct ring entries; // of struct entry
    struct ring links;   // of struct link
    struct ring marks;   // of struct mark; the first of all is that of `start`

    uint64_t *newest;      // link, by topic number; NOWHERE: the topic has no event here
    uint32_t newest_count; // topic numbers from here on have none

    struct event_id start, position;
    uint64_t started;        // the place of the first event behind `start`
    struct event_id dropped; // the newest evicted of all

    // Topics that share a slot share their fate: one may be told `expired` for the other's sake,
    // never the reverse.
    struct eviction evicted[EVICTED_SLOTS];
};

// ---- rings ----

static void ring_init(struct ring *ring, size_t item_size)
{
    *ring = (struct ring){.item_size = item_size, .first = FIRST_PLACE, .behind = FIRST_PLACE};
}

static void *ring_at(const struct ring *ring, uint64_t place)
{
    assert(place >= ring->first && place < ring->behind);
    return ring->items + (place & (ring->capacity - 1)) * ring->item_size;
}

static void ring_grow(struct ring *ring)
{
    struct ring old = *ring;

    ring->capacity = old.capacity > 0 ? old.capacity * 2 : FIRST_CAPACITY;
    ring->items = memory_resize(NULL, ring->capacity * ring->item_size);
    for (uint64_t place = old.first; place < old.behind; place++)
        memcpy(ring_at(ring, place), ring_at(&old, place), ring->item_size);
    free(old.items);
}

static uint64_t ring_push(struct ring *ring, const void *item)
{
    if (ring->behind - ring->first == ring->capacity)
        ring_grow(ring);
    ring->behind++;
    memcpy(ring_at(ring, ring->behind - 1), item, ring->item_size);
    return ring->behind - 1;
}

static struct entry *entry_at(const struct history *history, uint64_t place)
{
    return ring_at(&history->entries, place);
}

static struct link *link_at(const struct history *history, uint64_t place)
{
    return ring_at(&history->links, place);
}

// ---- evicting ----

// By name: a number may belong to another topic tomorrow.
static size_t evicted_slot(const struct history *history, uint32_t topic)
{
    const char *name = topics_name(history->topics, topic);

    return map_hash(name, topics_name_size(history->topics, topic)) % EVICTED_SLOTS;
}

static void drop_link(struct history *history, uint32_t topic)
{
    if (history->newest[topic] == history->links.first)
        history->newest[topic] = NOWHERE;
    history->links.first++;
    topics_unref(history->topics, topic);
}

// The links of an entry were made with it, in the order of its topics: they are the oldest ones.
static void drop_oldest(struct history *history)
{
    struct entry *entry = entry_at(history, history->entries.first);
    struct event *event = &entry->event;

    for (uint32_t i = 0; i < event->topic_count; i++) {
        history->evicted[evicted_slot(history, event->topics[i])] =
            (struct eviction){event->id, history->entries.first};
        drop_link(history, event->topics[i]);
    }
    for (int i = 0; i < FORMAT_COUNT; i++)
        frame_unref(event->frames[i]);
    history->dropped = event->id;
    history->bytes -= entry->bytes;
    history->entries.first++;
}

static bool beyond_bounds(const struct history *history, int64_t now)
{
    return history->bytes > history->max_bytes ||
           now - entry_at(history, history->entries.first)->time > history->max_age;
}

void history_evict(struct history *history, int64_t now)
{
    while (history->entries.first < history->entries.behind && beyond_bounds(history, now))
        drop_oldest(history);
}

// ---- life ----

struct history *history_new(struct topics *topics, size_t max_bytes, int64_t max_age)
{
    struct history *history = memory_new(sizeof *history);

    history->topics = topics;
    history->max_bytes = max_bytes;
    history->max_age = max_age;
    ring_init(&history->entries, sizeof(struct entry));
    ring_init(&history->links, sizeof(struct link));
    ring_init(&history->marks, sizeof(struct mark));
    history->max_marks = max_bytes / 4 / sizeof(struct mark);
    if (history->max_marks < LEAST_MARKS)
        history->max_marks = LEAST_MARKS;
    return history;
}

static void drop_all(struct history *history)
{
    while (history->entries.first < history->entries.behind)
        drop_oldest(history);
}

void history_free(struct history *history)
{
    if (history == NULL)
        return;
    drop_all(history);
    free(history->entries.items);
    free(history->links.items);
    free(history->marks.items);
    free(history->newest);
    free(history);
}

// ---- marks ----

static const struct mark *mark_at(const struct history *history, uint64_t place)
{
    return ring_at(&history->marks, place);
}

// One for each transaction, also when its events come one by one.
static void mark(struct history *history, const struct event_id *id)
{
    struct ring *marks = &history->marks;
    struct mark mark = {id->lsn, id->xid, id->stamp};

    if (marks->behind > marks->first && mark_at(history, marks->behind - 1)->lsn == id->lsn)
        return;
    if (marks->behind - marks->first == history->max_marks)
        marks->first++;
    ring_push(marks, &mark);
}

// The newest transaction at or before `lsn`, or NULL: not remembered.
static const struct mark *find_mark(const struct history *history, uint64_t lsn)
{
    uint64_t first = history->marks.first, behind = history->marks.behind;

    while (first < behind) {
        uint64_t middle = first + (behind - first) / 2;
        if (mark_at(history, middle)->lsn <= lsn)
            first = middle + 1;
        else
            behind = middle;
    }
    return first > history->marks.first ? mark_at(history, first - 1) : NULL;
}

void history_start(struct history *history, const struct event_id *id)
{
    drop_all(history);
    memset(history->evicted, 0, sizeof history->evicted);
    history->dropped = (struct event_id){0};
    history->epoch = id->epoch;
    history->lineage = (struct lineage){.timeline = id->timeline};
    history->start = *id;
    history->position = *id;
    history->marks.first = history->marks.behind;
    mark(history, id);
    history->started = history->entries.behind;
}

// ---- appending ----

static size_t entry_bytes(const struct event *event)
{
    size_t bytes = sizeof(struct entry) + event->topic_count * sizeof(struct link);

    for (int i = 0; i < FORMAT_COUNT; i++)
        if (event->frames[i] != NULL)
            bytes += sizeof *event->frames[i] + event->frames[i]->size;
    return bytes;
}

static uint64_t *newest_of(struct history *history, uint32_t topic)
{
    if (topic >= history->newest_count) {
        uint32_t count = history->newest_count > 0 ? history->newest_count : FIRST_CAPACITY;
        while (count <= topic)
            count = count <= UINT32_MAX / 2 ? count * 2 : UINT32_MAX;
        history->newest = memory_resize(history->newest, count * sizeof *history->newest);
        for (uint32_t i = history->newest_count; i < count; i++)
            history->newest[i] = NOWHERE;
        history->newest_count = count;
    }
    return &history->newest[topic];
}

static void link_topic(struct history *history, uint64_t entry, uint32_t topic)
{
    uint64_t *newest = newest_of(history, topic);
    struct link link = {.entry = entry, .previous = *newest, .next = NOWHERE};
    uint64_t place = ring_push(&history->links, &link);

    if (*newest != NOWHERE)
        link_at(history, *newest)->next = place;
    *newest = place;
    topics_ref(history->topics, topic);
}

uint64_t history_append(struct history *history, const struct event *event, int64_t now)
{
    struct entry entry = {.event = *event, .time = now, .bytes = entry_bytes(event)};

    assert(event_id_compare(&event->id, &history->position) > 0);
    uint64_t place = ring_push(&history->entries, &entry);
    for (uint32_t i = 0; i < event->topic_count; i++)
        link_topic(history, place, event->topics[i]);
    history->bytes += entry.bytes;
    mark(history, &event->id);
    history->position = event->id;
    history_evict(history, now);
    return place;
}

void history_commit(struct history *history, const struct event_id *id)
{
    if (event_id_compare(id, &history->position) <= 0)
        return;
    mark(history, id);
    history->position = *id;
}

void history_advance(struct history *history, uint64_t lsn)
{
    struct event_id *position = &history->position;

    if (lsn <= position->lsn)
        return;
    position->timeline = lineage_at(&history->lineage, lsn);
    position->lsn = lsn;
    position->change = EVENT_ID_LAST_CHANGE;
    position->emit = EVENT_ID_LAST_EMIT;
}

// ---- following a promotion ----

static bool is_of_this_log(const struct history *history, const struct event_id *id)
{
    return id->epoch == history->epoch && id->timeline == lineage_at(&history->lineage, id->lsn);
}

// The stream had passed more of a timeline than was kept of it; no transaction was among that.
static void set_back(struct history *history, uint64_t end)
{
    struct ring *marks = &history->marks;

    while (marks->behind > marks->first && mark_at(history, marks->behind - 1)->lsn >= end)
        marks->behind--;
    history->position.lsn = end - 1;
    if (marks->behind == marks->first)
        mark(history, &history->position);
}

void history_follow(struct history *history, const struct lineage *lineage)
{
    history->lineage = *lineage;
    if (is_of_this_log(history, &history->position))
        return;
    for (uint32_t i = 0; i < lineage->count; i++)
        if (lineage->ancestors[i].timeline == history->position.timeline)
            set_back(history, lineage->ancestors[i].end);
}

// ---- looking ----

uint32_t history_timeline(const struct history *history)
{
    return history->lineage.timeline;
}

const struct event_id *history_position(const struct history *history)
{
    return &history->position;
}

bool history_ends(const struct history *history, struct event_id *oldest, struct event_id *newest)
{
    if (history->entries.first == history->entries.behind)
        return false;
    *oldest = entry_at(history, history->entries.first)->event.id;
    *newest = entry_at(history, history->entries.behind - 1)->event.id;
    return true;
}

uint64_t history_end(const struct history *history)
{
    return history->entries.behind;
}

size_t history_events(const struct history *history)
{
    return history->entries.behind - history->entries.first;
}

size_t history_bytes(const struct history *history)
{
    return history->bytes;
}

// ---- resuming ----

const char *resume_word(enum resume resume)
{
    static const char *const words[RESUME_COUNT] = {"recovered", "expired", "stream_reset",
                                                    "unknown_id"};
    return words[resume];
}

bool history_is_ahead(const struct history *history, const struct event_id *id)
{
    bool newer = id->epoch == history->epoch && id->timeline > history->lineage.timeline;

    return (newer || is_of_this_log(history, id)) && event_id_compare(id, &history->position) > 0;
}

static bool contradicts(const struct history *history, const struct event_id *id)
{
    const struct mark *known = find_mark(history, id->lsn);

    if (known == NULL)
        return false;
    if (known->lsn != id->lsn && !event_id_is_position(id))
        return true;
    return known->xid != 0 && id->xid != 0 && (known->xid != id->xid || known->stamp != id->stamp);
}

// Walks back from the topic's newest event to its oldest behind `since`.
static uint64_t first_behind(const struct history *history, uint32_t topic,
                             const struct event_id *since)
{
    uint64_t found = NOWHERE;
    uint64_t place = topic < history->newest_count ? history->newest[topic] : NOWHERE;

    while (place != NOWHERE && place >= history->links.first) {
        const struct link *link = link_at(history, place);
        if (event_id_compare(&entry_at(history, link->entry)->event.id, since) <= 0)
            break;
        found = place;
        place = link->previous;
    }
    return found;
}

enum resume history_resume(const struct history *history, uint32_t topic,
                           const struct event_id *since, struct history_cursor *cursor)
{
    cursor->link = NOWHERE;
    if (!is_of_this_log(history, since))
        return RESUME_STREAM_RESET;
    if (event_id_compare(since, &history->position) > 0)
        return RESUME_UNKNOWN_ID;
    if (event_id_compare(since, &history->start) < 0)
        return RESUME_EXPIRED;
    if (event_id_compare(since, &history->evicted[evicted_slot(history, topic)].id) < 0)
        return RESUME_EXPIRED;
    if (contradicts(history, since))
        return RESUME_UNKNOWN_ID;

    cursor->link = first_behind(history, topic, since);
    return RESUME_RECOVERED;
}

// ---- walking ----

bool history_seek(const struct history *history, uint32_t topic, uint64_t place,
                  struct history_cursor *cursor)
{
    uint64_t link = topic < history->newest_count ? history->newest[topic] : NOWHERE;

    cursor->link = NOWHERE;
    if (place < history->started || place <= history->evicted[evicted_slot(history, topic)].place)
        return false;
    while (link != NOWHERE && link >= history->links.first &&
           link_at(history, link)->entry >= place) {
        cursor->link = link;
        link = link_at(history, link)->previous;
    }
    return true;
}

bool history_holds(const struct history *history, const struct history_cursor *cursor)
{
    return cursor->link >= history->links.first;
}

uint64_t history_place(const struct history *history, const struct history_cursor *cursor)
{
    return cursor->link != NOWHERE ? link_at(history, cursor->link)->entry : NOWHERE;
}

const struct event *history_next(const struct history *history, struct history_cursor *cursor)
{
    if (cursor->link == NOWHERE)
        return NULL;

    const struct link *link = link_at(history, cursor->link);
    cursor->link = link->next;
    return &entry_at(history, link->entry)->event;
}

// ---- all of them ----

const struct event *history_walk(const struct history *history, uint64_t *place)
{
    if (*place < history->entries.first)
        *place = history->entries.first;
    if (*place >= history->entries.behind)
        return NULL;
    return &entry_at(history, (*place)++)->event;
}

uint64_t history_behind(const struct history *history, const struct event_id *id, bool *whole)
{
    uint64_t first = history->entries.first, behind = history->entries.behind;

    *whole = is_of_this_log(history, id) && event_id_compare(id, &history->position) <= 0 &&
             event_id_compare(id, &history->start) >= 0 &&
             event_id_compare(id, &history->dropped) >= 0;
    while (first < behind) {
        uint64_t middle = first + (behind - first) / 2;
        if (event_id_compare(&entry_at(history, middle)->event.id, id) <= 0)
            first = middle + 1;
        else
            behind = middle;
    }
    return first;
}

const struct event *history_find(const struct history *history, const struct event_id *id,
                                 uint64_t *place)
{
    bool whole;
    *place = history_behind(history, id, &whole) - 1;
    if (*place < history->entries.first || *place >= history->entries.behind)
        return NULL;
    const struct event *event = &entry_at(history, *place)->event;
    bool same = id->epoch == event->id.epoch && id->xid == event->id.xid &&
                id->stamp == event->id.stamp && event_id_compare(id, &event->id) == 0;
    return same ? event : NULL;
}

const struct event_id *history_dropped(const struct history *history, uint32_t topic)
{
    return &history->evicted[evicted_slot(history, topic)].id;
}
