// SPDX-License-Identifier: MIT
// Time behind.
#include "rowcast/lag.h"

#include <stdbool.h>
#include <string.h>

static void thin(struct lag *lag)
{
    for (size_t i = 1; i < LAG_MARKS / 2; i++)
        lag->marks[i] = lag->marks[2 * i];
    lag->count = LAG_MARKS / 2;
}

// As many marks as there is room for are enough, spread evenly over the time behind.
static bool is_worth_it(const struct lag *lag, uint64_t lsn, int64_t now)
{
    if (lag->count == 0)
        return true;
    const struct lag_mark *newest = &lag->marks[lag->count - 1];
    return lsn > newest->lsn &&
           now - newest->at >= (newest->at - lag->marks[0].at) / (LAG_MARKS / 2);
}

void lag_mark(struct lag *lag, uint64_t lsn, int64_t now)
{
    if (!is_worth_it(lag, lsn, now))
        return;
    if (lag->count == LAG_MARKS)
        thin(lag);
    lag->marks[lag->count++] = (struct lag_mark){lsn, now};
}

int64_t lag_time(struct lag *lag, uint64_t lsn, int64_t now)
{
    size_t reached = 0;
    while (reached < lag->count && lag->marks[reached].lsn <= lsn)
        reached++;
    lag->count -= reached;
    memmove(lag->marks, lag->marks + reached, lag->count * sizeof *lag->marks);
    return lag->count > 0 ? now - lag->marks[0].at : 0;
}
