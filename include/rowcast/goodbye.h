// SPDX-License-Identifier: MIT
// How fast a drain says goodbye: spread, so that those who come back do not come all at once. Pure.
#ifndef ROWCAST_GOODBYE_H
#define ROWCAST_GOODBYE_H

#include <stdint.h>

struct goodbye {
    int64_t began, time; // milliseconds
    uint32_t total;      // who is to be told
    uint32_t told;       // kept by the caller
};

void goodbye_begin(struct goodbye *goodbye, uint32_t total, int64_t time, int64_t now);

// How many shall have been told by now: 100 at once, then one a millisecond, or as many as it takes
// to be through after three quarters of the time.
uint32_t goodbye_due(const struct goodbye *goodbye, int64_t now);

#endif
