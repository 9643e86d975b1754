// SPDX-License-Identifier: MIT
// How many clients each address has, on all workers together. Any thread.
#ifndef ROWCAST_QUOTA_H
#define ROWCAST_QUOTA_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "rowcast/ip.h"
#include "rowcast/map.h"

struct quota {
    uv_mutex_t lock;
    struct map counts; // struct ip -> how many; whoever has none is not in it
    uint32_t maximum;  // 0: nothing is counted
};

void quota_init(struct quota *quota, uint32_t maximum);
void quota_release(struct quota *quota);

// Whether one more client of this address may open: then it counts until quota_leave. An IPv6 address
// counts by its first 64 bits, which is what one host is given.
bool quota_enter(struct quota *quota, const struct ip *address);
void quota_leave(struct quota *quota, const struct ip *address);

#endif
