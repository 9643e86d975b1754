// SPDX-License-Identifier: MIT
// Positions in a write-ahead log.
#include "rowcast/lsn.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>

#define MAX_DIGITS 8
#define LONGEST_HEAD 40

// Moves `at` behind the character `behind`.
static bool parse_half(const char **at, char behind, uint64_t *number)
{
    const char *from = *at;
    for (*number = 0; isxdigit((unsigned char)**at) && *at - from < MAX_DIGITS; (*at)++)
        *number = *number << 4 |
                  (uint64_t)(isdigit((unsigned char)**at) ? **at - '0' : (**at | 32) - 'a' + 10);
    return *at > from && *(*at)++ == behind;
}

int lsn_parse(const char *text, uint64_t *lsn)
{
    uint64_t high, low;
    if (!parse_half(&text, '/', &high) || !parse_half(&text, '\0', &low))
        return -EINVAL;
    *lsn = high << 32 | low;
    return 0;
}

uint64_t lsn_before_page_head(uint64_t lsn, uint64_t page)
{
    return page > 0 && lsn % page <= LONGEST_HEAD ? lsn - lsn % page : lsn;
}
