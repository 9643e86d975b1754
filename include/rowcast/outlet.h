// SPDX-License-Identifier: MIT
// Lines on their way into a descriptor that may not take them: a pipe whose reader is slow, a terminal that was
// stopped, a socket. Nothing here waits for it but outlet_drain. What is not taken waits, up to OUTLET_MAX_WAITING bytes;
// lines beyond that are lost whole and counted. Lines never overtake each other and are never cut. One thread at a time.
#ifndef ROWCAST_OUTLET_H
#define ROWCAST_OUTLET_H

#include <stddef.h>
#include <stdint.h>

#include "rowcast/buffer.h"

#define OUTLET_MAX_WAITING (256u << 10)

// Ready when zeroed. The descriptor belongs to the caller, and may be blocking: others may share it.
struct outlet {
    struct buffer waiting; // what was accepted and not taken yet; empty as a rule
    uint64_t lost;         // lines since the last outlet_lost
};

void outlet_release(struct outlet *outlet);

void outlet_write(struct outlet *outlet, int fd, const char *line, size_t size);

// Gives the descriptor what it takes of what waits. To be called now and then, as nobody says when it does again.
void outlet_flush(struct outlet *outlet, int fd);

// The lines lost since the last time, once nothing waits any more; else 0.
uint64_t outlet_lost(struct outlet *outlet);

// Flushes for up to so many milliseconds: for what is written before the process ends.
void outlet_drain(struct outlet *outlet, int fd, int milliseconds);

#endif
