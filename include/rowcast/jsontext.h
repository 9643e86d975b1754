// SPDX-License-Identifier: MIT
// Walks a JSON text that is known to be valid, as our own encoders write it, without reading it into anything. Pure.
#ifndef ROWCAST_JSONTEXT_H
#define ROWCAST_JSONTEXT_H

#include <stdbool.h>
#include <stddef.h>

// A piece of the text.
struct jsontext {
    const char *at;
    size_t size;
};

// The value that begins there, without the white space around it.
struct jsontext jsontext_value(const char *at, const char *end);

bool jsontext_is_object(struct jsontext value);
bool jsontext_is_array(struct jsontext value);
bool jsontext_equal(struct jsontext a, struct jsontext b); // byte for byte

struct jsontext_walk {
    const char *at, *end;
    bool object;
    struct jsontext key; // with its quotes; empty in an array
    struct jsontext value;
};

// For an object or an array. Then jsontext_next gives its members or elements in order, until it is false.
void jsontext_walk(struct jsontext_walk *walk, struct jsontext container);
bool jsontext_next(struct jsontext_walk *walk);

// The member of that key (with its quotes) of an object. False: there is none.
bool jsontext_member(struct jsontext object, struct jsontext key, struct jsontext *value);

#endif
