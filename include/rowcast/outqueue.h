// SPDX-License-Identifier: MIT
// What waits to be written to one connection: references to frames, and how far into the first one.
// Nothing is copied. Pure: vectors out, written bytes back.
#ifndef ROWCAST_OUTQUEUE_H
#define ROWCAST_OUTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "rowcast/frame.h"

// Invariants: offset is below the size of the first frame; bytes = the sizes of all frames - offset.
struct outqueue {
    union {
        struct frame *only;  // capacity 1: one waits without an allocation
        struct frame **ring; // else
    };
    uint32_t first, count, capacity; // capacity is a power of two
    uint32_t offset;
    size_t bytes;
};

void outqueue_init(struct outqueue *queue);
void outqueue_release(struct outqueue *queue); // gives back all references

void outqueue_push(struct outqueue *queue, struct frame *frame); // takes over a reference
bool outqueue_empty(const struct outqueue *queue);

// Fills in up to `maximum` vectors from the front, returns how many. They live until the next
// consume or drop.
unsigned outqueue_vectors(const struct outqueue *queue, uv_buf_t *vectors, unsigned maximum);

// `size` bytes from the front are out; at most queue->bytes.
void outqueue_consume(struct outqueue *queue, size_t size);

// Forgets all but a frame that is partly out.
void outqueue_drop(struct outqueue *queue);

#endif
