// SPDX-License-Identifier: MIT
// What one client is subscribed to. Few are searched one by one; a map is made for many.
#include "rowcast/choices.h"

#include <stdlib.h>

#include "rowcast/memory.h"

#define FIRST_LIST 4
#define FEW 16

void choices_init(struct choices *choices)
{
    *choices = (struct choices){.capacity = 1};
}

static struct map *places_of(const struct choices *choices)
{
    return choices->capacity > 1 ? choices->places : NULL;
}

// Of its memory.
static void give_back(struct choices *choices)
{
    if (places_of(choices) != NULL)
        map_release(choices->places);
    if (choices->capacity > 1) {
        free(choices->places);
        free(choices->list);
    }
    choices_init(choices);
}

void choices_release(struct choices *choices)
{
    for (uint32_t i = 0; i < choices->end; i++)
        filter_unref(choices_items(choices)[i].filter);
    give_back(choices);
}

static void note_places(struct choices *choices, uint32_t from)
{
    for (uint32_t i = from; i < choices->end; i++) {
        uint32_t topic = choices->list[i].topic;
        if (topic != CHOICE_HOLE)
            map_put(choices->places, &topic, sizeof topic, i);
    }
}

static void make_places(struct choices *choices)
{
    choices->places = memory_new(sizeof *choices->places);
    map_init(choices->places);
    note_places(choices, 0);
}

struct choice *choices_find(const struct choices *choices, uint32_t topic)
{
    struct choice *items = choices_items(choices);

    if (places_of(choices) != NULL) {
        uint64_t *place = map_get(choices->places, &topic, sizeof topic);
        return place != NULL ? &items[*place] : NULL;
    }
    for (uint32_t i = 0; i < choices->end; i++)
        if (items[i].topic == topic)
            return &items[i];
    return NULL;
}

void choices_compact(struct choices *choices)
{
    struct choice *items = choices_items(choices);
    uint32_t end = 0;

    if (choices->count == choices->end)
        return;
    for (uint32_t i = 0; i < choices->end; i++)
        if (items[i].topic != CHOICE_HOLE)
            items[end++] = items[i];
    choices->end = end;
    if (places_of(choices) != NULL)
        note_places(choices, 0);
}

static void grow(struct choices *choices)
{
    struct choice only = choices->only;

    if (choices->capacity > 1) {
        choices->capacity *= 2;
        choices->list = memory_resize(choices->list, choices->capacity * sizeof *choices->list);
        return;
    }
    choices->capacity = FIRST_LIST;
    choices->list = memory_resize(NULL, FIRST_LIST * sizeof *choices->list);
    choices->list[0] = only;
    choices->places = NULL;
}

void choices_add(struct choices *choices, uint32_t topic, struct filter *filter)
{
    if (choices->end == choices->capacity && choices->count <= choices->end / 2)
        choices_compact(choices);
    if (choices->end == choices->capacity)
        grow(choices);
    choices_items(choices)[choices->end++] = (struct choice){topic, topic, filter};
    choices->count++;
    if (places_of(choices) != NULL)
        note_places(choices, choices->end - 1);
    else if (choices->end > FEW)
        make_places(choices);
}

void choices_remove(struct choices *choices, struct choice *choice)
{
    if (places_of(choices) != NULL)
        map_remove(choices->places, &choice->topic, sizeof choice->topic);
    filter_unref(choice->filter);
    *choice = (struct choice){.topic = CHOICE_HOLE};
    if (--choices->count == 0)
        give_back(choices);
}
