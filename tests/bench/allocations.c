// SPDX-License-Identifier: MIT
// Preloaded: counts what a program asks of malloc, and says so on standard error when it ends.
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

static atomic_ulong count;

void *malloc(size_t size)
{
    count++;
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count++;
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size)
{
    count++;
    return __libc_realloc(memory, size);
}

// For programs that look in between.
unsigned long allocations(void)
{
    return count;
}

__attribute__((destructor)) static void tell(void)
{
    fprintf(stderr, "allocations: %lu\n", (unsigned long)count);
}
