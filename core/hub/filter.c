// SPDX-License-Identifier: MIT
// Which event types a subscription wants. The types are kept sorted: a client may name many.
#include "rowcast/filter.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

static int compare_types(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

struct filter *filter_new(const uint64_t *types, uint32_t count)
{
    struct filter *filter = memory_new(sizeof *filter + count * sizeof *types);

    atomic_init(&filter->references, 1);
    filter->count = count;
    if (count > 0) {
        memcpy(filter->types, types, count * sizeof *types);
        qsort(filter->types, count, sizeof *types, compare_types);
    }
    return filter;
}

struct filter *filter_ref(struct filter *filter)
{
    if (filter != NULL)
        atomic_fetch_add_explicit(&filter->references, 1, memory_order_relaxed);
    return filter;
}

void filter_unref(struct filter *filter)
{
    if (filter != NULL &&
        atomic_fetch_sub_explicit(&filter->references, 1, memory_order_acq_rel) == 1)
        free(filter);
}

bool filter_wants(const struct filter *filter, uint64_t type)
{
    if (filter == NULL)
        return true;

    uint32_t first = 0, behind = filter->count;
    while (first < behind) {
        uint32_t middle = first + (behind - first) / 2;
        if (filter->types[middle] == type)
            return true;
        if (filter->types[middle] < type)
            first = middle + 1;
        else
            behind = middle;
    }
    return false;
}
