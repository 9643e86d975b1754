// SPDX-License-Identifier: MIT
// What one client is subscribed to: topics in the order of subscribing, each with the types wanted of
// it. Finding, adding and removing are O(1), with a thousand of them too. Pure.
#ifndef ROWCAST_CHOICES_H
#define ROWCAST_CHOICES_H

#include <stdint.h>

#include "rowcast/filter.h"
#include "rowcast/map.h"
#include "rowcast/visibility.h"

struct choice {
    uint32_t topic; // a number that the owner holds a reference to
    uint32_t
        heard; // the number that the worker knows it by; the same, unless the owner says otherwise
    struct filter *filter;         // owned; NULL: all types
    const struct visibility *seen; // what it knows from a snapshot, to be left out; NULL: nothing
};

// Invariant: the first `end` items are choices and `end - count` holes (topic CHOICE_HOLE, no filter).
struct choices {
    struct choice *items;
    uint32_t count, end, capacity;
    struct map places; // topic -> index in items, once there are many
};

#define CHOICE_HOLE UINT32_MAX

void choices_init(struct choices *choices);
void choices_release(struct choices *choices); // gives back the filters, not the topics

struct choice *choices_find(const struct choices *choices, uint32_t topic); // or NULL
// The topic must not be there yet. Takes over the filter.
void choices_add(struct choices *choices, uint32_t topic, struct filter *filter);
void choices_remove(struct choices *choices, struct choice *choice); // one of its own

// Closes the holes: then the items are the choices, in order.
void choices_compact(struct choices *choices);

#endif
