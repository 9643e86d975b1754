// SPDX-License-Identifier: MIT
// What waits to be written to one connection.
#include "rowcast/outqueue.h"

#include <stdlib.h>

#include "rowcast/memory.h"

#define FIRST_RING 8

static struct frame **entry_at(struct outqueue *queue, uint32_t index)
{
    if (queue->capacity == 1)
        return &queue->only;
    return &queue->ring[(queue->first + index) & (queue->capacity - 1)];
}

static struct frame *frame_at(const struct outqueue *queue, uint32_t index)
{
    return *entry_at((struct outqueue *)queue, index);
}

void outqueue_init(struct outqueue *queue)
{
    *queue = (struct outqueue){.capacity = 1};
}

// Gives back the ring of a burst: most connections wait with nothing to say.
static void rest(struct outqueue *queue)
{
    if (queue->capacity > 1)
        free(queue->ring);
    outqueue_init(queue);
}

void outqueue_release(struct outqueue *queue)
{
    for (uint32_t i = 0; i < queue->count; i++)
        frame_unref(frame_at(queue, i));
    rest(queue);
}

static void grow(struct outqueue *queue)
{
    uint32_t capacity = queue->capacity > 1 ? queue->capacity * 2 : FIRST_RING;
    struct frame **ring = memory_resize(NULL, capacity * sizeof *ring);

    for (uint32_t i = 0; i < queue->count; i++)
        ring[i] = frame_at(queue, i);
    if (queue->capacity > 1)
        free(queue->ring);
    queue->ring = ring;
    queue->capacity = capacity;
    queue->first = 0;
}

void outqueue_push(struct outqueue *queue, struct frame *frame)
{
    if (frame->size == 0) {
        frame_unref(frame);
        return;
    }
    if (queue->count == queue->capacity)
        grow(queue);
    *entry_at(queue, queue->count++) = frame;
    queue->bytes += frame->size;
}

bool outqueue_empty(const struct outqueue *queue)
{
    return queue->count == 0;
}

unsigned outqueue_vectors(const struct outqueue *queue, uv_buf_t *vectors, unsigned maximum)
{
    unsigned count = queue->count < maximum ? queue->count : maximum;

    for (unsigned i = 0; i < count; i++) {
        struct frame *frame = frame_at(queue, i);
        vectors[i].base = (char *)frame->bytes;
        vectors[i].len = frame->size;
    }
    if (count > 0) {
        vectors[0].base += queue->offset;
        vectors[0].len -= queue->offset;
    }
    return count;
}

static void pop(struct outqueue *queue)
{
    frame_unref(frame_at(queue, 0));
    queue->first = (queue->first + 1) & (queue->capacity - 1);
    queue->offset = 0;
    if (--queue->count == 0)
        rest(queue);
}

void outqueue_consume(struct outqueue *queue, size_t size)
{
    queue->bytes -= size;
    while (size > 0) {
        uint32_t left = frame_at(queue, 0)->size - queue->offset;
        if (size < left) {
            queue->offset += (uint32_t)size;
            return;
        }
        size -= left;
        pop(queue);
    }
}

void outqueue_drop(struct outqueue *queue)
{
    uint32_t kept = queue->offset > 0;

    while (queue->count > kept) {
        struct frame *frame = frame_at(queue, --queue->count);
        queue->bytes -= frame->size;
        frame_unref(frame);
    }
    if (queue->count == 0)
        rest(queue);
}
