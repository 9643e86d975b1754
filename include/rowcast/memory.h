// SPDX-License-Identifier: MIT
// Heap memory that is there or the process is not: running out aborts in memory.c and nowhere else.
#ifndef ROWCAST_MEMORY_H
#define ROWCAST_MEMORY_H

#include <stddef.h>

// Once, before the first of them: what is large goes back to the system when it is freed.
void memory_setup(void);

// All of these return memory that the caller frees with free(); none returns NULL.
void *memory_new(size_t size); // zeroed
void *memory_resize(void *memory, size_t size);
void *memory_copy(const void *bytes, size_t size); // adds a NUL behind the bytes
char *memory_text(const char *text);               // text may be NULL, then so is the result
char *memory_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#endif
