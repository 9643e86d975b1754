// SPDX-License-Identifier: MIT
// What the brain tells a worker to do.
#include "rowcast/order.h"

void orders_release(struct order *orders, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (orders[i].kind == ORDER_SUBSCRIBE)
            filter_unref(orders[i].filter);
        else
            frame_unref(orders[i].frame); // NULL where the kind has none
    }
}
