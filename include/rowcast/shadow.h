// SPDX-License-Identifier: MIT
// A candidate folder of scripts beside the live one: gets the same transactions, on a thread of libuv's pool, delivers
// nothing, and says what it would have made of them. It holds up nobody: what comes while it is too far behind is
// skipped and counted. Its folder is watched and loaded as the live one is.
#ifndef ROWCAST_SHADOW_H
#define ROWCAST_SHADOW_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "rowcast/comparison.h"

#define SHADOW_MAX_BYTES (16u << 20) // of what waits; one transaction may pass it

struct shadow;

struct shadow *shadow_new(uv_loop_t *loop, const char *folder, const struct script_limits *limits);
void shadow_close(struct shadow *shadow); // asynchronous; NULL is fine

// What the live scripts made of the transaction under way: each event, then the transaction, which it takes over; or
// that it has not gone out.
void shadow_event(struct shadow *shadow, const struct script_event *event);
void shadow_take(struct shadow *shadow, struct transaction *transaction,
                 const struct event_id *base);
void shadow_forget(struct shadow *shadow);

// What it found since the start; the differences since its scripts were loaded. Texts are borrowed.
struct shadow_state {
    const char *folder;
    bool has_scripts;
    uint64_t hash;
    int64_t loaded;       // microseconds
    const char *sentence; // "ok", or why the newest scripts are not the ones that run
    const struct comparison *found;
    uint64_t skipped; // rows
    uint64_t reloads, reload_failures;
};

void shadow_state(const struct shadow *shadow, struct shadow_state *state);

#endif
