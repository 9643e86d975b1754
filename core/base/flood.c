// SPDX-License-Identifier: MIT
// Lines that repeat themselves.
#include "rowcast/flood.h"

static void begin(struct flood *flood, int64_t now, int64_t interval)
{
    *flood = (struct flood){.began = now, .interval = interval};
}

bool flood_says(struct flood *flood, uint32_t lines, int64_t now)
{
    if (flood->interval == 0)
        begin(flood, now, FLOOD_FIRST_INTERVAL);
    if (flood->said < lines) {
        flood->said++;
        return true;
    }
    flood->counted++;
    return false;
}

uint64_t flood_ends(struct flood *flood, int64_t now)
{
    if (flood->interval == 0 || now - flood->began < flood->interval)
        return 0;
    uint64_t counted = flood->counted;
    int64_t longer = 2 * flood->interval;
    if (counted > 0)
        begin(flood, now, longer < FLOOD_LAST_INTERVAL ? longer : FLOOD_LAST_INTERVAL);
    else
        *flood = (struct flood){0};
    return counted;
}
