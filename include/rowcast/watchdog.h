// SPDX-License-Identifier: MIT
// A thread that looks after another one: when a call there goes on and on, it does what is left to be done and ends
// the process. For what can be stopped in no other way.
//
// Time is the watched thread's own: it does not run while other processes do, while the thread waits, nor while the
// process is stopped or the machine sleeps.
#ifndef ROWCAST_WATCHDOG_H
#define ROWCAST_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

struct watchdog;

// Begins to watch the calling thread. `expired` is called on another thread, once, when a call has taken `limit`
// milliseconds or up to a quarter more. It must end the process. Until then the watched thread stays within the call, so
// that all `call` points to is there. NULL if there is no thread to be had.
struct watchdog *watchdog_start(int64_t limit, void (*expired)(void *user, const void *call),
                                void *user);
void watchdog_stop(struct watchdog *watchdog); // NULL is fine; within no call

// Around each call, on the watched thread. A few nanoseconds. Calls do not nest.
void watchdog_enter(struct watchdog *watchdog, const void *call);
void watchdog_leave(struct watchdog *watchdog);

// ---- the rule, without a thread or a clock ----

struct watchdog_look {
    uint64_t call; // seen at the last look
    int64_t since; // the thread's time then, or when the call was first seen
};

// `call`: the number of the call under way, which no other has; 0: none is. `time`: the thread's. True: it has been
// under way for `limit`.
bool watchdog_expires(struct watchdog_look *seen, uint64_t call, int64_t time, int64_t limit);

#endif
