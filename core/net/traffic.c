// SPDX-License-Identifier: MIT
// What a worker counts of its connections.
#include "rowcast/traffic.h"

#define MS 1000000

const struct histogram_bounds traffic_delay_bounds = {
    14,
    {MS / 2, MS, 5 * MS / 2, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS,
     1000LL * MS, 2500LL * MS, 5000LL * MS, 10000LL * MS},
};
