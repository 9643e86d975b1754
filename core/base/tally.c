// SPDX-License-Identifier: MIT
// What is counted by a name that others choose.
#include "rowcast/tally.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/buffer.h"
#include "rowcast/memory.h"
#include "rowcast/utf8.h"

// Different bytes may come to the same clean name: so many more are remembered as they came.
#define SPELLINGS 2

void tally_init(struct tally *tally, size_t item_size, size_t maximum)
{
    *tally = (struct tally){.item_size = item_size, .maximum = maximum};
    map_init(&tally->numbers);
    tally->names = memory_new((maximum + 1) * sizeof *tally->names);
    tally->items = memory_new((maximum + 1) * sizeof *tally->items);
}

void tally_release(struct tally *tally)
{
    for (size_t i = 0; i < tally->count; i++) {
        free(tally->names[i]);
        free(tally->items[i]);
    }
    free(tally->names);
    free(tally->items);
    map_release(&tally->numbers);
}

static char *cleaned(const char *name, size_t size)
{
    struct buffer clean;
    buffer_init(&clean, 3 * size + 1);
    for (size_t at = 0; at < size;) {
        size_t length = utf8_length(name + at, size - at);
        if (length > 0 && name[at] != '\0')
            buffer_append(&clean, name + at, length);
        else
            buffer_append_text(&clean, "\xef\xbf\xbd");
        at += length > 0 ? length : 1;
    }
    buffer_append_byte(&clean, '\0');
    return clean.bytes;
}

static size_t number_of(const struct tally *tally, const char *clean)
{
    size_t i = 0;
    while (i < tally->count && strcmp(tally->names[i], clean) != 0)
        i++;
    return i;
}

static size_t add(struct tally *tally, const char *name)
{
    tally->names[tally->count] = memory_text(name);
    tally->items[tally->count] = memory_new(tally->item_size);
    return tally->count++;
}

// The number of a name that came for the first time.
static size_t number_new(struct tally *tally, const char *name, size_t size)
{
    char *clean = cleaned(name, size);
    size_t number = number_of(tally, clean);
    bool full = tally->count >= tally->maximum;
    if (number == tally->count && !full) {
        add(tally, clean);
    } else if (number == tally->count) {
        number = number_of(tally, TALLY_OTHER);
        if (number == tally->count)
            add(tally, TALLY_OTHER);
    }
    free(clean);
    if (tally->numbers.count < SPELLINGS * tally->maximum)
        map_put(&tally->numbers, name, size, number);
    return number;
}

size_t tally_number(struct tally *tally, const char *name, size_t size)
{
    uint64_t *number = map_get(&tally->numbers, name, size);
    return number ? *number : number_new(tally, name, size);
}

void *tally_at(struct tally *tally, const char *name, size_t size)
{
    return tally->items[tally_number(tally, name, size)];
}

const void *tally_find(const struct tally *tally, const char *name, size_t size)
{
    uint64_t *number = map_get(&tally->numbers, name, size);
    return number ? tally->items[*number] : NULL;
}
