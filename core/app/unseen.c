// SPDX-License-Identifier: MIT
// Transactions that were streamed before snapshots could see them.
#include "rowcast/unseen.h"

#include <stdlib.h>

#include "rowcast/memory.h"

// A transaction's 32 bits name it among those of the last 2^31 only, whose commits alone take more of the
// log than this. Nothing is held back for so long.
#define LONG_AGO (UINT64_C(64) << 30)

// A snapshot that began when `serial` was the newest mark, or later, is known to see the transaction.
struct unseen_event {
    uint64_t place, serial;
    struct event_id id;
};

#define SEEN_BY_NONE UINT64_MAX

void unseen_init(struct unseen *unseen, const struct history *history)
{
    *unseen = (struct unseen){.history = history};
    list_init(&unseen->marks);
}

void unseen_release(struct unseen *unseen)
{
    free(unseen->events);
}

void unseen_clear(struct unseen *unseen)
{
    unseen->count = 0;
    unseen->looked = history_end(unseen->history);
}

void unseen_begin(struct unseen *unseen, struct unseen_mark *mark)
{
    list_leave(&mark->link);
    list_append(&unseen->marks, &mark->link);
    mark->serial = ++unseen->serial;
    mark->position = *history_position(unseen->history);
    mark->place = history_end(unseen->history);
}

void unseen_cancel(struct unseen_mark *mark)
{
    list_leave(&mark->link);
}

static bool sees(const struct unseen *unseen, const struct visibility *visibility,
                 const struct event_id *id)
{
    return id->xid == 0 || history_position(unseen->history)->lsn - id->lsn > LONG_AGO ||
           visibility_sees(visibility, id->xid);
}

static void add(struct unseen *unseen, uint64_t place, uint64_t serial, const struct event_id *id)
{
    if (unseen->count > 0 && unseen->events[unseen->count - 1].id.lsn == id->lsn)
        return;
    if (unseen->count == unseen->capacity) {
        unseen->capacity = unseen->capacity ? 2 * unseen->capacity : 16;
        unseen->events = memory_resize(unseen->events, unseen->capacity * sizeof *unseen->events);
    }
    unseen->events[unseen->count++] = (struct unseen_event){place, serial, *id};
}

// What this snapshot sees is listed for the sake of others under way, which may be older.
static void look(struct unseen *unseen, const struct visibility *visibility, uint64_t end)
{
    bool alone = list_first(&unseen->marks) == NULL;
    const struct event *event;
    while (unseen->looked < end && (event = history_walk(unseen->history, &unseen->looked))) {
        bool seen = sees(unseen, visibility, &event->id);
        if (!seen || !alone)
            add(unseen, unseen->looked - 1, seen ? unseen->serial : SEEN_BY_NONE, &event->id);
    }
}

static void note_seen(struct unseen *unseen, const struct visibility *visibility)
{
    for (size_t i = 0; i < unseen->count; i++) {
        struct unseen_event *event = &unseen->events[i];
        if (event->serial == SEEN_BY_NONE && sees(unseen, visibility, &event->id))
            event->serial = unseen->serial;
    }
}

static void forget_seen(struct unseen *unseen)
{
    struct list_link *first = list_first(&unseen->marks);
    uint64_t oldest =
        first ? container_of(first, struct unseen_mark, link)->serial : unseen->serial + 1;
    size_t kept = 0;
    for (size_t i = 0; i < unseen->count; i++)
        if (unseen->events[i].serial >= oldest)
            unseen->events[kept++] = unseen->events[i];
    unseen->count = kept;
}

static const struct unseen_event *find_oldest(const struct unseen *unseen,
                                              const struct visibility *visibility, uint64_t end)
{
    for (size_t i = 0; i < unseen->count && unseen->events[i].place < end; i++)
        if (!sees(unseen, visibility, &unseen->events[i].id))
            return &unseen->events[i];
    return NULL;
}

static bool is_kept(const struct unseen *unseen, uint64_t place)
{
    uint64_t at = place;
    return history_walk(unseen->history, &at) && at == place + 1;
}

bool unseen_find(struct unseen *unseen, struct unseen_mark *mark,
                 const struct visibility *visibility, uint32_t topic, struct event_id *since)
{
    list_leave(&mark->link);
    look(unseen, visibility, mark->place);
    const struct unseen_event *oldest = find_oldest(unseen, visibility, mark->place);
    *since = mark->position;
    bool kept = !oldest || is_kept(unseen, oldest->place);
    if (oldest)
        *since = (struct event_id){.epoch = oldest->id.epoch,
                                   .timeline = oldest->id.timeline,
                                   .lsn = oldest->id.lsn - 1,
                                   .change = EVENT_ID_LAST_CHANGE,
                                   .emit = EVENT_ID_LAST_EMIT};
    note_seen(unseen, visibility);
    forget_seen(unseen);
    return kept && sees(unseen, visibility, history_dropped(unseen->history, topic));
}
