// SPDX-License-Identifier: MIT
// A growable run of bytes that is born with its maximum.
#include "rowcast/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"
#include "rowcast/utf8.h"

#define FIRST_CAPACITY 256

void buffer_init(struct buffer *buffer, size_t maximum)
{
    *buffer = (struct buffer){.maximum = maximum};
}

void buffer_release(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){.maximum = buffer->maximum};
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
    buffer->wanted = 0;
    buffer->overflowed = false;
}

static void grow(struct buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity > 0 ? buffer->capacity : FIRST_CAPACITY;

    while (capacity < needed && capacity <= buffer->maximum / 2)
        capacity *= 2;
    if (capacity < needed || capacity > buffer->maximum)
        capacity = buffer->maximum;
    buffer->bytes = memory_resize(buffer->bytes, capacity);
    buffer->capacity = capacity;
}

char *buffer_reserve(struct buffer *buffer, size_t size)
{
    if (buffer->overflowed || size > buffer->maximum - buffer->size) {
        if (!buffer->overflowed) // what a caller of buffer_reserve wrote was not counted yet
            buffer->wanted = buffer->size;
        buffer->wanted += size;
        buffer->overflowed = true;
        return NULL;
    }
    if (buffer->bytes == NULL || size > buffer->capacity - buffer->size)
        grow(buffer, buffer->size + size);
    return buffer->bytes + buffer->size;
}

static void written(struct buffer *buffer, size_t size)
{
    buffer->size += size;
    buffer->wanted = buffer->size;
}

void buffer_append_grown(struct buffer *buffer, const void *bytes, size_t size)
{
    char *place = buffer_reserve(buffer, size);
    if (place == NULL)
        return;
    memcpy(place, bytes, size);
    written(buffer, size);
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    char text[512];
    va_list arguments, again;

    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);

    if (length >= 0 && (size_t)length < sizeof text) {
        buffer_append(buffer, text, (size_t)length);
    } else if (length >= 0) {
        // vsnprintf writes a NUL behind the text, which the buffer may have no room for.
        char *longer = memory_new((size_t)length + 1);
        vsnprintf(longer, (size_t)length + 1, format, again);
        buffer_append(buffer, longer, (size_t)length);
        free(longer);
    }
    va_end(again);
}

// ---- JSON strings ----

// The length of what can be copied as it is.
static size_t plain_run(const char *bytes, size_t size)
{
    size_t run = utf8_plain(bytes, size);

    while (run < size) {
        size_t length = utf8_length(bytes + run, size - run);
        if (length < 2)
            break;
        run += length;
        run += utf8_plain(bytes + run, size - run);
    }
    return run;
}

static void append_escape(struct buffer *buffer, unsigned char byte)
{
    static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                   ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};

    if (byte >= 0x80)
        buffer_append(buffer, "\xef\xbf\xbd", 3); // U+FFFD
    else if (byte < sizeof letters && letters[byte] != 0)
        buffer_append(buffer, (char[]){'\\', letters[byte]}, 2);
    else
        buffer_append_format(buffer, "\\u%04x", byte);
}

void buffer_append_quoted(struct buffer *buffer, const char *bytes, size_t size)
{
    char *place = buffer_reserve(buffer, size + 2);
    if (place == NULL)
        return;
    place[0] = '"';
    if (size > 0)
        memcpy(place + 1, bytes, size);
    place[size + 1] = '"';
    written(buffer, size + 2);
}

void buffer_append_json_string(struct buffer *buffer, const char *bytes, size_t size)
{
    bool fits = !buffer->overflowed && size + 2 <= buffer->maximum - buffer->size;

    if (fits && plain_run(bytes, size) == size) {
        buffer_append_quoted(buffer, bytes, size);
        return;
    }
    buffer_append_byte(buffer, '"');
    for (size_t at = 0; at < size;) {
        size_t run = plain_run(bytes + at, size - at);

        buffer_append(buffer, bytes + at, run);
        at += run;
        if (at < size)
            append_escape(buffer, (unsigned char)bytes[at++]);
    }
    buffer_append_byte(buffer, '"');
}
