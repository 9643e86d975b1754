// SPDX-License-Identifier: MIT
// What one client is subscribed to. Few are searched one by one; a map is made for many.
#include "rowcast/choices.h"

#include <stdlib.h>

#include "rowcast/memory.h"

#define FIRST_CAPACITY 1 // what most have
#define FEW 16

void choices_init(struct choices *choices)
{
    *choices = (struct choices){0};
    map_init(&choices->places);
}

void choices_release(struct choices *choices)
{
    for (uint32_t i = 0; i < choices->end; i++)
        filter_unref(choices->items[i].filter);
    free(choices->items);
    map_release(&choices->places);
}

static void note_places(struct choices *choices, uint32_t from)
{
    for (uint32_t i = from; i < choices->end; i++) {
        uint32_t topic = choices->items[i].topic;
        if (topic != CHOICE_HOLE)
            map_put(&choices->places, &topic, sizeof topic, i);
    }
}

struct choice *choices_find(const struct choices *choices, uint32_t topic)
{
    if (choices->places.count > 0) {
        uint64_t *place = map_get(&choices->places, &topic, sizeof topic);
        return place != NULL ? &choices->items[*place] : NULL;
    }
    for (uint32_t i = 0; i < choices->end; i++)
        if (choices->items[i].topic == topic)
            return &choices->items[i];
    return NULL;
}

void choices_compact(struct choices *choices)
{
    uint32_t end = 0;

    if (choices->count == choices->end)
        return;
    for (uint32_t i = 0; i < choices->end; i++)
        if (choices->items[i].topic != CHOICE_HOLE)
            choices->items[end++] = choices->items[i];
    choices->end = end;
    if (choices->places.count > 0)
        note_places(choices, 0);
}

void choices_add(struct choices *choices, uint32_t topic, struct filter *filter)
{
    if (choices->end == choices->capacity && choices->count <= choices->end / 2)
        choices_compact(choices);
    if (choices->end == choices->capacity) {
        choices->capacity = choices->capacity > 0 ? choices->capacity * 2 : FIRST_CAPACITY;
        choices->items = memory_resize(choices->items, choices->capacity * sizeof *choices->items);
    }
    choices->items[choices->end++] = (struct choice){topic, topic, filter, NULL};
    choices->count++;
    if (choices->places.count > 0)
        note_places(choices, choices->end - 1);
    else if (choices->end > FEW)
        note_places(choices, 0);
}

void choices_remove(struct choices *choices, struct choice *choice)
{
    if (choices->places.count > 0)
        map_remove(&choices->places, &choice->topic, sizeof choice->topic);
    filter_unref(choice->filter);
    *choice = (struct choice){.topic = CHOICE_HOLE};
    if (--choices->count == 0)
        choices->end = 0;
}
