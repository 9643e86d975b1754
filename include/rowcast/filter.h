// SPDX-License-Identifier: MIT
// Which event types a subscription wants. Immutable and atomically counted: it crosses threads.
#ifndef ROWCAST_FILTER_H
#define ROWCAST_FILTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct filter {
    atomic_uint references;
    uint32_t count;
    uint64_t types[]; // event_type_hash, ascending
};

struct filter *filter_new(const uint64_t *types,
                          uint32_t count);                     // one reference, owned by the caller
struct filter *filter_ref(struct filter *filter);              // NULL stays NULL
void filter_unref(struct filter *filter);                      // NULL is fine
bool filter_wants(const struct filter *filter, uint64_t type); // a NULL filter wants everything

#endif
