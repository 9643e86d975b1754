// SPDX-License-Identifier: MIT
// How many subscriptions an event met when it came to a worker: of the newest events, to look up later. A fixed table
// by place; one thread writes, any may read. Pure.
#ifndef ROWCAST_LEDGER_H
#define ROWCAST_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LEDGER_EVENTS 16384

struct ledger {
    struct ledger_line {
        atomic_uint_fast64_t place; // 0: none yet
        atomic_uint subscriptions;
    } lines[LEDGER_EVENTS];
};

struct ledger *ledger_new(void);
void ledger_free(struct ledger *ledger); // NULL is fine

// An event of several topics comes once for each: they add up.
void ledger_note(struct ledger *ledger, uint64_t place, uint32_t subscriptions);

// False: it never came, or so many have come since that it is not known any more.
bool ledger_find(const struct ledger *ledger, uint64_t place, uint32_t *subscriptions);

#endif
