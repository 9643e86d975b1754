// SPDX-License-Identifier: MIT
// A growable queue of elements of one size.
#include "rowcast/fifo.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

#define FIRST_CAPACITY 64
#define KEPT_BYTES (256u << 10) // memory of an empty queue that is kept for the next batch

void fifo_init(struct fifo *fifo, size_t element_size)
{
    *fifo = (struct fifo){.size = element_size};
}

void fifo_release(struct fifo *fifo)
{
    free(fifo->elements);
    fifo_init(fifo, fifo->size);
}

static void make_room(struct fifo *fifo, size_t count)
{
    // Elements are moved to the beginning only where that at least halves the distance to go.
    if (fifo->first > fifo->count) {
        memcpy(fifo->elements, fifo->elements + fifo->first * fifo->size, fifo->count * fifo->size);
        fifo->first = 0;
    }
    size_t wanted = fifo->first + fifo->count + count;
    if (wanted <= fifo->capacity)
        return;
    size_t capacity = fifo->capacity > 0 ? fifo->capacity : FIRST_CAPACITY;
    while (capacity < wanted)
        capacity *= 2;
    fifo->elements = memory_resize(fifo->elements, capacity * fifo->size);
    fifo->capacity = capacity;
}

void fifo_append(struct fifo *fifo, const void *elements, size_t count)
{
    if (count == 0)
        return;
    if (fifo->first + fifo->count + count > fifo->capacity)
        make_room(fifo, count);
    memcpy(fifo->elements + (fifo->first + fifo->count) * fifo->size, elements, count * fifo->size);
    fifo->count += count;
}

void *fifo_first(const struct fifo *fifo)
{
    return fifo->count > 0 ? fifo->elements + fifo->first * fifo->size : NULL;
}

void fifo_drop_first(struct fifo *fifo)
{
    fifo->first++;
    if (--fifo->count == 0)
        fifo_clear(fifo);
}

void fifo_clear(struct fifo *fifo)
{
    fifo->first = fifo->count = 0;
    if (fifo->capacity * fifo->size > KEPT_BYTES)
        fifo_release(fifo);
}
