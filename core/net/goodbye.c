// SPDX-License-Identifier: MIT
// How fast a drain says goodbye.
#include "rowcast/goodbye.h"

#define AT_ONCE 100

void goodbye_begin(struct goodbye *goodbye, uint32_t total, int64_t time, int64_t now)
{
    *goodbye = (struct goodbye){.began = now, .time = time > 0 ? time : 0, .total = total};
}

uint32_t goodbye_due(const struct goodbye *goodbye, int64_t now)
{
    uint64_t elapsed = (uint64_t)(now - goodbye->began);
    uint64_t window = (uint64_t)goodbye->time * 3 / 4;
    uint64_t share = window > 0 ? goodbye->total * elapsed / window : goodbye->total;
    uint64_t due = AT_ONCE + elapsed;

    if (due < share)
        due = share;
    return due < goodbye->total ? (uint32_t)due : goodbye->total;
}
