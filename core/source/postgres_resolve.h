// SPDX-License-Identifier: MIT
// Turns host names into addresses before libpq does, whose own look-up would block the loop.
// Private to this room.
#ifndef ROWCAST_SOURCE_POSTGRES_RESOLVE_H
#define ROWCAST_SOURCE_POSTGRES_RESOLVE_H

#include <uv.h>

#include "postgres_conninfo.h"
#include "rowcast/buffer.h"

// `failure` is NULL, or says which name is unknown.
typedef void postgres_resolved(void *user, const char *failure);

struct postgres_resolve {
    uv_getaddrinfo_t request;
    uv_loop_t *loop;
    struct conninfo *info;
    postgres_resolved *done;
    void *user;
    char *hosts, *ports;                     // the user's lists
    char *next_host, *next_port;             // what is left of them
    const char *host, *port;                 // now
    struct buffer names, addresses, numbers; // the lists that come out, equally long
    int count;                               // of their entries
    char failure[256];
    bool busy; // the request is under way: the struct must stay
};

// What must be looked up: names, that is neither addresses nor sockets, without a hostaddr beside
// them.
bool postgres_resolve_needed(const struct conninfo *info);

// Changes host, hostaddr and port of `info` into lists and calls `done` once, perhaps at once. A
// host that is unknown is left out while others are known. The struct may be used anew after
// `done`.
void postgres_resolve_start(struct postgres_resolve *resolve, uv_loop_t *loop,
                            struct conninfo *info, postgres_resolved *done, void *user);

#endif
