// SPDX-License-Identifier: MIT
// Timestamps and array literals as PostgreSQL prints them.
#include "rowcast/value.h"

#include <string.h>
#include <strings.h>

// ---- timestamps ----

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

// "2025-11-09 12:00:00": digits where the pattern has a 0, else the same byte.
static bool matches(const char *text, const char *pattern)
{
    for (; *pattern; text++, pattern++)
        if (*pattern == '0' ? !is_digit(*text) : *text != *pattern)
            return false;
    return true;
}

// Reads ".5" into 6 digits. Returns the bytes read, 0 if there is no fraction, -1 if it is none.
static int read_fraction(const char *text, size_t size, char digits[6])
{
    memset(digits, '0', 6);
    if (size == 0 || text[0] != '.')
        return 0;
    size_t count = 0;
    while (count + 1 < size && is_digit(text[count + 1])) {
        if (count == 6)
            return -1;
        digits[count] = text[count + 1];
        count++;
    }
    return count > 0 ? (int)count + 1 : -1;
}

static bool is_zone_utc(const char *text, size_t size)
{
    return (size == 3 && memcmp(text, "+00", 3) == 0) ||
           (size == 6 && memcmp(text, "+00:00", 6) == 0);
}

size_t value_iso(const char *text, size_t size, bool zone, char iso[VALUE_ISO_SIZE])
{
    static const char pattern[] = "0000-00-00 00:00:00";
    const size_t seconds = sizeof pattern - 1;
    if (size < seconds || !matches(text, pattern))
        return 0;
    char digits[6];
    int fraction = read_fraction(text + seconds, size - seconds, digits);
    if (fraction < 0)
        return 0;
    const char *rest = text + seconds + fraction;
    size_t rest_size = size - seconds - (size_t)fraction;
    if (zone ? !is_zone_utc(rest, rest_size) : rest_size != 0)
        return 0;
    size_t shown = memcmp(digits + 3, "000", 3) == 0 ? 3 : 6;
    memcpy(iso, text, seconds);
    iso[10] = 'T';
    iso[seconds] = '.';
    memcpy(iso + seconds + 1, digits, shown);
    size_t length = seconds + 1 + shown;
    if (zone)
        iso[length++] = 'Z';
    iso[length] = '\0';
    return length;
}

// ---- array literals ----

#define ARRAY_MAX_DEPTH 6 // MAXDIM of the server

void array_reader_init(struct array_reader *reader, const char *text, size_t size, char *scratch)
{
    *reader = (struct array_reader){.at = text, .end = text + size, .scratch = scratch};
}

// depth -1 stands for "was bad", so that it stays bad.
static enum array_token bad(struct array_reader *reader)
{
    reader->depth = -1;
    return ARRAY_BAD;
}

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static void skip_space(struct array_reader *reader)
{
    while (reader->at < reader->end && is_space(*reader->at))
        reader->at++;
}

static bool at_byte(const struct array_reader *reader, char byte)
{
    return reader->at < reader->end && *reader->at == byte;
}

// "[2:4][-1:3]=": the bounds of dimensions that do not begin at 1.
static bool skip_bounds(struct array_reader *reader)
{
    if (!at_byte(reader, '['))
        return true;
    while (reader->at < reader->end && *reader->at != '=') {
        if (!is_digit(*reader->at) && !memchr("[]:+-", *reader->at, 5))
            return false;
        reader->at++;
    }
    if (!at_byte(reader, '='))
        return false;
    reader->at++;
    return true;
}

static enum array_token open_array(struct array_reader *reader)
{
    if (!at_byte(reader, '{') || reader->depth == ARRAY_MAX_DEPTH)
        return bad(reader);
    reader->at++;
    reader->depth++;
    reader->after_value = false;
    return ARRAY_OPEN;
}

static enum array_token close_array(struct array_reader *reader)
{
    reader->at++;
    reader->depth--;
    reader->after_value = true;
    return ARRAY_CLOSE;
}

// Takes the bytes from `from` to `to` without their escapes: as they are if there are none. What
// goes to the scratch memory is never longer than its literal, so all elements together fit.
static void take_element(struct array_reader *reader, const char *from, const char *to)
{
    reader->element = from;
    reader->element_size = (size_t)(to - from);
    if (!memchr(from, '\\', (size_t)(to - from)))
        return;
    reader->element = reader->scratch;
    while (from < to) {
        if (*from == '\\')
            from++;
        *reader->scratch++ = *from++;
    }
    reader->element_size = (size_t)(reader->scratch - reader->element);
}

// One byte, or an escape and what it protects.
static void skip_byte(struct array_reader *reader)
{
    bool escape = *reader->at == '\\' && reader->at + 1 < reader->end;
    reader->at += escape ? 2 : 1;
}

static enum array_token quoted_element(struct array_reader *reader)
{
    const char *from = ++reader->at;
    while (reader->at < reader->end && *reader->at != '"')
        skip_byte(reader);
    if (reader->at >= reader->end)
        return bad(reader);
    take_element(reader, from, reader->at);
    reader->at++;
    return ARRAY_ELEMENT;
}

static enum array_token plain_element(struct array_reader *reader)
{
    const char *from = reader->at;
    while (reader->at < reader->end && !memchr(",{}\"", *reader->at, 4))
        skip_byte(reader);
    if (reader->at >= reader->end || *reader->at == '{' || *reader->at == '"')
        return bad(reader);
    const char *to = reader->at;
    while (to > from && is_space(to[-1]))
        to--;
    if (to == from)
        return bad(reader);
    if (to - from == 4 && strncasecmp(from, "NULL", 4) == 0)
        return ARRAY_NULL;
    take_element(reader, from, to);
    return ARRAY_ELEMENT;
}

static enum array_token next_element(struct array_reader *reader)
{
    enum array_token token = at_byte(reader, '"') ? quoted_element(reader) : plain_element(reader);
    reader->after_value = true;
    return token;
}

static enum array_token first_token(struct array_reader *reader)
{
    reader->started = true;
    skip_space(reader);
    return skip_bounds(reader) ? open_array(reader) : bad(reader);
}

// A comma, if one must be here; true if a value must follow.
static bool skip_comma(struct array_reader *reader)
{
    if (!reader->after_value || !at_byte(reader, ','))
        return false;
    reader->at++;
    skip_space(reader);
    return true;
}

enum array_token array_reader_next(struct array_reader *reader)
{
    if (reader->depth < 0)
        return ARRAY_BAD;
    if (!reader->started)
        return first_token(reader);
    skip_space(reader);
    if (reader->depth == 0)
        return reader->at == reader->end ? ARRAY_END : bad(reader);
    bool value = skip_comma(reader);
    if (!value && at_byte(reader, '}'))
        return close_array(reader);
    if (!value && reader->after_value)
        return bad(reader);
    return at_byte(reader, '{') ? open_array(reader) : next_element(reader);
}
