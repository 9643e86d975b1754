// SPDX-License-Identifier: MIT
// How much a client may say: a bucket of `burst` messages that refills at `per_second`. Who empties it
// is read no faster than it refills; who keeps it empty is told, and in the end closed. Pure: the
// clock's reading comes in as an argument, in milliseconds.
#ifndef ROWCAST_RATE_H
#define ROWCAST_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RATE_MAX 1000000 // of both

// Zeroed: no limit.
struct rate {
    int64_t per_second, burst;
};

// One client's bucket. Zeroed memory is a full one.
struct rate_bucket {
    int64_t full_at;    // nanoseconds: when it will be, if nothing is taken
    int64_t since : 62; // milliseconds: since when it was EMPTIED or TOLD
    enum { RATE_CALM, RATE_EMPTIED, RATE_TOLD } mood : 2; // calm again when it is half full
};

enum rate_verdict {
    RATE_FINE,
    RATE_TELL,  // emptied again a second later
    RATE_CLOSE, // and again four seconds after that
};

// "100/s burst 2000", "100/s" (a burst of 20 seconds) or "off". 0, or -EINVAL.
int rate_parse(const char *text, struct rate *rate);

// A message has come.
enum rate_verdict rate_take(const struct rate *rate, struct rate_bucket *bucket, int64_t now);

// Whether there is anything in it: who has an empty one is not read.
bool rate_allows(const struct rate *rate, const struct rate_bucket *bucket, int64_t now);

// How many bytes to read at once, at most `most`: about as many as the frames that are left can be small.
size_t rate_room(const struct rate *rate, const struct rate_bucket *bucket, int64_t now,
                 size_t most);

#endif
