// SPDX-License-Identifier: MIT
// Floods by kind and place.
#include "rowcast/floods.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/flood.h"
#include "rowcast/memory.h"

struct named_flood {
    char *kind, *place;
    struct flood flood;
};

void floods_release(struct floods *floods)
{
    for (size_t i = 0; i < floods->count; i++) {
        free(floods->items[i].kind);
        free(floods->items[i].place);
    }
    free(floods->items);
    *floods = (struct floods){0};
}

size_t floods_place(const char *message)
{
    size_t line = strcspn(message, "\n");
    for (size_t at = strcspn(message, ":"); at < line; at += 1 + strcspn(message + at + 1, ":")) {
        size_t digits = strspn(message + at + 1, "0123456789");
        if (digits > 0 && message[at + 1 + digits] == ':')
            return at + 1 + digits;
    }
    return 0;
}

static struct named_flood *find(const struct floods *floods, const char *kind, const char *place,
                                size_t size)
{
    for (size_t i = 0; i < floods->count; i++) {
        struct named_flood *item = &floods->items[i];
        if (strlen(item->place) == size && memcmp(item->place, place, size) == 0 &&
            strcmp(item->kind, kind) == 0)
            return item;
    }
    return NULL;
}

static struct named_flood *find_or_add(struct floods *floods, const char *kind, const char *place,
                                       size_t size)
{
    struct named_flood *item = find(floods, kind, place, size);
    if (!item && size > 0 && floods->count >= FLOODS_MAX_PLACES) {
        size = 0;
        item = find(floods, kind, place, size);
    }
    if (item)
        return item;
    floods->items = memory_resize(floods->items, (floods->count + 1) * sizeof *floods->items);
    item = &floods->items[floods->count++];
    *item = (struct named_flood){memory_text(kind), memory_copy(place, size), {0}};
    return item;
}

bool floods_say(struct floods *floods, const char *kind, const char *place, size_t size,
                uint32_t lines, int64_t now)
{
    return flood_says(&find_or_add(floods, kind, place, size)->flood, lines, now);
}

void floods_tick(struct floods *floods, int64_t now, floods_teller *tell, void *user)
{
    for (size_t i = 0; i < floods->count; i++) {
        struct named_flood *item = &floods->items[i];
        int64_t since = item->flood.began;
        uint64_t count = flood_ends(&item->flood, now);
        if (count > 0)
            tell(user, item->kind, item->place, count, now - since);
    }
}
