// SPDX-License-Identifier: MIT
// Who wants a topic.
#include "rowcast/subscribers.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

#define FREE_PLACE UINT32_MAX // as a topic number: nobody stands here
#define NOT_FOUND UINT32_MAX
#define FIRST_PLACES 4

struct subscribers_topic {
    struct subscription *subscriptions;
    uint32_t count, capacity;
};

// ---- a subscriber's places: open addressing, linear probing ----

static struct subscriber_place *places_of(const struct subscriber *subscriber)
{
    return subscriber->capacity == 1 ? &((struct subscriber *)subscriber)->only
                                     : subscriber->places;
}

static uint32_t place_home(const struct subscriber *subscriber, uint32_t topic)
{
    return (uint32_t)((topic * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (subscriber->capacity - 1);
}

// The index of the topic's place, or NOT_FOUND.
static uint32_t place_find(const struct subscriber *subscriber, uint32_t topic)
{
    if (subscriber->capacity <= 1)
        return subscriber->count == 1 && subscriber->only.topic == topic ? 0 : NOT_FOUND;
    uint32_t mask = subscriber->capacity - 1;
    for (uint32_t i = place_home(subscriber, topic);; i = (i + 1) & mask) {
        if (subscriber->places[i].topic == topic)
            return i;
        if (subscriber->places[i].topic == FREE_PLACE)
            return NOT_FOUND;
    }
}

static void place_put(struct subscriber *subscriber, struct subscriber_place place)
{
    uint32_t mask = subscriber->capacity - 1;
    uint32_t i = place_home(subscriber, place.topic);

    while (subscriber->places[i].topic != FREE_PLACE)
        i = (i + 1) & mask;
    subscriber->places[i] = place;
}

static void places_resize(struct subscriber *subscriber, uint32_t capacity)
{
    struct subscriber former = *subscriber;
    struct subscriber_place *old = places_of(&former);

    subscriber->places = memory_resize(NULL, capacity * sizeof *old);
    subscriber->capacity = capacity;
    for (uint32_t i = 0; i < capacity; i++)
        subscriber->places[i].topic = FREE_PLACE;
    for (uint32_t i = 0; i < former.capacity; i++) {
        if (old[i].topic != FREE_PLACE)
            place_put(subscriber, old[i]);
    }
    if (former.capacity > 1)
        free(old);
}

static void places_free(struct subscriber *subscriber)
{
    if (subscriber->capacity > 1)
        free(subscriber->places);
    *subscriber = (struct subscriber){0};
}

static void place_add(struct subscriber *subscriber, uint32_t topic, uint32_t position)
{
    struct subscriber_place place = {topic, position};

    if (subscriber->count++ == 0) {
        subscriber->only = place;
        subscriber->capacity = 1;
        return;
    }
    if (subscriber->count * 2 > subscriber->capacity)
        places_resize(subscriber,
                      subscriber->capacity > 1 ? subscriber->capacity * 2 : FIRST_PLACES);
    place_put(subscriber, place);
}

// Takes out place `hole` and moves back those that were pushed behind it, so that no tombstones
// remain.
static void place_remove(struct subscriber *subscriber, uint32_t hole)
{
    if (--subscriber->count == 0) {
        places_free(subscriber);
        return;
    }
    struct subscriber_place *places = subscriber->places;
    uint32_t mask = subscriber->capacity - 1;
    for (uint32_t i = (hole + 1) & mask; places[i].topic != FREE_PLACE; i = (i + 1) & mask) {
        uint32_t home = place_home(subscriber, places[i].topic);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            places[hole] = places[i];
            hole = i;
        }
    }
    places[hole].topic = FREE_PLACE;
    if (subscriber->count * 8 <= subscriber->capacity && subscriber->capacity > FIRST_PLACES)
        places_resize(subscriber, subscriber->capacity / 2);
}

// ---- a topic's subscriptions: a dense array ----

static void topic_resize(struct subscribers_topic *topic, uint32_t capacity)
{
    if (capacity == 0) {
        free(topic->subscriptions);
        topic->subscriptions = NULL;
    } else {
        topic->subscriptions =
            memory_resize(topic->subscriptions, capacity * sizeof *topic->subscriptions);
    }
    topic->capacity = capacity;
}

static void topic_add(struct subscribers_topic *topic, struct subscription subscription)
{
    if (topic->count == topic->capacity)
        topic_resize(topic, topic->capacity + topic->capacity / 4 + 1);
    topic->subscriptions[topic->count++] = subscription;
}

// The last one moves to where one leaves.
static void topic_remove(struct subscribers_topic *topic, uint32_t number, uint32_t position)
{
    struct subscription *last = &topic->subscriptions[--topic->count];

    filter_unref(topic->subscriptions[position].filter);
    if (position != topic->count) {
        topic->subscriptions[position] = *last;
        uint32_t place = place_find(last->subscriber, number);
        places_of(last->subscriber)[place].position = position;
    }
    if (topic->count == 0)
        topic_resize(topic, 0);
    else if (topic->count * 4 <= topic->capacity)
        topic_resize(topic, topic->capacity / 2);
}

static struct subscribers_topic *topic_at(struct subscribers *subscribers, uint32_t topic)
{
    if (topic >= subscribers->capacity) {
        uint32_t old = subscribers->capacity, capacity = old > 0 ? old : 64;
        while (capacity <= topic)
            capacity *= 2;
        subscribers->topics =
            memory_resize(subscribers->topics, capacity * sizeof *subscribers->topics);
        memset(subscribers->topics + old, 0, (capacity - old) * sizeof *subscribers->topics);
        subscribers->capacity = capacity;
    }
    return &subscribers->topics[topic];
}

// ---- both together ----

void subscribers_init(struct subscribers *subscribers)
{
    subscribers->topics = NULL;
    subscribers->capacity = 0;
}

void subscribers_release(struct subscribers *subscribers)
{
    free(subscribers->topics);
    subscribers_init(subscribers);
}

bool subscribers_join(struct subscribers *subscribers, struct subscriber *subscriber,
                      uint32_t topic, struct filter *filter)
{
    struct subscribers_topic *entry = topic_at(subscribers, topic);
    uint32_t place = place_find(subscriber, topic);

    if (place != NOT_FOUND) {
        struct subscription *known = &entry->subscriptions[places_of(subscriber)[place].position];
        filter_unref(known->filter);
        known->filter = filter;
        return false;
    }
    place_add(subscriber, topic, entry->count);
    topic_add(entry, (struct subscription){subscriber, filter});
    return true;
}

bool subscribers_leave(struct subscribers *subscribers, struct subscriber *subscriber,
                       uint32_t topic)
{
    uint32_t place = place_find(subscriber, topic);

    if (place == NOT_FOUND)
        return false;
    uint32_t position = places_of(subscriber)[place].position;
    place_remove(subscriber, place);
    topic_remove(&subscribers->topics[topic], topic, position);
    return true;
}

void subscribers_leave_all(struct subscribers *subscribers, struct subscriber *subscriber,
                           subscribers_emptied *emptied, void *user)
{
    for (uint32_t i = 0; i < subscriber->capacity; i++) {
        struct subscriber_place place = places_of(subscriber)[i];
        if (place.topic == FREE_PLACE)
            continue;
        struct subscribers_topic *topic = &subscribers->topics[place.topic];
        topic_remove(topic, place.topic, place.position);
        if (topic->count == 0 && emptied != NULL)
            emptied(user, place.topic);
    }
    places_free(subscriber);
}

const struct subscription *subscribers_of(const struct subscribers *subscribers, uint32_t topic,
                                          uint32_t *count)
{
    *count = 0;
    if (topic >= subscribers->capacity)
        return NULL;
    *count = subscribers->topics[topic].count;
    return subscribers->topics[topic].subscriptions;
}
