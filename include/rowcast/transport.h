// SPDX-License-Identifier: MIT
// A byte stream to one peer. Connections know this only, never a socket's functions: here is where TLS
// comes in.
//
// The transports of a worker have an epoll of their own inside its loop: a stream of libuv takes 248
// bytes, and 88 more for each write that waits.
#ifndef ROWCAST_TRANSPORT_H
#define ROWCAST_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "rowcast/fifo.h"

#define TRANSPORT_VECTORS_MAX 1024 // IOV_MAX of Linux
#define TRANSPORT_ADDRESS_SIZE 64

struct transport;

// After transport_close only `closed` is called, once.
struct transport_events {
    // Where the next bytes shall go. A length of 0 means not now: reading stops until
    // transport_read.
    uv_buf_t (*room)(struct transport *transport);
    void (*bytes)(struct transport *transport, const char *bytes, size_t size);
    // The peer sends no more: UV_EOF. Or, perhaps after that, an error: nothing can be sent either.
    void (*ended)(struct transport *transport, int status);
    void (*writable)(struct transport *transport); // it was busy, and takes more
    void (*closed)(struct transport *transport);   // the memory may go
};

// What the transports of a worker share: whom they call, and who waits for them.
struct transport_pool {
    const struct transport_events *events;
    int epoll;
    uv_poll_t poll;     // of the epoll
    struct fifo closed; // transports whose `closed` is not yet called
};

// Embedded.
struct transport {
    struct transport_pool *pool;
    int socket;       // -1: closed
    uint16_t wanted;  // of EPOLLIN and EPOLLOUT
    uint16_t watched; // by the epoll: all of those, and perhaps more
};

// 0, or a negative errno: then only transport_pool_release may follow.
int transport_pool_init(struct transport_pool *pool, uv_loop_t *loop,
                        const struct transport_events *events);
// Calls `closed` for all that were closed. Not from inside an event; once in each turn of the loop.
void transport_pool_settle(struct transport_pool *pool);
void transport_pool_close(struct transport_pool *pool);   // lets the loop end
void transport_pool_release(struct transport_pool *pool); // after the loop's end

// Takes over the connected, non-blocking socket, also on failure. 0, or a negative errno: then it must
// be closed.
int transport_open(struct transport *transport, int socket, struct transport_pool *pool);

void transport_read(struct transport *transport, bool on);
bool transport_reads(const struct transport *transport);

// Writes what goes at once. Returns how many bytes that were, or a negative errno. If it was not all,
// the transport is busy until `writable`. Not while transport_busy.
ssize_t transport_write(struct transport *transport, const uv_buf_t *vectors, unsigned count);
bool transport_busy(const struct transport *transport);
// Now and then, of a busy one: `writable` if it is. A socket that the kernel had no memory for is not said to
// have become so.
void transport_try_again(struct transport *transport);

// Says to the peer that nothing follows. 0 or a negative errno.
int transport_shutdown(struct transport *transport);

// Ends it at once; `reset` throws away what the kernel has not sent yet.
void transport_close(struct transport *transport, bool reset);

// The peer's numeric address. 0 or a negative errno.
int transport_address(const struct transport *transport, char address[TRANSPORT_ADDRESS_SIZE]);

#endif
