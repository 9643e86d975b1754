// SPDX-License-Identifier: MIT
// Accepts connections on one listening socket. Out of descriptors it turns newcomers away instead
// of letting the loop spin, and logs that once.
#ifndef ROWCAST_LISTENER_H
#define ROWCAST_LISTENER_H

#include <uv.h>

struct listener;

typedef void listener_accepted(void *user, int socket); // takes over the socket

// Takes over the listening socket.
struct listener *listener_new(uv_loop_t *loop, int socket, listener_accepted *accepted, void *user);

// To be called now and then: takes up accepting again where it had to be given up.
void listener_retry(struct listener *listener);

// Accepts what is waiting already (closing the socket would reset it), then closes; frees itself
// when the loop has closed its handle.
void listener_close(struct listener *listener);

#endif
