// SPDX-License-Identifier: MIT
// All connections of one worker: found by slot and serial, fanned out to, flushed, watched.
#ifndef ROWCAST_CROWD_H
#define ROWCAST_CROWD_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "rowcast/conn.h"
#include "rowcast/hall.h"
#include "rowcast/heartbeat.h"

struct crowd {
    struct hall hall;
    struct conn **chunks; // slots are never given back, only used again
    uint32_t slots;       // that were ever used
    uint32_t free_slots;  // head of the list of free ones, CROWD_NONE at its end
    uint32_t present;     // slots in use
    uint32_t most;        // that were present since memory was last given back
    uint64_t serials;     // the last one given
    struct heartbeat heartbeat;
    struct heartbeat retries; // of writing
    struct frame *ping;
};

#define CROWD_NONE UINT32_MAX

// 0, or a negative errno: then only crowd_release may follow.
int crowd_init(struct crowd *crowd, uv_loop_t *loop, const struct hall_config *config,
               const struct hall_events *events, void *user);
void crowd_close(struct crowd *crowd);   // cuts everybody, and lets the loop end
void crowd_release(struct crowd *crowd); // after the loop's end

void crowd_admit(struct crowd *crowd, int socket);         // takes over the socket
struct conn *crowd_at(struct crowd *crowd, uint32_t slot); // in any state; slot < crowd->slots
// OPEN or PARTING, or NULL.
struct conn *crowd_find(struct crowd *crowd, uint32_t slot, uint64_t serial);
void crowd_cut(struct crowd *crowd); // everybody

// Lets up to `maximum` dirty connections proceed, the oldest first. Returns how many did. Once in each turn
// of the loop, before it polls, so that those that have ended are gone.
uint32_t crowd_flush(struct crowd *crowd, uint32_t maximum);

// Stops reading clients, or begins again.
void crowd_pause(struct crowd *crowd, bool paused);

// Deadlines and heartbeats that are due.
void crowd_tick(struct crowd *crowd, int64_t now);

#endif
