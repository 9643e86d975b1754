// SPDX-License-Identifier: MIT
// Deadlines that all run equally long: a FIFO list, so that starting, stopping and finding the next
// one due are O(1) and no timer is needed for each. Pure: time comes in as an argument.
#ifndef ROWCAST_DEADLINES_H
#define ROWCAST_DEADLINES_H

#include <stdint.h>

#include "rowcast/list.h"

// Embedded in what has the deadline. Zeroed memory is a deadline that does not run.
struct deadline {
    struct list_link link;
    int64_t at; // milliseconds, of the caller's clock
};

struct deadlines {
    struct list list; // the earliest first
    int64_t delay;    // milliseconds
};

void deadlines_init(struct deadlines *deadlines, int64_t delay);

// Starts the deadline at `now` + delay; one that runs already (in any list) begins anew.
void deadlines_start(struct deadlines *deadlines, struct deadline *deadline, int64_t now);
void deadline_stop(struct deadline *deadline); // one that does not run is fine

// Takes out one that is due, or returns NULL.
struct deadline *deadlines_due(struct deadlines *deadlines, int64_t now);

#endif
