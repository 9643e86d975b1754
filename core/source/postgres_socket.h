// SPDX-License-Identifier: MIT
// The socket of a connection that does not block, on the loop. Private to this room.
#ifndef ROWCAST_SOURCE_POSTGRES_SOCKET_H
#define ROWCAST_SOURCE_POSTGRES_SOCKET_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <uv.h>

// `broken`: the socket cannot be watched any more. The struct may be freed after postgres_socket_forget.
typedef void postgres_socket_ready(void *user, bool broken, int events);

struct postgres_socket {
    uv_loop_t *loop;
    postgres_socket_ready *ready;
    void *user;
    uv_poll_t *poll; // of `fd`; NULL while there is none
    int fd, events;
};

// Waits for the connection's socket, which may be another one than before; events 0: for nothing.
void postgres_socket_watch(struct postgres_socket *socket, const PGconn *conn, int events);
void postgres_socket_pause(struct postgres_socket *socket);  // before libpq may close the socket
void postgres_socket_forget(struct postgres_socket *socket); // before PQfinish

#endif
