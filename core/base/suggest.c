// SPDX-License-Identifier: MIT
// "Did you mean ...?"
#include "rowcast/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define WORD_MAX 64 // longer ones are no slips of a key, flag or table

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int lower(char letter)
{
    return tolower((unsigned char)letter);
}

static bool swapped(const char *a, size_t i, const char *b, size_t j)
{
    return i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
           lower(a[i - 2]) == lower(b[j - 1]);
}

// Damerau-Levenshtein distance (optimal string alignment) of two words up to WORD_MAX.
static size_t distance(const char *a, const char *b)
{
    size_t a_size = strlen(a), b_size = strlen(b);
    size_t rows[3][WORD_MAX + 1]; // row i of the table stands in rows[i % 3]

    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1,
                           above[j - 1] + (lower(a[i - 1]) != lower(b[j - 1])));
            if (swapped(a, i, b, j))
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

// One slip for every three letters, one at least; never all letters.
static size_t tolerance(size_t word_size, size_t candidate_size)
{
    size_t longer = word_size > candidate_size ? word_size : candidate_size;
    size_t slips = longer / 3 > 1 ? longer / 3 : 1;

    return least(slips, least(word_size, candidate_size) - 1);
}

const char *suggest(const char *word, const char *const *candidates, size_t count)
{
    const char *nearest = NULL;
    size_t nearest_distance = WORD_MAX, word_size = strlen(word);

    if (word_size == 0 || word_size > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(candidates[i]);
        if (size == 0 || size > WORD_MAX)
            continue;
        size_t slips = distance(word, candidates[i]);
        if (slips <= tolerance(word_size, size) && slips < nearest_distance) {
            nearest = candidates[i];
            nearest_distance = slips;
        }
    }
    return nearest;
}
