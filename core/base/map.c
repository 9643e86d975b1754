// SPDX-License-Identifier: MIT
// A hash map from byte strings to 64-bit values.
#include "rowcast/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "rowcast/memory.h"

#define FIRST_CAPACITY 16

struct map_slot {
    char *key; // NULL: free
    size_t size;
    uint64_t hash, value;
};

// ---- SipHash-1-3 with a key of this process ----

static uint64_t hash_key[2];
static pthread_once_t hash_key_once = PTHREAD_ONCE_INIT;

static void draw_hash_key(void)
{
    // Up to 256 bytes come whole or not at all, and the latter only before the kernel has booted.
    if (getrandom(hash_key, sizeof hash_key, 0) != sizeof hash_key)
        abort();
}

static uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
    v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

uint64_t map_hash(const void *key, size_t size)
{
    pthread_once(&hash_key_once, draw_hash_key);

    const char *bytes = key;
    uint64_t v[4] = {
        hash_key[0] ^ 0x736f6d6570736575,
        hash_key[1] ^ 0x646f72616e646f6d,
        hash_key[0] ^ 0x6c7967656e657261,
        hash_key[1] ^ 0x7465646279746573,
    };
    uint64_t word, last = (uint64_t)size << 56;
    size_t whole = size / 8 * 8;

    for (size_t i = 0; i < whole; i += 8) {
        memcpy(&word, bytes + i, 8);
        sip_word(v, word);
    }
    for (size_t i = whole; i < size; i++)
        last |= (uint64_t)(unsigned char)bytes[i] << 8 * (i - whole);
    sip_word(v, last);

    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

// ---- the map ----

void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_release(struct map *map)
{
    for (size_t i = 0; i < map->capacity; i++)
        free(map->slots[i].key);
    free(map->slots);
    map_init(map);
}

static bool holds(const struct map_slot *slot, uint64_t hash, const void *key, size_t size)
{
    return slot->hash == hash && slot->size == size &&
           (size == 0 || memcmp(slot->key, key, size) == 0);
}

// The slot that holds the key, or the free one where it belongs. There is always a free one.
static struct map_slot *find(const struct map *map, uint64_t hash, const void *key, size_t size)
{
    size_t mask = map->capacity - 1;
    size_t at = hash & mask;

    while (map->slots[at].key != NULL && !holds(&map->slots[at], hash, key, size))
        at = (at + 1) & mask;
    return &map->slots[at];
}

static void grow(struct map *map)
{
    struct map old = *map;

    map->capacity = old.capacity > 0 ? old.capacity * 2 : FIRST_CAPACITY;
    map->slots = memory_new(map->capacity * sizeof *map->slots);
    for (size_t i = 0; i < old.capacity; i++) {
        struct map_slot *slot = &old.slots[i];
        if (slot->key != NULL)
            *find(map, slot->hash, slot->key, slot->size) = *slot;
    }
    free(old.slots);
}

uint64_t *map_get(const struct map *map, const void *key, size_t size)
{
    if (map->count == 0)
        return NULL;

    struct map_slot *slot = find(map, map_hash(key, size), key, size);
    return slot->key != NULL ? &slot->value : NULL;
}

void map_put(struct map *map, const void *key, size_t size, uint64_t value)
{
    if ((map->count + 1) * 4 > map->capacity * 3)
        grow(map);

    uint64_t hash = map_hash(key, size);
    struct map_slot *slot = find(map, hash, key, size);
    if (slot->key == NULL) {
        *slot = (struct map_slot){.key = memory_copy(key, size), .size = size, .hash = hash};
        map->count++;
    }
    slot->value = value;
}

// Moves later members of the run into the hole, so that no search stops at it before its end.
static void close_hole(struct map *map, size_t hole)
{
    size_t mask = map->capacity - 1;

    for (size_t at = (hole + 1) & mask; map->slots[at].key != NULL; at = (at + 1) & mask) {
        size_t home = map->slots[at].hash & mask;
        if (((at - home) & mask) < ((at - hole) & mask))
            continue; // it would land before its home
        map->slots[hole] = map->slots[at];
        hole = at;
    }
    map->slots[hole] = (struct map_slot){0};
}

bool map_remove(struct map *map, const void *key, size_t size)
{
    if (map->count == 0)
        return false;

    struct map_slot *slot = find(map, map_hash(key, size), key, size);
    if (slot->key == NULL)
        return false;
    free(slot->key);
    close_hole(map, (size_t)(slot - map->slots));
    map->count--;
    return true;
}

uint64_t *map_next(const struct map *map, size_t *position)
{
    while (*position < map->capacity) {
        struct map_slot *slot = &map->slots[(*position)++];
        if (slot->key)
            return &slot->value;
    }
    return NULL;
}
