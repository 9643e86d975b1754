// SPDX-License-Identifier: MIT
// A byte stream to one peer. Connections know this only, never a uv_ stream function: here is where
// TLS comes in.
#ifndef ROWCAST_TRANSPORT_H
#define ROWCAST_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

#define TRANSPORT_VECTORS_MAX 1024 // IOV_MAX of Linux
#define TRANSPORT_ADDRESS_SIZE 64

struct transport;

// After transport_close only `closed` is called, once.
struct transport_events {
    // Where the next bytes shall go. A length of 0 means not now: reading stops until
    // transport_read.
    uv_buf_t (*room)(struct transport *transport);
    void (*bytes)(struct transport *transport, const char *bytes, size_t size);
    // The peer sends no more: UV_EOF, or an error. Called once.
    void (*ended)(struct transport *transport, int status);
    // What transport_write held back is out, `size` bytes, or failed (status < 0).
    void (*written)(struct transport *transport, size_t size, int status);
    void (*shut)(struct transport *transport, int status); // transport_shutdown is done
    void (*closed)(struct transport *transport);           // the memory may go
};

// What the transports of a worker share: whom they call, and requests, which are under way for
// moments.
struct transport_pool {
    const struct transport_events *events;
    struct transport_request *free;
};

// Embedded. Invariant: `request` is set exactly while a write or the shutdown is under way.
struct transport {
    uv_tcp_t tcp;
    struct transport_pool *pool;
    struct transport_request *request;
    bool reading;
};

void transport_pool_init(struct transport_pool *pool, const struct transport_events *events);
void transport_pool_release(struct transport_pool *pool);

// Takes over the connected socket, also on failure. 0, or a negative errno: then `closed` follows.
int transport_open(struct transport *transport, uv_loop_t *loop, int socket,
                   struct transport_pool *pool);

void transport_read(struct transport *transport, bool on);

// Writes what goes at once. Returns how many bytes that were (the caller may forget them), or a
// negative errno. If it was not all, the transport holds on to the first *held of the rest (up to 4
// vectors), which must stay as they are until `written`. May overwrite the vectors. Not while
// transport_busy.
ssize_t transport_write(struct transport *transport, uv_buf_t *vectors, unsigned count,
                        unsigned *held);
bool transport_busy(const struct transport *transport);

// Says to the peer that nothing follows. Not while transport_busy. 0 or a negative errno.
int transport_shutdown(struct transport *transport);

// Ends it at once; `reset` throws away what the kernel has not sent yet.
void transport_close(struct transport *transport, bool reset);

// The peer's numeric address. 0 or a negative errno.
int transport_address(const struct transport *transport, char address[TRANSPORT_ADDRESS_SIZE]);

#endif
