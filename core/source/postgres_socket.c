// SPDX-License-Identifier: MIT
// Watches what libpq reads from and writes to.
#include "postgres_socket.h"

#include <stdlib.h>

#include "rowcast/memory.h"

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct postgres_socket *socket = poll->data;
    if (status < 0)
        socket->events = 0; // libuv has stopped the handle
    socket->ready(socket->user, status < 0, events);
}

void postgres_socket_pause(struct postgres_socket *socket)
{
    if (socket->poll)
        uv_poll_stop(socket->poll);
    socket->events = 0;
}

void postgres_socket_forget(struct postgres_socket *socket)
{
    if (socket->poll)
        uv_close((uv_handle_t *)socket->poll, on_closed);
    socket->poll = NULL;
    socket->events = 0;
}

static void take(struct postgres_socket *socket, int fd)
{
    uv_poll_t *poll = memory_new(sizeof *poll);
    if (uv_poll_init(socket->loop, poll, fd) < 0) {
        free(poll); // the owner's timer ends the attempt
        return;
    }
    poll->data = socket;
    socket->poll = poll;
    socket->fd = fd;
}

void postgres_socket_watch(struct postgres_socket *socket, const PGconn *conn, int events)
{
    if (socket->poll && socket->fd != PQsocket(conn))
        postgres_socket_forget(socket);
    if (!socket->poll)
        take(socket, PQsocket(conn));
    if (!socket->poll || events == socket->events)
        return;
    if (events)
        uv_poll_start(socket->poll, events, on_ready);
    else
        postgres_socket_pause(socket);
    socket->events = events;
}
