// SPDX-License-Identifier: MIT
// A byte stream to one peer: plain TCP.
#include "rowcast/transport.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rowcast/memory.h"

#define EVENTS_A_TURN 1024 // then the loop's other sources have their turn
#define CLOSED (-1)        // as a socket

// ---- the pool ----

// Who waits to write is told once for each time the socket gets room. Where the kernel is short of memory for
// all sockets together it calls them writable and takes nothing: told again and again, those who cannot
// write would take the time of all others.
static bool watches_edges(const struct transport *transport)
{
    return transport->watched & EPOLLOUT;
}

// What is there already is told anew.
static void watch(struct transport *transport)
{
    struct epoll_event event = {.events = transport->wanted, .data.ptr = transport};

    transport->watched = transport->wanted;
    if (watches_edges(transport))
        event.events |= EPOLLET;
    epoll_ctl(transport->pool->epoll, EPOLL_CTL_MOD, transport->socket, &event);
}

static void receive(struct transport *transport)
{
    const struct transport_events *events = transport->pool->events;
    uv_buf_t room = events->room(transport);

    if (room.len == 0) {
        transport_read(transport, false);
        return;
    }
    ssize_t size = recv(transport->socket, room.base, room.len, 0);
    if (size > 0) {
        events->bytes(transport, room.base, (size_t)size);
    } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
        int status = size == 0 ? UV_EOF : -errno;
        transport_read(transport, false);
        events->ended(transport, status);
    }
}

// What is not wanted any more stays watched until it happens: most is wanted again before that.
static void take(struct transport *transport, uint32_t happened)
{
    bool broken = happened & (EPOLLERR | EPOLLHUP);
    bool once = watches_edges(transport);

    if (transport->wanted == 0 && broken) {
        transport->pool->events->ended(transport, UV_ECONNRESET);
        return;
    }
    if (happened & (EPOLLIN | EPOLLOUT) & ~(uint32_t)transport->wanted)
        watch(transport);
    if (transport->wanted & EPOLLIN && (happened & EPOLLIN || broken))
        receive(transport);
    if (transport->wanted & EPOLLOUT && (happened & EPOLLOUT || broken)) {
        transport->wanted &= ~EPOLLOUT;
        transport->pool->events->writable(transport);
    }
    if (once && happened & EPOLLIN && transport->socket != CLOSED)
        watch(transport); // perhaps not all was read
}

static void on_ready(uv_poll_t *poll, int status, int readable)
{
    struct transport_pool *pool = container_of(poll, struct transport_pool, poll);
    struct epoll_event events[EVENTS_A_TURN];

    (void)status;
    (void)readable;
    int count = epoll_wait(pool->epoll, events, EVENTS_A_TURN, 0);
    for (int i = 0; i < count; i++) {
        struct transport *transport = events[i].data.ptr;
        if (transport->socket != CLOSED) // by what happened to another one
            take(transport, events[i].events);
    }
}

int transport_pool_init(struct transport_pool *pool, uv_loop_t *loop,
                        const struct transport_events *events)
{
    pool->events = events;
    fifo_init(&pool->closed, sizeof(struct transport *));
    pool->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (pool->epoll < 0)
        return -errno;
    uv_poll_init(loop, &pool->poll, pool->epoll); // fails on files only
    uv_poll_start(&pool->poll, UV_READABLE, on_ready);
    return 0;
}

void transport_pool_settle(struct transport_pool *pool)
{
    struct transport **closed;

    while ((closed = fifo_first(&pool->closed)) != NULL) {
        struct transport *transport = *closed;
        fifo_drop_first(&pool->closed);
        pool->events->closed(transport);
    }
}

void transport_pool_close(struct transport_pool *pool)
{
    uv_close((uv_handle_t *)&pool->poll, NULL);
}

void transport_pool_release(struct transport_pool *pool)
{
    if (pool->epoll >= 0)
        close(pool->epoll);
    fifo_release(&pool->closed);
}

// ---- life ----

int transport_open(struct transport *transport, int socket, struct transport_pool *pool)
{
    struct epoll_event event = {.data.ptr = transport};

    transport->pool = pool;
    transport->socket = socket;
    transport->wanted = transport->watched = 0;
    return epoll_ctl(pool->epoll, EPOLL_CTL_ADD, socket, &event) < 0 ? -errno : 0;
}

void transport_close(struct transport *transport, bool reset)
{
    struct linger at_once = {.l_onoff = 1};

    if (transport->socket == CLOSED)
        return;
    if (reset)
        setsockopt(transport->socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(transport->socket);
    transport->socket = CLOSED;
    transport->wanted = 0;
    fifo_append(&transport->pool->closed, &transport, 1);
}

int transport_address(const struct transport *transport, char address[TRANSPORT_ADDRESS_SIZE])
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;

    if (getpeername(transport->socket, (struct sockaddr *)&peer, &size) < 0)
        return -errno;
    if (peer.ss_family == AF_INET6)
        return uv_ip6_name((struct sockaddr_in6 *)&peer, address, TRANSPORT_ADDRESS_SIZE);
    return uv_ip4_name((struct sockaddr_in *)&peer, address, TRANSPORT_ADDRESS_SIZE);
}

// ---- reading and writing ----

static void want(struct transport *transport, uint32_t what, bool on)
{
    if (on)
        transport->wanted |= what;
    else
        transport->wanted &= ~what;
    if (transport->wanted & ~transport->watched)
        watch(transport);
}

void transport_read(struct transport *transport, bool on)
{
    if (transport->socket != CLOSED)
        want(transport, EPOLLIN, on);
}

bool transport_reads(const struct transport *transport)
{
    return transport->wanted & EPOLLIN;
}

static ssize_t send_vectors(int socket, const uv_buf_t *vectors, unsigned count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)vectors, .msg_iovlen = count};

    if (count == 1)
        return send(socket, vectors->base, vectors->len, MSG_NOSIGNAL);
    return sendmsg(socket, &message, MSG_NOSIGNAL); // a uv_buf_t is an iovec
}

ssize_t transport_write(struct transport *transport, const uv_buf_t *vectors, unsigned count)
{
    size_t size = 0;
    ssize_t written = send_vectors(transport->socket, vectors, count);

    if (written < 0 && errno != EAGAIN && errno != EINTR)
        return -errno;
    if (written < 0)
        written = 0;
    for (unsigned i = 0; i < count; i++)
        size += vectors[i].len;
    if ((size_t)written < size)
        want(transport, EPOLLOUT, true);
    return written;
}

bool transport_busy(const struct transport *transport)
{
    return transport->wanted & EPOLLOUT;
}

void transport_try_again(struct transport *transport)
{
    if (transport_busy(transport))
        watch(transport);
}

int transport_shutdown(struct transport *transport)
{
    return shutdown(transport->socket, SHUT_WR) < 0 ? -errno : 0;
}
