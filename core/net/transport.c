// SPDX-License-Identifier: MIT
// A byte stream to one peer: plain TCP.
#include "rowcast/transport.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rowcast/memory.h"

#define HELD_MAX 4 // vectors that libuv keeps without an allocation

struct transport_request {
    union {
        uv_write_t write;
        uv_shutdown_t shutdown;
    };
    struct transport *transport;
    struct transport_request *next; // in the pool
    size_t size;                    // of the write
};

// ---- requests ----

void transport_pool_init(struct transport_pool *pool, const struct transport_events *events)
{
    pool->events = events;
    pool->free = NULL;
}

void transport_pool_release(struct transport_pool *pool)
{
    while (pool->free != NULL) {
        struct transport_request *request = pool->free;
        pool->free = request->next;
        free(request);
    }
}

static struct transport_request *request_take(struct transport *transport)
{
    struct transport_request *request = transport->pool->free;

    if (request != NULL)
        transport->pool->free = request->next;
    else
        request = memory_new(sizeof *request);
    request->transport = transport;
    transport->request = request;
    return request;
}

static struct transport *request_give(struct transport_request *request)
{
    struct transport *transport = request->transport;

    transport->request = NULL;
    request->next = transport->pool->free;
    transport->pool->free = request;
    return transport;
}

// ---- life ----

static struct transport *from_handle(const void *handle)
{
    return container_of((uv_tcp_t *)handle, struct transport, tcp);
}

static uv_stream_t *stream(struct transport *transport)
{
    return (uv_stream_t *)&transport->tcp;
}

static bool is_closing(struct transport *transport)
{
    return uv_is_closing((uv_handle_t *)&transport->tcp);
}

static void on_closed(uv_handle_t *handle)
{
    struct transport *transport = from_handle(handle);

    transport->pool->events->closed(transport);
}

int transport_open(struct transport *transport, uv_loop_t *loop, int socket,
                   struct transport_pool *pool)
{
    transport->pool = pool;
    transport->request = NULL;
    transport->reading = false;
    uv_tcp_init(loop, &transport->tcp); // makes no socket: cannot fail

    int result = uv_tcp_open(&transport->tcp, socket);
    if (result < 0) {
        close(socket);
        transport_close(transport, false);
    }
    return result;
}

void transport_close(struct transport *transport, bool reset)
{
    uv_handle_t *handle = (uv_handle_t *)&transport->tcp;

    if (uv_is_closing(handle))
        return;
    transport->reading = false;
    // Refused while a shutdown is under way: then there is nothing left to throw away.
    if (!reset || uv_tcp_close_reset(&transport->tcp, on_closed) < 0)
        uv_close(handle, on_closed);
}

int transport_address(const struct transport *transport, char address[TRANSPORT_ADDRESS_SIZE])
{
    struct sockaddr_storage peer;
    int size = sizeof peer;
    int result = uv_tcp_getpeername(&transport->tcp, (struct sockaddr *)&peer, &size);

    if (result < 0)
        return result;
    if (peer.ss_family == AF_INET6)
        return uv_ip6_name((struct sockaddr_in6 *)&peer, address, TRANSPORT_ADDRESS_SIZE);
    return uv_ip4_name((struct sockaddr_in *)&peer, address, TRANSPORT_ADDRESS_SIZE);
}

// ---- reading ----

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
    struct transport *transport = from_handle(handle);

    (void)suggested;
    *room = transport->pool->events->room(transport);
}

static void on_read(uv_stream_t *handle, ssize_t size, const uv_buf_t *room)
{
    struct transport *transport = from_handle(handle);

    if (size > 0) {
        transport->pool->events->bytes(transport, room->base, (size_t)size);
    } else if (size == UV_ENOBUFS) {
        transport_read(transport, false);
    } else if (size < 0) {
        transport_read(transport, false);
        transport->pool->events->ended(transport, (int)size);
    }
}

void transport_read(struct transport *transport, bool on)
{
    if (on == transport->reading || is_closing(transport))
        return;
    transport->reading = on;
    if (on)
        uv_read_start(stream(transport), on_room, on_read); // fails on closing handles only
    else
        uv_read_stop(stream(transport));
}

// ---- writing ----

static void on_written(uv_write_t *write, int status)
{
    struct transport_request *request = container_of(write, struct transport_request, write);
    size_t size = request->size;
    struct transport *transport = request_give(request);

    if (!is_closing(transport))
        transport->pool->events->written(transport, size, status);
}

// Leaves the first vectors that are not out yet to libuv, to be told when the socket takes more.
static int hold(struct transport *transport, uv_buf_t *rest, unsigned count)
{
    struct transport_request *request = request_take(transport);

    request->size = 0;
    for (unsigned i = 0; i < count; i++)
        request->size += rest[i].len;
    int result = uv_write(&request->write, stream(transport), rest, count, on_written);
    if (result < 0)
        request_give(request);
    return result;
}

ssize_t transport_write(struct transport *transport, uv_buf_t *vectors, unsigned count,
                        unsigned *held)
{
    int written = uv_try_write(stream(transport), vectors, count);
    unsigned out = 0;

    *held = 0;
    if (written == UV_EAGAIN)
        written = 0;
    if (written < 0)
        return written;

    size_t left = (size_t)written;
    for (; out < count && left >= vectors[out].len; out++)
        left -= vectors[out].len;
    if (out == count)
        return written;
    vectors[out].base += left;
    vectors[out].len -= left;

    *held = count - out < HELD_MAX ? count - out : HELD_MAX;
    int result = hold(transport, vectors + out, *held);
    return result < 0 ? result : written;
}

bool transport_busy(const struct transport *transport)
{
    return transport->request != NULL;
}

static void on_shut(uv_shutdown_t *shutdown, int status)
{
    struct transport_request *request = container_of(shutdown, struct transport_request, shutdown);
    struct transport *transport = request_give(request);

    if (!is_closing(transport))
        transport->pool->events->shut(transport, status);
}

int transport_shutdown(struct transport *transport)
{
    struct transport_request *request = request_take(transport);
    int result = uv_shutdown(&request->shutdown, stream(transport), on_shut);

    if (result < 0)
        request_give(request);
    return result;
}
