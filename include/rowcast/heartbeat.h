// SPDX-License-Identifier: MIT
// The heartbeat's rules: whose turn it is, and what silence means. Pure: time comes in as an
// argument.
//
// One sweep over all slots takes one interval, a part of it at each tick, so that no connection
// needs a timer and pings never go out all at once.
#ifndef ROWCAST_HEARTBEAT_H
#define ROWCAST_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

struct heartbeat {
    int64_t interval; // milliseconds, 0: off
    int64_t began;    // when this sweep began
    uint32_t next;    // the first slot that this sweep has not looked at
};

// One connection's signs of life.
struct pulse {
    bool heard;     // something came since the last look
    uint8_t silent; // looks in a row without
};

enum heartbeat_verdict { HEARTBEAT_PING, HEARTBEAT_END };

void heartbeat_init(struct heartbeat *heartbeat, int64_t interval, int64_t now);

// How long to wait between two ticks: a thirtieth of the interval, 1 to 1,000 ms.
int64_t heartbeat_tick(int64_t interval);

// The slots from *from to before *to are to be looked at now, out of `slots`. Each is looked at
// once per interval, however irregular the ticks; after a pause longer than that, once.
void heartbeat_sweep(struct heartbeat *heartbeat, uint32_t slots, int64_t now, uint32_t *from,
                     uint32_t *to);

// Looks at one connection: two silent intervals end it.
enum heartbeat_verdict heartbeat_look(struct pulse *pulse);

#endif
