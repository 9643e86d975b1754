// SPDX-License-Identifier: MIT
// A JSON value together with the bytes it was read from: a decoder says what is in it, the bytes
// keep how it was written (number digits, JSON columns). Private to this room.
#ifndef ROWCAST_SOURCE_SLICE_H
#define ROWCAST_SOURCE_SLICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct slice {
    json_t *json;
    const char *text;
    size_t size;
};

// Walks an object's members or an array's elements in the order they are written.
// `at` begins as zero bytes; false at the end.
struct slice_walk {
    const char *at;
    void *member;    // of objects: jansson's iterator
    size_t index;    // of arrays: the next element's
    const char *key; // of objects: of the member just returned
};

bool slice_next(const struct slice *container, struct slice_walk *walk, struct slice *member);

bool slice_member(const struct slice *object, const char *key, struct slice *member);

// The bytes have as many members as were decoded. False: a key stands there twice, and
// slice_next would pair values with the wrong bytes.
bool slice_keys_unique(const struct slice *object);

#endif
