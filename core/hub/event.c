// SPDX-License-Identifier: MIT
// An event's id: how it is written, read and ordered.
#include "rowcast/event.h"

#include <errno.h>

#define FNV_START 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u

static char *put_hex(char *at, int digits, uint64_t value, char behind)
{
    for (int i = digits - 1; i >= 0; i--, value >>= 4)
        at[i] = "0123456789abcdef"[value & 0xf];
    at[digits] = behind;
    return at + digits + 1;
}

void event_id_text(const struct event_id *id, char text[EVENT_ID_TEXT_SIZE])
{
    char *at = put_hex(text, 8, id->epoch, '-');

    at = put_hex(at, 8, id->timeline, '-');
    at = put_hex(at, 16, id->lsn, '-');
    at = put_hex(at, 8, id->xid, '-');
    at = put_hex(at, EVENT_ID_STAMP_BITS / 4, id->stamp, '-');
    at = put_hex(at, 8, id->change, '-');
    put_hex(at, 4, id->emit, '\0');
}

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    return -1;
}

// Reads as many digits, without what stands behind; false: something else is there.
static bool take_hex(const char *at, int digits, uint64_t *value)
{
    *value = 0;
    for (int i = 0; i < digits; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return false;
        *value = *value << 4 | (uint64_t)digit;
    }
    return true;
}

int event_id_parse(const char *text, size_t size, struct event_id *id)
{
    static const int digits[] = {8, 8, 16, 8, EVENT_ID_STAMP_BITS / 4, 8, 4};
    uint64_t values[7];

    if (size != EVENT_ID_TEXT_LENGTH)
        return -EINVAL;
    for (int i = 0; i < 7; i++) {
        if (i > 0 && *text++ != '-')
            return -EINVAL;
        if (!take_hex(text, digits[i], &values[i]))
            return -EINVAL;
        text += digits[i];
    }

    *id = (struct event_id){
        .epoch = (uint32_t)values[0],
        .timeline = (uint32_t)values[1],
        .lsn = values[2],
        .xid = (uint32_t)values[3],
        .stamp = (uint32_t)values[4],
        .change = (uint32_t)values[5],
        .emit = (uint16_t)values[6],
    };
    return 0;
}

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

int event_id_compare(const struct event_id *a, const struct event_id *b)
{
    if (a->timeline != b->timeline)
        return compare(a->timeline, b->timeline);
    if (a->lsn != b->lsn)
        return compare(a->lsn, b->lsn);
    if (a->change != b->change)
        return compare(a->change, b->change);
    return compare(a->emit, b->emit);
}

bool event_id_is_position(const struct event_id *id)
{
    return id->change == EVENT_ID_LAST_CHANGE && id->emit == EVENT_ID_LAST_EMIT;
}

uint32_t lineage_at(const struct lineage *lineage, uint64_t lsn)
{
    for (uint32_t i = 0; i < lineage->count; i++)
        if (lsn < lineage->ancestors[i].end)
            return lineage->ancestors[i].timeline;
    return lineage->timeline;
}

uint64_t event_type_hash(const char *name, size_t size)
{
    uint64_t hash = FNV_START;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)name[i]) * FNV_PRIME;
    return hash;
}
