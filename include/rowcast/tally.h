// SPDX-License-Identifier: MIT
// What is counted by a name that others choose: a bounded number of names, and one more, "other", for
// all beyond. Names are kept as UTF-8 (each byte that is none becomes U+FFFD); two that then look the
// same are one.
#ifndef ROWCAST_TALLY_H
#define ROWCAST_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "rowcast/map.h"

#define TALLY_OTHER "other"

// Items are zeroed memory at first and stay where they are.
struct tally {
    struct map numbers; // by name as it came
    char **names;       // in order of their first use
    void **items;
    size_t item_size, count, maximum;
};

// At most `maximum` names beside "other".
void tally_init(struct tally *tally, size_t item_size, size_t maximum);
void tally_release(struct tally *tally);

// The number of this name, or of "other": names[] and items[] have it there for ever.
size_t tally_number(struct tally *tally, const char *name, size_t size);

// The item of this name, or of "other". Never NULL.
void *tally_at(struct tally *tally, const char *name, size_t size);
// The same if it was used before, or NULL.
const void *tally_find(const struct tally *tally, const char *name, size_t size);

#endif
