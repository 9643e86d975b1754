// SPDX-License-Identifier: MIT
// What a client still has to get that is not served live: the events of its topics from some place
// on, each once, in the order of their places, straight from the history. Nothing is copied; it
// takes memory for the topics that have something to come, and only while it lasts. Pure.
//
// It goes in rounds. A round covers what there was when it began: a cursor for each topic that had
// something, merged by a heap. What is published meanwhile is the next round's. When a round ends at
// the history's end, the client has everything and may be served live.
#ifndef ROWCAST_CATCHUP_H
#define ROWCAST_CATCHUP_H

#include <stdbool.h>
#include <stdint.h>

#include "rowcast/choices.h"
#include "rowcast/history.h"
#include "rowcast/visibility.h"

// Types of which the newest of a topic is enough for who is behind.
struct conflation {
    const uint64_t *types; // event_type_hash; borrowed
    uint32_t count;        // 0: every event is given
};

struct catchup {
    const struct history *history;
    struct conflation conflation;
    uint64_t from;                 // the rounds that have begun cover all before this place
    const struct visibility *seen; // of the topic `seen_topic`; NULL: nothing
    uint32_t seen_topic;
    struct strand *heap; // by place, the next one first
    uint32_t count, capacity;
};

enum catchup_step {
    CATCHUP_EVENT, // here is the next one
    CATCHUP_DONE,  // the client has everything
    CATCHUP_LOST,  // an event it has not had was dropped, or may have been
    CATCHUP_LATER, // the steps are used up
};

// Everything of the client's topics at or behind `from` is to come.
void catchup_init(struct catchup *catchup, const struct history *history, uint64_t from,
                  struct conflation conflation);
void catchup_release(struct catchup *catchup);

// Its client has had everything before this place, or never will.
uint64_t catchup_place(const struct catchup *catchup);

// From the next round on, and until the end, what is `seen` of the topic is left out: the client knows it
// from a snapshot.
void catchup_leave_out(struct catchup *catchup, uint32_t topic, const struct visibility *seen);

// What a resume has missed comes too: from the cursor on, before the place `until`, with a filter of its
// own (taken over; NULL: all types), without what is `seen` (NULL: nothing is). Never conflated.
void catchup_add(struct catchup *catchup, struct history_cursor cursor, uint64_t until,
                 struct filter *filter, const struct visibility *seen);

// Looks for the next event that one of the `choices` wants; those must be the same during a round. An
// event looked at in vain takes one of the *steps, too. The event lives until the next append or evict.
enum catchup_step catchup_next(struct catchup *catchup, const struct choices *choices,
                               uint32_t *steps, const struct event **event);

#endif
