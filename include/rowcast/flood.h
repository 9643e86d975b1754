// SPDX-License-Identifier: MIT
// When something is said for the first time, when it is only counted, and when the count is told: the rule for
// log lines that would repeat themselves. Pure: time comes in as an argument, in milliseconds.
#ifndef ROWCAST_FLOOD_H
#define ROWCAST_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

#define FLOOD_LINES 3             // said in full in one interval; further ones are counted
#define FLOOD_FIRST_INTERVAL 1000 // milliseconds; doubles with each interval that counted some,
#define FLOOD_LAST_INTERVAL 60000 // up to this, and is the first one again behind a quiet one

// One kind of line. Ready when zeroed.
struct flood {
    int64_t began;    // the interval under way
    int64_t interval; // its length; 0: none is under way
    uint32_t said;
    uint64_t counted;
};

// It happened: true if it is to be said in full, as so many `lines` of an interval are; mostly FLOOD_LINES.
bool flood_says(struct flood *flood, uint32_t lines, int64_t now);

// To be called now and then: the number of those that were counted in an interval that has ended, to be told
// once; else 0.
uint64_t flood_ends(struct flood *flood, int64_t now);

#endif
