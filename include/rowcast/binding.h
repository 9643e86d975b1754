// SPDX-License-Identifier: MIT
// The addresses a server listens on: found, probed, opened.
#ifndef ROWCAST_BINDING_H
#define ROWCAST_BINDING_H

#include <sys/socket.h>

#include "rowcast/fault.h"

#define BINDINGS_MAX 8

struct binding {
    struct sockaddr_storage address;
    socklen_t size;
};

struct bindings {
    const char *host; // as it was asked for, or NULL; borrowed
    int port;
    int count;
    struct binding list[BINDINGS_MAX];
};

// Finds the addresses of `host`, NULL: 0.0.0.0 and :: (where the machine has IPv6). Then makes sure
// that nobody listens there, not even a process that would share the port, and chooses a port where
// it is 0. 0, or -1 with a sentence. Blocks if the name has to be looked up.
int bindings_find(struct bindings *bindings, const char *host, int port, struct fault *fault);

// A listening socket on one of the addresses, sharing the port with the others (SO_REUSEPORT). Its
// connections inherit TCP_NODELAY and the send buffer. Returns it, or -1 with a sentence.
int bindings_listen(const struct bindings *bindings, int index, struct fault *fault);

#endif
