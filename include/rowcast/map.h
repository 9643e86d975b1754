// SPDX-License-Identifier: MIT
// A hash map from byte strings to 64-bit values: open addressing, linear probing, keys copied.
#ifndef ROWCAST_MAP_H
#define ROWCAST_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map {
    struct map_slot *slots;
    size_t capacity, count; // capacity is 0 or a power of two, at most 3/4 full
};

void map_init(struct map *map);
void map_release(struct map *map);

// map_get returns a pointer that lives until the next map_put or map_remove, or NULL.
uint64_t *map_get(const struct map *map, const void *key, size_t size);
void map_put(struct map *map, const void *key, size_t size, uint64_t value);
bool map_remove(struct map *map, const void *key, size_t size); // false: was not there

// Walks all values in no particular order: *position begins at 0. NULL: no more. The map must not
// change meanwhile.
uint64_t *map_next(const struct map *map, size_t *position);

// The hash of the map, seeded at random once per process: a client cannot choose keys that collide.
uint64_t map_hash(const void *key, size_t size);

#endif
