// SPDX-License-Identifier: MIT
// Reading the texts that PostgreSQL prints: pure functions over bytes.
#ifndef ROWCAST_VALUE_H
#define ROWCAST_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "rowcast/change.h"

#define VALUE_ISO_SIZE 40

// Rewrites a timestamp of the ISO datestyle in UTC ("2025-11-09 12:00:00.5+00") as ISO 8601 with 3
// fraction digits (6 where needed), and Z if `zone`. Returns the length, or 0 for what ISO 8601 cannot
// say (infinity, BC, years beyond 9999): such values stay as they are.
size_t value_iso(const char *text, size_t size, bool zone, char iso[VALUE_ISO_SIZE]);

// Walks an array literal. Each step returns the next token, elements already unquoted into `scratch`,
// which must hold `size` bytes of the literal.
enum array_token { ARRAY_OPEN, ARRAY_CLOSE, ARRAY_ELEMENT, ARRAY_NULL, ARRAY_END, ARRAY_BAD };

struct array_reader {
    const char *at, *end;
    char *scratch;
    const char *element; // of ARRAY_ELEMENT: in the literal or in scratch
    size_t element_size;
    int depth;
    bool started, after_value;
};

void array_reader_init(struct array_reader *reader, const char *text, size_t size, char *scratch);
enum array_token array_reader_next(struct array_reader *reader);

#endif
