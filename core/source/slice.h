// SPDX-License-Identifier: MIT
// A JSON text as the pieces it is made of: checked whole (RFC 8259, UTF-8), nothing copied, each value beside
// its bytes, so that number digits and JSON columns keep how they are written. Private to this room.
#ifndef ROWCAST_SOURCE_SLICE_H
#define ROWCAST_SOURCE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLICE_MAX_DEPTH 2048 // of nested values
#define SLICE_DEPTH                                                                                \
    4 // so deep members are slices of their own; a container below is one slice with its bytes

enum slice_kind {
    SLICE_NULL,
    SLICE_TRUE,
    SLICE_FALSE,
    SLICE_INTEGER, // digits only
    SLICE_REAL,    // with a fraction or an exponent
    SLICE_STRING,
    SLICE_ARRAY,
    SLICE_OBJECT,
};

// Of a string `text` and `size` are what stands between the quotes. Slices stand in one array in the order of
// the text: behind an object its keys (strings), each followed by its value, behind an array its elements.
struct slice {
    const char *text;
    uint32_t size;
    uint32_t behind; // so many slices further stands what follows this one and all inside it
    uint8_t kind;    // enum slice_kind
    bool escaped;    // a string with a backslash in it
};

struct slices {
    struct slice *items; // the first one is the whole text
    size_t count, capacity;
    const char *wrong; // what slices_read found
    size_t byte;       // and where, from 1
};

void slices_init(struct slices *slices);
void slices_release(struct slices *slices);

// Cuts a text of less than 4 GiB: 0, or -1 with `wrong` and `byte`. What was cut before is gone.
int slices_read(struct slices *slices, const char *text, size_t size);

// Walks an object's members or an array's elements. `member` begins as NULL.
bool slice_next(const struct slice *container, const struct slice **member);
const struct slice *slice_key(const struct slice *member); // of an object: the string before it

// The member of that name, which is plain ASCII; NULL if there is none.
const struct slice *slice_member(const struct slice *object, const char *key);

bool slice_is(const struct slice *string, const char *text);           // plain ASCII
bool slice_equal(const struct slice *left, const struct slice *right); // two strings
bool slice_keys_unique(const struct slice *object);                    // no key stands there twice

// Writes the string without its escapes, which never makes it longer. Returns its size. `to` may be where
// the string stands.
size_t slice_unescape(const struct slice *string, char *to);

#endif
