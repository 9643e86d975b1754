// SPDX-License-Identifier: MIT
// The heartbeat's rules: whose turn it is, and what silence means.
#include "rowcast/heartbeat.h"

#define TICKS_PER_INTERVAL 30
#define TICK_MAX 1000
#define SILENT_MAX 2

void heartbeat_init(struct heartbeat *heartbeat, int64_t interval, int64_t now)
{
    heartbeat->interval = interval;
    heartbeat->began = now;
    heartbeat->next = 0;
}

int64_t heartbeat_tick(int64_t interval)
{
    int64_t tick = interval / TICKS_PER_INTERVAL;

    if (tick < 1)
        return 1;
    return tick < TICK_MAX ? tick : TICK_MAX;
}

static void begin_anew(struct heartbeat *heartbeat, int64_t now)
{
    heartbeat->next = 0;
    heartbeat->began += heartbeat->interval;
    // Far behind (the machine slept): sweeps that were missed are not made up for.
    if (now - heartbeat->began >= heartbeat->interval)
        heartbeat->began = now;
}

void heartbeat_sweep(struct heartbeat *heartbeat, uint32_t slots, int64_t now, uint32_t *from,
                     uint32_t *to)
{
    *from = *to = heartbeat->next;
    if (heartbeat->interval <= 0)
        return;

    int64_t elapsed = now - heartbeat->began;
    if (elapsed >= heartbeat->interval) {
        *to = slots;
        begin_anew(heartbeat, now);
        return;
    }
    uint32_t due = (uint32_t)((uint64_t)slots * (uint64_t)elapsed / (uint64_t)heartbeat->interval);
    if (due > *from)
        *to = heartbeat->next = due;
}

enum heartbeat_verdict heartbeat_look(struct pulse *pulse)
{
    pulse->silent = pulse->heard ? 0 : (uint8_t)(pulse->silent + 1);
    pulse->heard = false;
    return pulse->silent >= SILENT_MAX ? HEARTBEAT_END : HEARTBEAT_PING;
}
