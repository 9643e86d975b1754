// SPDX-License-Identifier: MIT
// A worker as the brain sees it: what it has been given to do, and what it is to be told was
// handled.
#ifndef ROWCAST_HAND_H
#define ROWCAST_HAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowcast/fifo.h"
#include "rowcast/order.h"
#include "rowcast/outbox.h"
#include "rowcast/traffic.h"
#include "rowcast/worker.h"

struct hand {
    struct worker *worker; // NULL before its start and after its end: orders are dropped
    struct fifo orders;    // since the last flush
    size_t unhandled;      // orders given and not yet carried out
    uint32_t handled;      // reports to be acknowledged
    size_t handled_bytes;
    bool publishing;        // it was given publishes since the last ORDER_COMMITTED
    struct traffic traffic; // of the worker; outlives it
    struct ledger *ledger;  // likewise
};

void hand_init(struct hand *hand);
void hand_release(struct hand *hand); // its worker must have ended

void hand_give(struct hand *hand, struct order order); // takes over what the order owns
void hand_flush(struct hand *hand);                    // posts what was given, and acknowledges

// Books a report that has been handled.
void hand_book(struct hand *hand, const struct report *report);

// Stops the worker and waits for its end. At once after a drain.
void hand_end(struct hand *hand);

#endif
