// SPDX-License-Identifier: MIT
// Topic names and their numbers.
#include "rowcast/topics.h"

#include <assert.h>
#include <stdlib.h>

#include "rowcast/memory.h"

#define FIRST_CAPACITY 64

// Free entries have no name and are listed by `next_free`.
struct topic_entry {
    char *name;
    size_t name_size;
    uint32_t references;
    uint32_t next_free;
};

void topics_init(struct topics *topics)
{
    *topics = (struct topics){.free = TOPIC_NONE};
    map_init(&topics->numbers);
}

void topics_release(struct topics *topics)
{
    for (uint32_t i = 0; i < topics->count; i++)
        free(topics->entries[i].name);
    free(topics->entries);
    map_release(&topics->numbers);
    topics_init(topics);
}

// Lists the entries from `first` on as free, the lowest number first.
static void list_free(struct topics *topics, uint32_t first)
{
    for (uint32_t i = topics->count; i > first; i--) {
        topics->entries[i - 1] = (struct topic_entry){.next_free = topics->free};
        topics->free = i - 1;
    }
}

static void grow(struct topics *topics)
{
    uint32_t old = topics->count;

    assert(old <= TOPIC_NONE / 2);
    topics->count = old > 0 ? old * 2 : FIRST_CAPACITY;
    topics->entries = memory_resize(topics->entries, topics->count * sizeof *topics->entries);
    list_free(topics, old);
}

static uint32_t topic_new(struct topics *topics, const char *name, size_t size)
{
    if (topics->free == TOPIC_NONE)
        grow(topics);

    uint32_t topic = topics->free;
    struct topic_entry *entry = &topics->entries[topic];

    topics->free = entry->next_free;
    *entry = (struct topic_entry){
        .name = memory_copy(name, size),
        .name_size = size,
        .references = 1,
        .next_free = TOPIC_NONE,
    };
    map_put(&topics->numbers, name, size, topic);
    topics->live++;
    return topic;
}

uint32_t topics_take(struct topics *topics, const char *name, size_t size)
{
    uint32_t topic = topics_find(topics, name, size);

    if (topic == TOPIC_NONE)
        return topic_new(topics, name, size);
    topics_ref(topics, topic);
    return topic;
}

uint32_t topics_find(const struct topics *topics, const char *name, size_t size)
{
    const uint64_t *number = map_get(&topics->numbers, name, size);

    return number != NULL ? (uint32_t)*number : TOPIC_NONE;
}

static struct topic_entry *entry_of(const struct topics *topics, uint32_t topic)
{
    assert(topic < topics->count && topics->entries[topic].name != NULL);
    return &topics->entries[topic];
}

void topics_ref(struct topics *topics, uint32_t topic)
{
    entry_of(topics, topic)->references++;
}

void topics_unref(struct topics *topics, uint32_t topic)
{
    struct topic_entry *entry = entry_of(topics, topic);

    if (--entry->references > 0)
        return;
    map_remove(&topics->numbers, entry->name, entry->name_size);
    free(entry->name);
    *entry = (struct topic_entry){.next_free = topics->free};
    topics->free = topic;
    topics->live--;
}

const char *topics_name(const struct topics *topics, uint32_t topic)
{
    return entry_of(topics, topic)->name;
}

size_t topics_name_size(const struct topics *topics, uint32_t topic)
{
    return entry_of(topics, topic)->name_size;
}
