// SPDX-License-Identifier: MIT
// The formats that clients have chosen: shapes of events beside JSON, made by the functions that client.lua
// has in `formats`.
//
// At the server a client with a format is subscribed to topics of its own, one for each pair of topic and
// format. So an event is shaped only where somebody wants it, once, and workers know nothing of formats.
#ifndef ROWCAST_FORMATS_H
#define ROWCAST_FORMATS_H

#include <stdbool.h>
#include <stdint.h>

#include "rowcast/event.h"
#include "rowcast/metrics.h"
#include "rowcast/script.h"
#include "rowcast/server.h"
#include "rowcast/topics.h"

#define FORMATS_MAX SCRIPT_MAX_FORMATS // in use at the same time
#define FORMATS_JSON 0                 // what who has not chosen gets

struct formats;

// Both outlive it. `failed`: what an event of these topics became is not known in that format; who gets it
// in that format must not go on as if there had been none.
struct formats_config {
    struct topics *topics;
    struct metrics *metrics;
    void (*failed)(void *user, uint32_t format, const struct event *event);
    void *user;
};

struct formats *formats_new(const struct formats_config *config);
void formats_free(struct formats *formats); // NULL is fine

void formats_set_script(struct formats *formats, struct script *script); // between two calls only
// Whether the scripts still have it.
bool formats_has(const struct formats *formats, uint32_t format);

// The number of a format that the scripts have, for one more client; given back with formats_leave.
uint32_t formats_enter(struct formats *formats, const char *name);
void formats_leave(struct formats *formats, uint32_t format);

// The topic that a client of the format has at the server. Adds a reference.
uint32_t formats_topic(struct formats *formats, uint32_t format, uint32_t topic);

// The event in that format: its JSON frame is given. `id` NULL: it has none, and is shaped anew each time.
// A reference of the caller's own, or NULL: the script leaves it out, or, *failed, it could not be made, which
// was logged.
struct frame *formats_shape(struct formats *formats, uint32_t format, struct frame *json,
                            const struct event_id *id, bool *failed);

// To those who are subscribed in some format, what server_publish is to the others.
void formats_publish(struct formats *formats, struct server *server, const struct event *event,
                     uint64_t place);

#endif
