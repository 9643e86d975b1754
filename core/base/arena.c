// SPDX-License-Identifier: MIT
// Memory that is taken piece by piece and given back all at once.
#include "rowcast/arena.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

#define FIRST_BLOCK (4u << 10)
#define LARGEST_BLOCK (64u << 10)
#define ALIGNMENT _Alignof(max_align_t)

struct arena_block {
    struct arena_block *next;
    size_t used, capacity;
    _Alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *arena)
{
    *arena = (struct arena){0};
}

void arena_release(struct arena *arena)
{
    for (struct arena_block *block = arena->blocks, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    arena_init(arena);
}

static struct arena_block *block_new(size_t capacity)
{
    struct arena_block *block = memory_resize(NULL, sizeof *block + capacity);

    block->used = 0;
    block->capacity = capacity;
    return block;
}

// Blocks grow with the arena: small transactions stay small, large ones make few blocks.
static size_t next_capacity(const struct arena *arena)
{
    if (arena->blocks == NULL)
        return FIRST_BLOCK;
    size_t twice = arena->blocks->capacity * 2;
    return twice < LARGEST_BLOCK ? twice : LARGEST_BLOCK;
}

static struct arena_block *block_for(struct arena *arena, size_t size)
{
    struct arena_block *newest = arena->blocks;
    size_t capacity = next_capacity(arena);

    if (newest != NULL && size <= newest->capacity - newest->used)
        return newest;

    if (newest != NULL && size > capacity / 4) {
        // A block of its own behind the newest, whose rest stays in use.
        struct arena_block *own = block_new(size);
        own->next = newest->next;
        newest->next = own;
        return own;
    }

    struct arena_block *block = block_new(size > capacity ? size : capacity);
    block->next = newest;
    return arena->blocks = block;
}

static void *take(struct arena *arena, size_t size)
{
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct arena_block *block = block_for(arena, rounded);
    void *piece = block->bytes + block->used;

    block->used += rounded;
    arena->size += size;
    return piece;
}

void *arena_new(struct arena *arena, size_t size)
{
    return memset(take(arena, size), 0, size);
}

void *arena_copy(struct arena *arena, const void *bytes, size_t size)
{
    char *copy = take(arena, size + 1);

    if (size > 0)
        memcpy(copy, bytes, size);
    copy[size] = '\0';
    return copy;
}
