// SPDX-License-Identifier: MIT
// Accepts connections on one listening socket.
#include "rowcast/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rowcast/log.h"
#include "rowcast/memory.h"

#define ACCEPTS_A_TURN 128 // then the connections have their turn
#define REFUSALS_A_TURN 16
#define ACCEPTS_AT_THE_END 8192 // more than a backlog holds: even a flood ends

struct listener {
    uv_poll_t poll;
    int socket;
    int spare; // a descriptor to give up where there is no other, -1: none
    bool resting;
    listener_accepted *accepted;
    void *user;
};

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int accept_one(struct listener *listener)
{
    int fd = accept4(listener->socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    return fd >= 0 ? fd : -errno;
}

// The connection broke before it was accepted, or a signal came: the next one may be fine
// (accept(2)).
static bool is_passing(int error)
{
    switch (-error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENOPROTOOPT:
    case EPERM:
        return true;
    default:
        return false;
    }
}

// Without a free descriptor the newcomers would wait and wake the loop for ever: the spare one lets
// them in and out again. Without it, too, the listener rests until listener_retry.
static void turn_away(struct listener *listener)
{
    for (int i = 0; i < REFUSALS_A_TURN && listener->spare >= 0; i++) {
        close(listener->spare);
        listener->spare = -1;
        int fd = accept_one(listener);
        if (fd >= 0)
            close(fd);
        listener->spare = open_spare();
        if (fd < 0)
            break;
    }
    if (listener->spare < 0) {
        uv_poll_stop(&listener->poll);
        listener->resting = true;
    }
}

static void note_failure(int error)
{
    if (!log_says(LOG_WARN, "accept_failed", NULL))
        return;
    log_write(LOG_WARN, "accept_failed", LOG_FIELDS(LOG_TEXT("error", strerror(-error))),
              "cannot accept connections: %s; newcomers are turned away until others leave (see "
              "'ulimit -n' and --max-connections)",
              strerror(-error));
}

// Returns false when nobody is waiting any more, or nobody can be let in.
static bool accept_next(struct listener *listener)
{
    int fd = accept_one(listener);

    if (fd >= 0) {
        listener->accepted(listener->user, fd);
        return true;
    }
    if (is_passing(fd))
        return true;
    if (fd != -EAGAIN && fd != -EWOULDBLOCK) {
        note_failure(fd);
        turn_away(listener);
    }
    return false;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = container_of(poll, struct listener, poll);

    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN && accept_next(listener); i++)
        ;
}

struct listener *listener_new(uv_loop_t *loop, int socket, listener_accepted *accepted, void *user)
{
    struct listener *listener = memory_new(sizeof *listener);

    listener->socket = socket;
    listener->spare = open_spare();
    listener->accepted = accepted;
    listener->user = user;
    // The socket is new and ours, so neither has a reason to fail.
    if (uv_poll_init(loop, &listener->poll, socket) != 0 ||
        uv_poll_start(&listener->poll, UV_READABLE, on_ready) != 0)
        abort();
    return listener;
}

void listener_retry(struct listener *listener)
{
    if (!listener->resting)
        return;
    listener->spare = open_spare();
    if (listener->spare < 0)
        return;
    listener->resting = false;
    uv_poll_start(&listener->poll, UV_READABLE, on_ready);
}

static void on_closed(uv_handle_t *handle)
{
    struct listener *listener = container_of((uv_poll_t *)handle, struct listener, poll);

    free(listener);
}

void listener_close(struct listener *listener)
{
    for (int i = 0; i < ACCEPTS_AT_THE_END && accept_next(listener); i++)
        ;
    uv_close((uv_handle_t *)&listener->poll, on_closed);
    close(listener->socket);
    if (listener->spare >= 0)
        close(listener->spare);
}
