// SPDX-License-Identifier: MIT
// A thread with its own loop, its own listeners and its own crowd of connections. It takes orders
// from the brain and reports to it, both in batches through mailboxes; nothing else is shared but
// immutable frames and filters.
#ifndef ROWCAST_WORKER_H
#define ROWCAST_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "rowcast/binding.h"
#include "rowcast/fault.h"
#include "rowcast/hall.h"
#include "rowcast/ledger.h"
#include "rowcast/listener.h"
#include "rowcast/mailbox.h"
#include "rowcast/order.h"
#include "rowcast/outbox.h"

struct worker;

struct worker_config {
    uint32_t number;
    struct hall_config hall;   // what it points to must outlive the worker
    int sockets[BINDINGS_MAX]; // listening, taken over
    int socket_count;
    struct mailbox *reports; // of struct report
    struct ledger *ledger;   // it notes what it hands on; outlives it
};

// Starts the thread. On failure NULL, with a sentence; the sockets are closed.
struct worker *worker_start(const struct worker_config *config, struct fault *fault);

// Takes over what the orders own. Nothing may follow an ORDER_STOP.
void worker_order(struct worker *worker, const struct order *orders, size_t count);

// Waits for the thread's end (ORDER_STOP was given) and frees the worker.
void worker_join(struct worker *worker);

#endif
