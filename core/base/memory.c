// SPDX-License-Identifier: MIT
// Heap memory that is there or the process is not.
#include "rowcast/memory.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LARGE (1 << 20)       // pages of its own
#define KEPT_ON_TOP (8 << 20) // of freed memory

// By itself the C library takes each large piece that is freed as a reason to keep that much from then on.
void memory_setup(void)
{
    mallopt(M_MMAP_THRESHOLD, LARGE);
    mallopt(M_TRIM_THRESHOLD, KEPT_ON_TOP);
}

static void *must(void *memory)
{
    static const char sentence[] = "rowcast: out of memory\n";

    if (memory == NULL) {
        // No stdio here: it might allocate.
        ssize_t written = write(STDERR_FILENO, sentence, sizeof sentence - 1);
        (void)written;
        abort();
    }
    return memory;
}

// The size 0 may give NULL, which would read as failure.
static size_t at_least_one(size_t size)
{
    return size > 0 ? size : 1;
}

void *memory_new(size_t size)
{
    return must(calloc(1, at_least_one(size)));
}

void *memory_resize(void *memory, size_t size)
{
    return must(realloc(memory, at_least_one(size)));
}

void *memory_copy(const void *bytes, size_t size)
{
    char *copy = must(malloc(size + 1));

    if (size > 0)
        memcpy(copy, bytes, size);
    copy[size] = '\0';
    return copy;
}

char *memory_text(const char *text)
{
    return text != NULL ? memory_copy(text, strlen(text)) : NULL;
}

char *memory_format(const char *format, ...)
{
    va_list arguments;
    char *text = NULL;

    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    return must(length >= 0 ? text : NULL);
}
