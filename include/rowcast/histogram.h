// SPDX-License-Identifier: MIT
// How often something took how long. One thread counts, any other may read meanwhile: figures that
// belong together are then at most one observation apart.
#ifndef ROWCAST_HISTOGRAM_H
#define ROWCAST_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_MAX 16

// Upper bounds of the buckets in nanoseconds, ascending; above the last one there is one more.
struct histogram_bounds {
    size_t count;
    int64_t at[HISTOGRAM_MAX];
};

// Zeroed memory is an empty one. Always used with the same bounds.
struct histogram {
    atomic_uint_least64_t buckets[HISTOGRAM_MAX + 1]; // each alone, not cumulative
    atomic_uint_least64_t sum;                        // nanoseconds
};

// Times below 0 (clocks differ) count as 0.
void histogram_observe(struct histogram *histogram, const struct histogram_bounds *bounds,
                       int64_t nanoseconds);
void histogram_add(struct histogram *histogram, const struct histogram *other);

// A counter that one thread adds to and others read.
static inline void counter_add(atomic_uint_least64_t *counter, uint64_t number)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + number, memory_order_relaxed);
}

static inline uint64_t counter_read(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
