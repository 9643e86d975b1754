// SPDX-License-Identifier: MIT
// What a worker counts of its connections. It alone writes, the brain reads at any time.
#ifndef ROWCAST_TRAFFIC_H
#define ROWCAST_TRAFFIC_H

#include "rowcast/histogram.h"

struct traffic {
    atomic_uint_least64_t open;       // clients now
    atomic_uint_least64_t deliveries; // events queued, once for each receiver
    atomic_uint_least64_t sent;       // bytes that sockets took
    atomic_uint_least64_t queued;     // bytes that wait for sockets now
    struct histogram delay;           // from commit until written, see traffic_delay_bounds
};

extern const struct histogram_bounds traffic_delay_bounds;

#endif
