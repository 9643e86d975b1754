// SPDX-License-Identifier: MIT
// Which transactions a snapshot of the database contains (pg_current_snapshot, PostgreSQL chapter 9.27). Only
// the transaction's number tells: no position in the log does, for a commit is in the log, and may be
// streamed, before it is visible.
#ifndef ROWCAST_VISIBILITY_H
#define ROWCAST_VISIBILITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VISIBILITY_MAX_RUNNING (1u << 19) // twice as many connections as a server can have

struct visibility {
    uint64_t xmin, xmax; // below xmin all are over, from xmax on none
    uint64_t *running;   // between them: those that were not over; ascending
    size_t running_count;
};

// Reads "xmin:xmax:a,b,c". 0, or -EINVAL for what no server prints; then there is nothing to release.
int visibility_parse(struct visibility *visibility, const char *text);
void visibility_release(struct visibility *visibility);

// Whether the snapshot contains a transaction that has committed. `xid` has the lower 32 bits, as the change
// stream gives it: it stands for the nearest number to xmax.
bool visibility_sees(const struct visibility *visibility, uint32_t xid);

#endif
