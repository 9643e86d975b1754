// SPDX-License-Identifier: MIT
// How far a replication slot is held back: the WAL behind it is the cold history, from which a restarted
// router refills its own. Pure. Internal to the source room.
#ifndef ROWCAST_WINDOW_H
#define ROWCAST_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#define WINDOW_SAMPLES 1024

// Positions up to which all was delivered, with the time when that became true, the oldest first.
// Invariant: both ascend.
struct window {
    int64_t time;   // milliseconds that a position stays held
    uint64_t bytes; // but never further behind the server than this
    struct window_sample {
        uint64_t lsn;
        int64_t at;
    } samples[WINDOW_SAMPLES]; // a ring
    size_t first, count;
    uint64_t held; // the newest position that was let go; 0: none yet
};

void window_init(struct window *window, int64_t time, uint64_t bytes);

// Everything before `lsn` is delivered at `now` (milliseconds of a clock that does not go back).
void window_add(struct window *window, uint64_t lsn, int64_t now);

// What may be acknowledged: the newest position older than the window's time, or what keeps the server,
// which is at `server`, from holding more bytes. 0: nothing yet. Never goes back.
uint64_t window_held(struct window *window, uint64_t server, int64_t now);

#endif
