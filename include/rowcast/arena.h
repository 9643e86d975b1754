// SPDX-License-Identifier: MIT
// Memory that is taken piece by piece and given back all at once.
#ifndef ROWCAST_ARENA_H
#define ROWCAST_ARENA_H

#include <stddef.h>

struct arena {
    struct arena_block *blocks; // newest first
    size_t size;                // bytes handed out
};

void arena_init(struct arena *arena);
void arena_release(struct arena *arena);

// Both are aligned for any type, never NULL, and live until arena_release.
void *arena_new(struct arena *arena, size_t size); // zeroed
void *arena_copy(struct arena *arena, const void *bytes,
                 size_t size); // adds a NUL behind the bytes

#endif
