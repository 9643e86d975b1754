// SPDX-License-Identifier: MIT
// All connections of one worker.
#include "rowcast/crowd.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

#define CHUNK 128       // connections in one allocation
#define STORM 1000      // connections
#define RETRY_TIME 2000 // milliseconds

// ---- slots ----

struct conn *crowd_at(struct crowd *crowd, uint32_t slot)
{
    return &crowd->chunks[slot / CHUNK][slot % CHUNK];
}

static struct conn *new_slot(struct crowd *crowd)
{
    uint32_t slot = crowd->slots++, chunk = slot / CHUNK;

    if (slot % CHUNK == 0) {
        crowd->chunks = memory_resize(crowd->chunks, (chunk + 1) * sizeof *crowd->chunks);
        crowd->chunks[chunk] = memory_new(CHUNK * sizeof(struct conn));
    }
    struct conn *conn = crowd_at(crowd, slot);
    conn->slot = slot;
    return conn;
}

// A free slot keeps the number of the next free one where a connection keeps its own.
static struct conn *used_slot(struct crowd *crowd)
{
    uint32_t slot = crowd->free_slots;
    struct conn *conn = crowd_at(crowd, slot);

    crowd->free_slots = conn->slot;
    memset(conn, 0, sizeof *conn);
    conn->slot = slot;
    return conn;
}

void crowd_admit(struct crowd *crowd, int socket)
{
    struct conn *conn = crowd->free_slots != CROWD_NONE ? used_slot(crowd) : new_slot(crowd);

    conn->hall = &crowd->hall;
    conn->serial = ++crowd->serials;
    if (++crowd->present > crowd->most)
        crowd->most = crowd->present;
    conn_open(conn, socket);
}

static void on_gone(struct conn *conn)
{
    struct crowd *crowd = container_of(conn->hall, struct crowd, hall);
    uint32_t slot = conn->slot;

    conn->slot = crowd->free_slots;
    crowd->free_slots = slot;
    crowd->present--;
}

struct conn *crowd_find(struct crowd *crowd, uint32_t slot, uint64_t serial)
{
    if (slot >= crowd->slots)
        return NULL;
    struct conn *conn = crowd_at(crowd, slot);
    bool listens = conn->state == CONN_OPEN || conn->state == CONN_PARTING;
    return listens && conn->serial == serial ? conn : NULL;
}

void crowd_cut(struct crowd *crowd)
{
    for (uint32_t slot = 0; slot < crowd->slots; slot++)
        conn_cut(crowd_at(crowd, slot));
}

// ---- life ----

int crowd_init(struct crowd *crowd, uv_loop_t *loop, const struct hall_config *config,
               const struct hall_events *events, void *user)
{
    memset(crowd, 0, sizeof *crowd);
    int result =
        hall_init(&crowd->hall, loop, config, &conn_websocket_events, &conn_transport_events);
    crowd->hall.events = events;
    crowd->hall.user = user;
    crowd->hall.gone = on_gone;
    crowd->free_slots = CROWD_NONE;
    heartbeat_init(&crowd->heartbeat, config->heartbeat, (int64_t)uv_now(loop));
    heartbeat_init(&crowd->retries, RETRY_TIME, (int64_t)uv_now(loop));
    crowd->ping = frame_new(FRAME_PING, NULL, 0);
    return result;
}

void crowd_close(struct crowd *crowd)
{
    crowd_cut(crowd);
    transport_pool_settle(&crowd->hall.transports);
    transport_pool_close(&crowd->hall.transports);
}

void crowd_release(struct crowd *crowd)
{
    for (uint32_t slot = 0; slot < crowd->slots; slot += CHUNK)
        free(crowd->chunks[slot / CHUNK]);
    free(crowd->chunks);
    frame_unref(crowd->ping);
    hall_release(&crowd->hall);
}

// ---- output ----

uint32_t crowd_flush(struct crowd *crowd, uint32_t maximum)
{
    uint32_t count = 0;
    struct list_link *dirty;

    for (; count < maximum && (dirty = list_first(&crowd->hall.dirty)) != NULL; count++) {
        hall_settle(&crowd->hall, dirty);
        conn_proceed(container_of(dirty, struct conn, dirty));
    }
    transport_pool_settle(&crowd->hall.transports);
    return count;
}

// ---- input ----

void crowd_pause(struct crowd *crowd, bool paused)
{
    struct list_link *stalled;

    crowd->hall.paused = paused;
    while (!paused && (stalled = list_first(&crowd->hall.stalled)) != NULL) {
        struct conn *conn = container_of(stalled, struct conn, deadline.link);
        list_leave(stalled);
        conn->stalled = false;
        conn->pulse.heard = true; // it had something to say all the time
        hall_touch(&crowd->hall, &conn->dirty);
    }
}

// ---- time ----

static void expire(struct deadlines *deadlines, int64_t now)
{
    struct deadline *deadline;

    while ((deadline = deadlines_due(deadlines, now)) != NULL)
        conn_expire(container_of(deadline, struct conn, deadline));
}

// After a storm: what its connections took is free, but in between of what is not, so that the process
// keeps it until it is told not to. Takes milliseconds, for some thousands.
static void give_back(struct crowd *crowd)
{
    if (crowd->most < STORM || crowd->present > crowd->most / 2)
        return;
    crowd->most = crowd->present;
    malloc_trim(0);
}

void crowd_tick(struct crowd *crowd, int64_t now)
{
    uint32_t from, to;

    give_back(crowd);
    expire(&crowd->hall.handshaking, now);
    expire(&crowd->hall.closing, now);
    expire(&crowd->hall.slowed, now);
    heartbeat_sweep(&crowd->heartbeat, crowd->slots, now, &from, &to);
    for (; from < to; from++)
        conn_look(crowd_at(crowd, from), crowd->ping);
    heartbeat_sweep(&crowd->retries, crowd->slots, now, &from, &to);
    for (; from < to; from++)
        conn_try_again(crowd_at(crowd, from));
}
