// SPDX-License-Identifier: MIT
// A growable run of bytes that is born with its maximum.
#ifndef ROWCAST_BUFFER_H
#define ROWCAST_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

// Invariant: size <= capacity <= maximum. An append that would pass the maximum appends nothing and
// sets `overflowed`, which stays set until buffer_clear: writers append freely and look once at the
// end. Behind the first append that did not fit nothing is appended, so what is inside is always a
// beginning. `wanted` counts the bytes that were asked for, also the ones that did not fit.
struct buffer {
    char *bytes; // NULL while nothing was ever appended; not NUL-terminated
    size_t size, capacity, maximum, wanted;
    bool overflowed;
};

void buffer_init(struct buffer *buffer, size_t maximum);
void buffer_release(struct buffer *buffer);
void buffer_clear(struct buffer *buffer); // keeps the memory

void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_grown(struct buffer *buffer, const void *bytes,
                         size_t size); // buffer_append without room

// Here, so that what is appended in short pieces costs no call for each.
static inline void buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
    if (size == 0)
        return;
    if (buffer->overflowed || size > buffer->capacity - buffer->size) {
        buffer_append_grown(buffer, bytes, size);
        return;
    }
    memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
    buffer->wanted = buffer->size;
}

static inline void buffer_append_byte(struct buffer *buffer, char byte)
{
    buffer_append(buffer, &byte, 1);
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Appends `bytes` as they are, in quotes.
void buffer_append_quoted(struct buffer *buffer, const char *bytes, size_t size);

// Appends `bytes` as a JSON string in quotes; control bytes are escaped, and each byte that is not
// UTF-8 (RFC 3629) becomes U+FFFD.
void buffer_append_json_string(struct buffer *buffer, const char *bytes, size_t size);

// Makes room for `size` more bytes and returns where they go, or NULL past the maximum;
// the caller then adds what it wrote to `size`.
char *buffer_reserve(struct buffer *buffer, size_t size);

#endif
