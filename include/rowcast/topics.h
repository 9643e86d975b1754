// SPDX-License-Identifier: MIT
// Topic names and their numbers. A topic has its number for as long as somebody holds a reference:
// a subscription or an event in the history.
#ifndef ROWCAST_TOPICS_H
#define ROWCAST_TOPICS_H

#include <stddef.h>
#include <stdint.h>

#include "rowcast/map.h"

struct topics {
    struct map numbers;
    struct topic_entry *entries; // by number
    uint32_t count;              // of entries, free ones included
    uint32_t free;               // head of the list of free entries, or TOPIC_NONE
    uint32_t live;               // topics that have references
};

#define TOPIC_NONE UINT32_MAX

void topics_init(struct topics *topics);
void topics_release(struct topics *topics);

uint32_t topics_take(struct topics *topics, const char *name, size_t size); // adds a reference
uint32_t topics_find(const struct topics *topics, const char *name, size_t size); // or TOPIC_NONE
void topics_ref(struct topics *topics, uint32_t topic);
void topics_unref(struct topics *topics,
                  uint32_t topic); // the last one frees the number for re-use
const char *topics_name(const struct topics *topics, uint32_t topic); // NUL-terminated
size_t topics_name_size(const struct topics *topics, uint32_t topic);

#endif
