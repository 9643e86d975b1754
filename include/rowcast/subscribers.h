// SPDX-License-Identifier: MIT
// Who wants a topic: for each topic number a dense array to fan out over, for each subscriber a
// small table of where it stands. Joining, leaving and changing the filter are O(1), and what is
// left takes no memory. Pure.
#ifndef ROWCAST_SUBSCRIBERS_H
#define ROWCAST_SUBSCRIBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "rowcast/filter.h"

// Where a subscriber stands in a topic's array.
struct subscriber_place {
    uint32_t topic, position;
};

// Embedded in whoever subscribes. Zeroed memory is a subscriber without topics. It must not move in
// memory while it has any.
struct subscriber {
    union {
        struct subscriber_place only;    // capacity 1: one place, and it is taken
        struct subscriber_place *places; // else open addressing by topic number
    };
    uint32_t capacity; // 0, 1, or a larger power of two, then at most half full
    uint32_t count;
};

struct subscription {
    struct subscriber *subscriber;
    struct filter *filter; // owned; NULL: all types
};

// Invariant: topics[t].subscriptions[p].subscriber has the place {t, p}, and the other way round.
struct subscribers {
    struct subscribers_topic *topics; // by number
    uint32_t capacity;
};

void subscribers_init(struct subscribers *subscribers);
void subscribers_release(struct subscribers *subscribers); // every subscriber must have left

// Adds the subscriber or replaces its filter (taken over). True: it is new in this topic.
bool subscribers_join(struct subscribers *subscribers, struct subscriber *subscriber,
                      uint32_t topic, struct filter *filter);
bool subscribers_leave(struct subscribers *subscribers, struct subscriber *subscriber,
                       uint32_t topic); // false: was not there

// Leaves all topics; calls `emptied` (may be NULL) for each that nobody is left in.
typedef void subscribers_emptied(void *user, uint32_t topic);
void subscribers_leave_all(struct subscribers *subscribers, struct subscriber *subscriber,
                           subscribers_emptied *emptied, void *user);

// The topic's subscriptions, *count of them. Order means nothing. Lives until somebody joins or
// leaves.
const struct subscription *subscribers_of(const struct subscribers *subscribers, uint32_t topic,
                                          uint32_t *count);

#endif
