// SPDX-License-Identifier: MIT
// "Did you mean ...?"
#ifndef ROWCAST_SUGGEST_H
#define ROWCAST_SUGGEST_H

#include <stddef.h>

// The candidate that the word is most likely a slip of (letters left out, put in, changed or
// swapped; case does not count), the first of equals; NULL if none is near. Candidates may be NULL
// if count is 0.
const char *suggest(const char *word, const char *const *candidates, size_t count);

#endif
