// SPDX-License-Identifier: MIT
// Cuts a run of bytes that arrives in pieces into lines. Private to this room.
#ifndef ROWCAST_SOURCE_LINES_H
#define ROWCAST_SOURCE_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "rowcast/recorded.h"

#define LINES_MAX_SIZE RECORDED_MAX_LINE
#define LINES_PIECE_SIZE (64u << 10) // how much is read at once

// Invariant: start <= scanned <= held.size; no line end stands between start and scanned.
struct lines {
    struct buffer held;
    size_t start;   // of the line that is next
    size_t scanned; // so far without finding its end
};

void lines_init(struct lines *lines);
void lines_release(struct lines *lines);

// Room for LINES_PIECE_SIZE bytes, or NULL: the line is too long. Lines returned before end here.
char *lines_room(struct lines *lines);
void lines_add(struct lines *lines, size_t size); // so many bytes were put there

// The next line without its end; false if it is not complete. Lives until lines_room.
bool lines_next(struct lines *lines, const char **line, size_t *size);
// What stands behind the last line end; false if nothing does.
bool lines_rest(struct lines *lines, const char **line, size_t *size);

#endif
