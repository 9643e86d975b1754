// SPDX-License-Identifier: MIT
// The addresses a server listens on: found, probed, opened.
#ifndef ROWCAST_BINDING_H
#define ROWCAST_BINDING_H

#include <sys/socket.h>

#include "rowcast/fault.h"

#define BINDINGS_MAX 8
#define BINDING_BACKLOG                                                                            \
    4096 // connections that may wait to be accepted; net.core.somaxconn may allow fewer

struct binding {
    struct sockaddr_storage address;
    socklen_t size;
};

// The end of the sentence that says why not.
struct bindings_advice {
    const char *host, *port; // how another one is chosen
};

enum bindings_claim {
    BINDINGS_ALONE,  // nobody may listen there, not even a process that would share the port
    BINDINGS_SHARED, // one that shares it may
};

struct bindings {
    const char *host; // as it was asked for, or NULL; borrowed
    const struct bindings_advice *advice;
    enum bindings_claim claim;
    int port;
    int count;
    struct binding list[BINDINGS_MAX];
};

// Finds the addresses of `host`, NULL: 0.0.0.0 and :: (where the machine has IPv6). Then makes sure
// that the claim can be had, and chooses a port where it is 0. 0, or -1 with a sentence that ends with
// the advice, which is kept. Blocks if the name has to be looked up.
int bindings_find(struct bindings *bindings, const char *host, int port, enum bindings_claim claim,
                  const struct bindings_advice *advice, struct fault *fault);

// A listening socket on one of the addresses, sharing the port with the others (SO_REUSEPORT). Its
// connections inherit TCP_NODELAY and the send buffer. Returns it, or -1 with a sentence.
int bindings_listen(const struct bindings *bindings, int index, struct fault *fault);

#endif
