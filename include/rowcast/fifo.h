// SPDX-License-Identifier: MIT
// A growable queue of elements of one size: batches in at the end, one by one out at the front, or
// all at once: they lie side by side. Its filler bounds it.
#ifndef ROWCAST_FIFO_H
#define ROWCAST_FIFO_H

#include <stddef.h>

struct fifo {
    char *elements;
    size_t size; // of one element
    size_t first, count, capacity;
};

void fifo_init(struct fifo *fifo, size_t element_size);
void fifo_release(struct fifo *fifo); // what the elements own is the caller's business

void fifo_append(struct fifo *fifo, const void *elements, size_t count);
void *fifo_first(const struct fifo *fifo); // NULL: empty; lives until the next append
void fifo_drop_first(struct fifo *fifo);
void fifo_clear(struct fifo *fifo);

#endif
