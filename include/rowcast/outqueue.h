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

#define OUTQUEUE_INSIDE 4 // frames that fit without an allocation

// Invariants: offset is below the size of the first frame; bytes = the sizes of all frames - offset.
struct outqueue {
    struct frame **ring; // NULL: the frames are in `inside`
    struct frame *inside[OUTQUEUE_INSIDE];
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

// Forgets all but the first `keep` frames, and never one that is partly out.
void outqueue_drop_behind(struct outqueue *queue, uint32_t keep);

#endif
