// SPDX-License-Identifier: MIT
// Which workers have subscribers of which topics, as the brain knows it, so that events go nowhere
// else. Pure.
//
// The brain cannot count: it does not know which clients are still there. So it numbers the
// subscriptions it sends to a worker; a worker that finds a topic empty says so with the newest
// number it has handled; and if nothing newer was sent for that topic, the worker has no more
// interest in it.
#ifndef ROWCAST_INTEREST_H
#define ROWCAST_INTEREST_H

#include <stdbool.h>
#include <stdint.h>

struct interest {
    uint32_t
        *newest; // [topic * workers + worker]: number of the newest subscription, 0: no interest
    uint32_t capacity; // topics
    uint32_t workers;
    uint32_t *numbers; // [worker]: the last number given
};

void interest_init(struct interest *interest, uint32_t workers);
void interest_release(struct interest *interest);

// A subscription of the topic is sent to the worker: returns its number.
uint32_t interest_add(struct interest *interest, uint32_t topic, uint32_t worker);
// The worker found the topic empty after it had handled everything up to `number`.
void interest_emptied(struct interest *interest, uint32_t topic, uint32_t worker, uint32_t number);
bool interest_has(const struct interest *interest, uint32_t topic, uint32_t worker);

#endif
