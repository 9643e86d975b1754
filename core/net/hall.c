// SPDX-License-Identifier: MIT
// What the connections of one worker share.
#include "rowcast/hall.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

#define CLOSING_TIME 2000 // milliseconds for a Close to leave, and as many for the peer's FIN
#define SLOWED_TIME 50    // milliseconds until its rate is looked at again
#define TOO_SLOW 4100
#define TOO_MANY 4101

#define TOO_MANY_REQUESTS 429
#define UNAVAILABLE 503

int hall_init(struct hall *hall, uv_loop_t *loop, const struct hall_config *config,
              const struct websocket_events *websocket_events,
              const struct transport_events *transport_events)
{
    struct framing_limits limits = {.max_message = config->max_message,
                                    .max_fragments = config->max_fragments};

    memset(hall, 0, sizeof *hall);
    hall->loop = loop;
    hall->config = *config;
    list_init(&hall->dirty);
    list_init(&hall->stalled);
    deadlines_init(&hall->handshaking, config->handshake_timeout);
    deadlines_init(&hall->closing, CLOSING_TIME);
    deadlines_init(&hall->slowed, SLOWED_TIME);
    hall->too_slow = frame_close(TOO_SLOW, "too slow");
    hall->too_many = frame_close(TOO_MANY, "too many messages");
    subscribers_init(&hall->subscribers);
    reception_init(&hall->reception, &config->reception);
    hall->compression = config->reception.deflate ? compression_new() : NULL;
    websocket_pool_init(&hall->websockets, &limits, websocket_events, hall->compression);
    hall->read_buffer = memory_new(HALL_READ_BUFFER);
    return transport_pool_init(&hall->transports, loop, transport_events);
}

void hall_release(struct hall *hall)
{
    frame_unref(hall->too_slow);
    frame_unref(hall->too_many);
    subscribers_release(&hall->subscribers);
    reception_release(&hall->reception);
    websocket_pool_release(&hall->websockets);
    compression_free(hall->compression);
    transport_pool_release(&hall->transports);
    free(hall->read_buffer);
}

int hall_enter(struct hall *hall, const struct ip *address)
{
    if (atomic_fetch_add(hall->config.open, 1) >= hall->config.max_open) {
        atomic_fetch_sub(hall->config.open, 1);
        return UNAVAILABLE;
    }
    if (!quota_enter(hall->config.quota, address)) {
        atomic_fetch_sub(hall->config.open, 1);
        return TOO_MANY_REQUESTS;
    }
    counter_add(&hall->config.traffic->open, 1);
    return 0;
}

void hall_leave(struct hall *hall, const struct ip *address)
{
    atomic_fetch_sub(hall->config.open, 1);
    counter_add(&hall->config.traffic->open, (uint64_t)-1);
    quota_leave(hall->config.quota, address);
}

void hall_touch(struct hall *hall, struct list_link *dirty)
{
    if (list_holds(dirty))
        return;
    list_append(&hall->dirty, dirty);
    hall->dirty_count++;
}

void hall_settle(struct hall *hall, struct list_link *dirty)
{
    if (!list_holds(dirty))
        return;
    list_leave(dirty);
    hall->dirty_count--;
}
