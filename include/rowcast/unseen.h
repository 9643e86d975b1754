// SPDX-License-Identifier: MIT
// Transactions that were streamed before snapshots could see them: a commit is in the log, and may be
// streamed, an instant before it is visible, and for long where synchronous replication holds it back. A
// snapshot without them is made whole from the history. Pure.
#ifndef ROWCAST_UNSEEN_H
#define ROWCAST_UNSEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowcast/history.h"
#include "rowcast/list.h"
#include "rowcast/visibility.h"

// Invariant: an event with a place before `looked` is listed, or every snapshot under way sees it.
struct unseen {
    const struct history *history;
    uint64_t looked;
    struct unseen_event *events; // the first of each transaction, in order of places
    size_t count, capacity;
    struct list marks; // of the snapshots under way, in the order in which they began
    uint64_t serial;   // of the newest mark
};

// Where the history was before a snapshot was taken.
struct unseen_mark {
    struct list_link link;
    uint64_t serial;
    struct event_id position;
    uint64_t place; // of the next event
};

void unseen_init(struct unseen *unseen, const struct history *history);
void unseen_release(struct unseen *unseen);
void unseen_clear(struct unseen *unseen); // the history has begun anew

void unseen_begin(struct unseen *unseen, struct unseen_mark *mark); // a snapshot will be taken
void unseen_cancel(struct unseen_mark *mark); // it will not; harmless otherwise

// It was taken. Into *since the id behind which to look for the topic's events that it lacks: those it does
// not see. False: such an event has left the history, as far as can be told (of what was dropped before
// any snapshot was taken, only the topic's newest event is known). Ends the mark. Looks at each event of the
// history once, however many snapshots are taken.
bool unseen_find(struct unseen *unseen, struct unseen_mark *mark,
                 const struct visibility *visibility, uint32_t topic, struct event_id *since);

#endif
