// SPDX-License-Identifier: MIT
// What one client is subscribed to: topics in the order of subscribing, each with the types wanted of
// it. Finding, adding and removing are O(1), with a thousand of them too. Pure.
#ifndef ROWCAST_CHOICES_H
#define ROWCAST_CHOICES_H

#include <stdint.h>

#include "rowcast/filter.h"
#include "rowcast/map.h"

struct choice {
    uint32_t topic;        // a number that the owner holds a reference to
    uint32_t heard;        // the worker's number of it; the same, unless the owner says otherwise
    struct filter *filter; // owned; NULL: all types
};

// Invariant: the first `end` items are choices and `end - count` holes (topic CHOICE_HOLE, no filter).
struct choices {
    union {
        struct choice only; // capacity 1: most have one, which takes no memory of its own
        struct {
            struct choice *list;
            struct map *places; // topic -> index in the list, once there are many; else NULL
        };
    };
    uint32_t count, end, capacity;
};

#define CHOICE_HOLE UINT32_MAX

// They live until the next choices_add, choices_remove or choices_compact.
static inline struct choice *choices_items(const struct choices *choices)
{
    return choices->capacity == 1 ? &((struct choices *)choices)->only : choices->list;
}

void choices_init(struct choices *choices);
void choices_release(struct choices *choices); // gives back the filters, not the topics

struct choice *choices_find(const struct choices *choices, uint32_t topic); // or NULL
// The topic must not be there yet. Takes over the filter.
void choices_add(struct choices *choices, uint32_t topic, struct filter *filter);
void choices_remove(struct choices *choices, struct choice *choice); // one of its own

// Closes the holes: then the items are the choices, in order.
void choices_compact(struct choices *choices);

#endif
