// SPDX-License-Identifier: MIT
// UTF-8 as RFC 3629 has it.
#include "rowcast/utf8.h"

#include <stdbool.h>

static bool continues(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

// RFC 3629 section 4: after some first bytes the second one has a narrower range.
static bool second_fits(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return continues(second);
    }
}

static size_t length_by_first(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if (first >= 0xe0 && first <= 0xef)
        return 3;
    if (first >= 0xf0 && first <= 0xf4)
        return 4;
    return 0;
}

size_t utf8_length(const char *text, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t length = size > 0 ? length_by_first(bytes[0]) : 0;

    if (length <= 1)
        return length;
    if (length > size || !second_fits(bytes[0], bytes[1]))
        return 0;
    for (size_t i = 2; i < length; i++)
        if (!continues(bytes[i]))
            return 0;
    return length;
}

size_t utf8_cut(const char *bytes, size_t size, size_t limit)
{
    if (size <= limit)
        return size;

    // A character is at most 4 bytes, so its first one is at most 3 before the cut.
    for (size_t back = 0; back < 4 && back <= limit; back++)
        if (!continues((unsigned char)bytes[limit - back]))
            return limit - back;
    return limit; // not UTF-8 anyway
}
