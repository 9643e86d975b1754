// SPDX-License-Identifier: MIT
// Who is here: the clients by the connection they have. An array for each worker, since connections are
// numbered from 0 and their numbers used again. Pure; knows nothing of a client but where it is.
#ifndef ROWCAST_ROSTER_H
#define ROWCAST_ROSTER_H

#include <stdint.h>

#include "rowcast/server.h"

struct client;

struct roster {
    struct roster_worker *workers;
    uint32_t count;
};

void roster_init(struct roster *roster);
void roster_release(struct roster *roster);

// The one that was put for the worker and slot, or NULL; whether its serial is the one that is meant, the
// caller sees.
struct client *roster_at(const struct roster *roster, struct client_ref ref);
void roster_put(struct roster *roster, struct client_ref ref,
                struct client *client); // NULL: it goes

// Walks all: *at begins zeroed. NULL: no more. Those that it has passed may go meanwhile.
struct client *roster_next(const struct roster *roster, struct client_ref *at);

#endif
