// SPDX-License-Identifier: MIT
// A worker as the brain sees it.
#include "rowcast/hand.h"

#include <string.h>

void hand_init(struct hand *hand)
{
    memset(hand, 0, sizeof *hand);
    fifo_init(&hand->orders, sizeof(struct order));
    hand->ledger = ledger_new();
}

void hand_release(struct hand *hand)
{
    orders_release(fifo_first(&hand->orders), hand->orders.count);
    fifo_release(&hand->orders);
    ledger_free(hand->ledger);
}

void hand_give(struct hand *hand, struct order order)
{
    if (hand->worker == NULL) {
        orders_release(&order, 1);
        return;
    }
    fifo_append(&hand->orders, &order, 1);
    hand->unhandled++;
}

static void acknowledge(struct hand *hand)
{
    if (hand->handled == 0)
        return;
    hand_give(hand, (struct order){.kind = ORDER_ACKNOWLEDGE,
                                   .number = hand->handled,
                                   .size = hand->handled_bytes});
    hand->handled = 0;
    hand->handled_bytes = 0;
}

void hand_flush(struct hand *hand)
{
    acknowledge(hand);
    if (hand->worker == NULL)
        return;
    worker_order(hand->worker, fifo_first(&hand->orders), hand->orders.count);
    fifo_clear(&hand->orders);
}

void hand_book(struct hand *hand, const struct report *report)
{
    if (hand->worker == NULL)
        return;
    if (report->kind == REPORT_HANDLED)
        hand->unhandled -= report->number;
    if (report_counts(report)) {
        hand->handled++;
        hand->handled_bytes += report->size;
    }
}

void hand_end(struct hand *hand)
{
    if (hand->worker == NULL)
        return;
    hand_give(hand, (struct order){.kind = ORDER_STOP});
    hand_flush(hand);
    worker_join(hand->worker);
    hand->worker = NULL;
    hand->unhandled = 0;
}
