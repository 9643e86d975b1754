// SPDX-License-Identifier: MIT
// UTF-8 as RFC 3629 has it.
#include "rowcast/utf8.h"

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

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

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

// The high bit of each byte that is 0, and perhaps of some behind such a one.
static uint64_t zero_bytes(uint64_t word)
{
    return (word - EACH_BYTE(1)) & ~word;
}

// How many of the 8 bytes come before the first one that is not plain.
static size_t plain_in_word(const char *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof word);
    word = le64toh(word);
    uint64_t below_space = (word - EACH_BYTE(0x20)) & ~word;
    uint64_t special = zero_bytes(word ^ EACH_BYTE('"')) | zero_bytes(word ^ EACH_BYTE('\\')) |
                       zero_bytes(word ^ EACH_BYTE(0x7f));
    uint64_t found = (word | below_space | special) & EACH_BYTE(0x80);
    return found ? (size_t)__builtin_ctzll(found) / 8 : sizeof word;
}

static bool plain_byte(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

size_t utf8_plain(const char *bytes, size_t size)
{
    size_t run = 0;

    while (size - run >= 8) {
        size_t plain = plain_in_word(bytes + run);
        run += plain;
        if (plain < 8)
            return run;
    }
    while (run < size && plain_byte((unsigned char)bytes[run]))
        run++;
    return run;
}
