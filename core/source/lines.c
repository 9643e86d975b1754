// SPDX-License-Identifier: MIT
// Bytes in pieces, lines out.
#include "lines.h"

#include <string.h>

void lines_init(struct lines *lines)
{
    *lines = (struct lines){0};
    buffer_init(&lines->held, LINES_MAX_SIZE + LINES_PIECE_SIZE);
}

void lines_release(struct lines *lines)
{
    buffer_release(&lines->held);
}

char *lines_room(struct lines *lines)
{
    struct buffer *held = &lines->held;
    if (lines->start > 0) {
        memmove(held->bytes, held->bytes + lines->start, held->size - lines->start);
        held->size -= lines->start;
        lines->scanned -= lines->start;
        lines->start = 0;
    }
    return buffer_reserve(held, LINES_PIECE_SIZE);
}

void lines_add(struct lines *lines, size_t size)
{
    lines->held.size += size;
}

bool lines_next(struct lines *lines, const char **line, size_t *size)
{
    const struct buffer *held = &lines->held;
    if (lines->scanned == held->size)
        return false;
    const char *from = held->bytes + lines->scanned;
    const char *end = memchr(from, '\n', held->size - lines->scanned);
    if (!end) {
        lines->scanned = held->size;
        return false;
    }
    *line = held->bytes + lines->start;
    *size = (size_t)(end - *line);
    lines->start += *size + 1;
    lines->scanned = lines->start;
    return true;
}

bool lines_rest(struct lines *lines, const char **line, size_t *size)
{
    const struct buffer *held = &lines->held;
    if (lines->start == held->size)
        return false;
    *line = held->bytes + lines->start;
    *size = held->size - lines->start;
    lines->start = lines->scanned = held->size;
    return true;
}
