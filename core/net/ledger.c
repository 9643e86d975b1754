// SPDX-License-Identifier: MIT
// How many subscriptions an event met when it came to a worker.
#include "rowcast/ledger.h"

#include <stdlib.h>

#include "rowcast/memory.h"

struct ledger *ledger_new(void)
{
    return memory_new(sizeof(struct ledger));
}

void ledger_free(struct ledger *ledger)
{
    free(ledger);
}

void ledger_note(struct ledger *ledger, uint64_t place, uint32_t subscriptions)
{
    struct ledger_line *line = &ledger->lines[place % LEDGER_EVENTS];

    if (atomic_load_explicit(&line->place, memory_order_relaxed) == place) {
        atomic_fetch_add_explicit(&line->subscriptions, subscriptions, memory_order_relaxed);
        return;
    }
    // Who reads meanwhile sees no event, rather than this one with the number of the one before.
    atomic_store_explicit(&line->place, 0, memory_order_release);
    atomic_store_explicit(&line->subscriptions, subscriptions, memory_order_release);
    atomic_store_explicit(&line->place, place, memory_order_release);
}

bool ledger_find(const struct ledger *ledger, uint64_t place, uint32_t *subscriptions)
{
    const struct ledger_line *line = &ledger->lines[place % LEDGER_EVENTS];

    if (atomic_load_explicit(&line->place, memory_order_acquire) != place)
        return false;
    *subscriptions = atomic_load_explicit(&line->subscriptions, memory_order_acquire);
    return atomic_load_explicit(&line->place, memory_order_acquire) == place;
}
