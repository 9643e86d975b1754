// SPDX-License-Identifier: MIT
// Looks at what the slot costs the server, and says so once: in the log and at /ready.
#ifndef ROWCAST_GUARD_H
#define ROWCAST_GUARD_H

#include <stdbool.h>

#include "rowcast/health.h"
#include "rowcast/slot.h"

struct guard {
    struct slot_terms terms;
    enum slot_risk risk;     // as it was said
    enum slot_risk expected; // as it was seen once, at `expected_since`
    int64_t expected_since;
    bool unseen; // it has been said that the figures are not known
};

void guard_init(struct guard *guard, const char *slot, int64_t limit, int64_t replay_wal);

// To be called every second or so. True if `health` changed. A lost slot is the source's to tell: it is what
// keeps the stream from running.
bool guard_look(struct guard *guard, const struct slot *slot, struct health *health);

#endif
