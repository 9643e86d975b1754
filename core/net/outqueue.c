// SPDX-License-Identifier: MIT
// What waits to be written to one connection.
#include "rowcast/outqueue.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

static struct frame **entries(struct outqueue *queue)
{
    return queue->ring != NULL ? queue->ring : queue->inside;
}

static struct frame *entry_at(const struct outqueue *queue, uint32_t index)
{
    struct frame *const *ring = queue->ring != NULL ? queue->ring : queue->inside;

    return ring[(queue->first + index) & (queue->capacity - 1)];
}

void outqueue_init(struct outqueue *queue)
{
    memset(queue, 0, sizeof *queue);
    queue->capacity = OUTQUEUE_INSIDE;
}

void outqueue_release(struct outqueue *queue)
{
    for (uint32_t i = 0; i < queue->count; i++)
        frame_unref(entry_at(queue, i));
    free(queue->ring);
    outqueue_init(queue);
}

static void grow(struct outqueue *queue)
{
    uint32_t capacity = queue->capacity * 2;
    struct frame **ring = memory_resize(NULL, capacity * sizeof *ring);

    for (uint32_t i = 0; i < queue->count; i++)
        ring[i] = entry_at(queue, i);
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
    uint32_t at = (queue->first + queue->count) & (queue->capacity - 1);
    entries(queue)[at] = frame;
    queue->count++;
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
        struct frame *frame = entry_at(queue, i);
        vectors[i].base = (char *)frame->bytes;
        vectors[i].len = frame->size;
    }
    if (count > 0) {
        vectors[0].base += queue->offset;
        vectors[0].len -= queue->offset;
    }
    return count;
}

// Gives back the ring of a burst: most connections wait with nothing to say.
static void rest(struct outqueue *queue)
{
    free(queue->ring);
    queue->ring = NULL;
    queue->capacity = OUTQUEUE_INSIDE;
    queue->first = 0;
}

static void pop(struct outqueue *queue)
{
    frame_unref(entry_at(queue, 0));
    queue->first = (queue->first + 1) & (queue->capacity - 1);
    queue->offset = 0;
    if (--queue->count == 0)
        rest(queue);
}

void outqueue_consume(struct outqueue *queue, size_t size)
{
    queue->bytes -= size;
    while (size > 0) {
        uint32_t left = entry_at(queue, 0)->size - queue->offset;
        if (size < left) {
            queue->offset += (uint32_t)size;
            return;
        }
        size -= left;
        pop(queue);
    }
}

void outqueue_drop_behind(struct outqueue *queue, uint32_t keep)
{
    if (keep == 0 && queue->offset > 0)
        keep = 1;
    while (queue->count > keep) {
        struct frame *frame = entry_at(queue, queue->count - 1);
        queue->bytes -= frame->size;
        frame_unref(frame);
        queue->count--;
    }
    if (queue->count == 0)
        rest(queue);
}
