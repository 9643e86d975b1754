// SPDX-License-Identifier: MIT
// For how long a reader has been behind a log that somebody else writes. Pure. Internal to the source room.
#ifndef ROWCAST_LAG_H
#define ROWCAST_LAG_H

#include <stddef.h>
#include <stdint.h>

#define LAG_MARKS 64

// Where the log ended when it was looked at, as far as the reader has not come there yet, the oldest first.
// Invariant: both ascend. All zero is an empty one.
struct lag {
    struct lag_mark {
        uint64_t lsn;
        int64_t at;
    } marks[LAG_MARKS];
    size_t count;
};

// The log ends at `lsn` at `now` (milliseconds of a clock that does not go back). Of a reader that stays behind
// for long not every mark is kept: the answer gets coarser by a thirtieth or so, never larger than the truth.
void lag_mark(struct lag *lag, uint64_t lsn, int64_t now);

// The reader is at `lsn`: milliseconds since the log was first seen past it; 0: it was not.
int64_t lag_time(struct lag *lag, uint64_t lsn, int64_t now);

#endif
