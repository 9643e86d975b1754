// SPDX-License-Identifier: MIT
// How often something took how long.
#include "rowcast/histogram.h"

void histogram_observe(struct histogram *histogram, const struct histogram_bounds *bounds,
                       int64_t nanoseconds)
{
    size_t bucket = 0;
    while (bucket < bounds->count && nanoseconds > bounds->at[bucket])
        bucket++;
    counter_add(&histogram->buckets[bucket], 1);
    counter_add(&histogram->sum, nanoseconds > 0 ? (uint64_t)nanoseconds : 0);
}

void histogram_add(struct histogram *histogram, const struct histogram *other)
{
    for (size_t i = 0; i <= HISTOGRAM_MAX; i++)
        counter_add(&histogram->buckets[i], counter_read(&other->buckets[i]));
    counter_add(&histogram->sum, counter_read(&other->sum));
}
