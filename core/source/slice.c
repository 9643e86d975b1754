// SPDX-License-Identifier: MIT
// A JSON text as the pieces it is made of.
#include "slice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/map.h"
#include "rowcast/memory.h"
#include "rowcast/utf8.h"

#define LONGEST_DOUBLE 300 // digits that are below the largest double for certain
#define KEPT_SLICES 65536  // room for more is given back with the next text
#define FEW_KEYS 32        // are compared with each other

// Invariant: at <= end. After `wrong` is set nothing is read.
struct reader {
    struct slices *slices;
    const char *text, *at, *end;
    int depth;
};

void slices_init(struct slices *slices)
{
    *slices = (struct slices){0};
}

void slices_release(struct slices *slices)
{
    free(slices->items);
    slices_init(slices);
}

static bool refuse(struct reader *reader, const char *wrong)
{
    reader->slices->wrong = wrong;
    reader->slices->byte = (size_t)(reader->at - reader->text) + 1;
    return false;
}

// The index of a new one. Members of what is too deep have none.
static size_t add(struct reader *reader, enum slice_kind kind)
{
    struct slices *slices = reader->slices;
    if (reader->depth > SLICE_DEPTH)
        return SIZE_MAX;
    if (slices->count == slices->capacity) {
        slices->capacity = slices->capacity ? 2 * slices->capacity : 64;
        slices->items = memory_resize(slices->items, slices->capacity * sizeof *slices->items);
    }
    slices->items[slices->count] = (struct slice){.text = reader->at, .kind = (uint8_t)kind};
    return slices->count++;
}

static void close_slice(struct reader *reader, size_t index, const char *end)
{
    if (index == SIZE_MAX)
        return;
    struct slice *slice = &reader->slices->items[index];
    slice->size = (uint32_t)(end - slice->text);
    slice->behind = (uint32_t)(reader->slices->count - index);
}

// ---- tokens ----

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t' ||
                                        *reader->at == '\n' || *reader->at == '\r'))
        reader->at++;
}

static int peek(const struct reader *reader)
{
    return reader->at < reader->end ? (unsigned char)*reader->at : -1;
}

static bool take(struct reader *reader, char byte)
{
    skip_space(reader);
    if (peek(reader) != byte)
        return false;
    reader->at++;
    return true;
}

static bool read_word(struct reader *reader, const char *word, enum slice_kind kind)
{
    size_t size = strlen(word), index = add(reader, kind);
    if ((size_t)(reader->end - reader->at) < size || memcmp(reader->at, word, size) != 0)
        return refuse(reader, "a value is expected");
    reader->at += size;
    close_slice(reader, index, reader->at);
    return true;
}

// ---- numbers ----

static bool skip_digits(struct reader *reader)
{
    const char *from = reader->at;
    while (peek(reader) >= '0' && peek(reader) <= '9')
        reader->at++;
    return reader->at > from || refuse(reader, "a digit is expected");
}

static bool is_finite(const char *text, size_t size)
{
    char *copy = memory_copy(text, size);
    bool finite = isfinite(strtod(copy, NULL));
    free(copy);
    return finite;
}

static bool read_number(struct reader *reader)
{
    const char *from = reader->at;
    size_t index = add(reader, SLICE_INTEGER);
    bool real = false, exponent = false;
    if (peek(reader) == '-')
        reader->at++;
    if (peek(reader) == '0')
        reader->at++;
    else if (!skip_digits(reader))
        return false;
    if (peek(reader) == '.') {
        real = true;
        reader->at++;
        if (!skip_digits(reader))
            return false;
    }
    if (peek(reader) == 'e' || peek(reader) == 'E') {
        real = exponent = true;
        reader->at++;
        if (peek(reader) == '+' || peek(reader) == '-')
            reader->at++;
        if (!skip_digits(reader))
            return false;
    }
    size_t size = (size_t)(reader->at - from);
    if ((exponent || size > LONGEST_DOUBLE) && !is_finite(from, size))
        return refuse(reader, "the number before is too large");
    if (index != SIZE_MAX && real)
        reader->slices->items[index].kind = SLICE_REAL;
    close_slice(reader, index, reader->at);
    return true;
}

// ---- strings ----

static int hex4(const char *at, const char *end)
{
    int code = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char byte = at[i], lower = (char)(byte | 32);
        if (byte >= '0' && byte <= '9')
            code = code * 16 + byte - '0';
        else if (lower >= 'a' && lower <= 'f')
            code = code * 16 + lower - 'a' + 10;
        else
            return -1;
    }
    return code;
}

// The character that \uXXXX, or two of them, say at `at`, and how many bytes that takes; -1: none.
static int read_unicode(const char *at, const char *end, int *taken)
{
    int code = hex4(at + 2, end);
    *taken = 6;
    if (code < 0xd800 || code > 0xdfff)
        return code;
    int low =
        code < 0xdc00 && end - at >= 12 && at[6] == '\\' && at[7] == 'u' ? hex4(at + 8, end) : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return -1;
    *taken = 12;
    return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
}

static const char escape_names[] = "\"\\/bfnrt", escape_values[] = "\"\\/\b\f\n\r\t";

static bool skip_escape(struct reader *reader)
{
    int name = reader->end - reader->at > 1 ? reader->at[1] : 0, taken = 2;
    bool known = name && strchr(escape_names, name);
    if (name == 'u')
        known = read_unicode(reader->at, reader->end, &taken) >= 0;
    if (!known)
        return refuse(reader, "this escape says no character");
    reader->at += taken;
    return true;
}

// Behind the opening quote, up to behind the closing one.
static bool skip_string(struct reader *reader, bool *escaped)
{
    for (;;) {
        reader->at += utf8_plain(reader->at, (size_t)(reader->end - reader->at));
        int byte = peek(reader);
        size_t length;
        if (byte == '"') {
            reader->at++;
            return true;
        }
        if (byte == '\\') {
            *escaped = true;
            if (!skip_escape(reader))
                return false;
        } else if (byte < 0) {
            return refuse(reader, "a string has no end");
        } else if (byte < 0x20) {
            return refuse(reader, "a control character in a string is written \\n or \\u000a");
        } else if ((length = utf8_length(reader->at, (size_t)(reader->end - reader->at))) > 0) {
            reader->at += length;
        } else {
            return refuse(reader, "this is no UTF-8");
        }
    }
}

static bool read_string(struct reader *reader)
{
    bool escaped = false;
    reader->at++;
    size_t index = add(reader, SLICE_STRING);
    if (!skip_string(reader, &escaped))
        return false;
    if (index != SIZE_MAX)
        reader->slices->items[index].escaped = escaped;
    close_slice(reader, index, reader->at - 1);
    return true;
}

// ---- containers ----

static bool read_value(struct reader *reader);

static bool read_key(struct reader *reader)
{
    skip_space(reader);
    if (peek(reader) != '"')
        return refuse(reader, "a key in quotes is expected");
    return read_string(reader) && (take(reader, ':') || refuse(reader, "a colon is expected"));
}

static bool read_container(struct reader *reader, enum slice_kind kind, char closing)
{
    size_t index = add(reader, kind);
    bool good = true;
    reader->at++;
    if (++reader->depth > SLICE_MAX_DEPTH)
        return refuse(reader, "it is nested too deep");
    if (!take(reader, closing)) {
        do
            good = (kind == SLICE_ARRAY || read_key(reader)) && read_value(reader);
        while (good && take(reader, ','));
        if (good && !take(reader, closing))
            return refuse(reader, kind == SLICE_ARRAY ? "a comma or ] is expected"
                                                      : "a comma or } is expected");
    }
    reader->depth--;
    close_slice(reader, index, reader->at);
    return good;
}

static bool read_value(struct reader *reader)
{
    skip_space(reader);
    switch (peek(reader)) {
    case '"':
        return read_string(reader);
    case '{':
        return read_container(reader, SLICE_OBJECT, '}');
    case '[':
        return read_container(reader, SLICE_ARRAY, ']');
    case 't':
        return read_word(reader, "true", SLICE_TRUE);
    case 'f':
        return read_word(reader, "false", SLICE_FALSE);
    case 'n':
        return read_word(reader, "null", SLICE_NULL);
    case '-':
    case '0' ... '9':
        return read_number(reader);
    default:
        return refuse(reader, "a value is expected");
    }
}

int slices_read(struct slices *slices, const char *text, size_t size)
{
    struct reader reader = {slices, text, text, text + size, 0};
    slices->count = 0;
    if (slices->capacity > KEPT_SLICES)
        slices_release(slices);
    if (!read_value(&reader))
        return -1;
    skip_space(&reader);
    if (reader.at == reader.end)
        return 0;
    refuse(&reader, "something stands behind its end");
    return -1;
}

// ---- looking ----

bool slice_next(const struct slice *container, const struct slice **member)
{
    const struct slice *next = *member ? *member + (*member)->behind : container + 1;
    if (next == container + container->behind)
        return false;
    *member = next + (container->kind == SLICE_OBJECT);
    return true;
}

const struct slice *slice_key(const struct slice *member)
{
    return member - 1;
}

static bool is_key(const struct slice *key, const char *text, size_t size)
{
    if (!key->escaped)
        return key->size == size && memcmp(key->text, text, size) == 0;
    if (key->size < size || key->size > 6 * size)
        return false;
    char *plain = memory_copy(key->text, key->size);
    bool same = slice_unescape(key, plain) == size && memcmp(plain, text, size) == 0;
    free(plain);
    return same;
}

bool slice_is(const struct slice *string, const char *text)
{
    return is_key(string, text, strlen(text));
}

const struct slice *slice_member(const struct slice *object, const char *name)
{
    const struct slice *member = NULL;
    size_t size = strlen(name);
    while (slice_next(object, &member))
        if (is_key(slice_key(member), name, size))
            return member;
    return NULL;
}

bool slice_equal(const struct slice *left, const struct slice *right)
{
    if (!left->escaped && !right->escaped)
        return left->size == right->size && memcmp(left->text, right->text, left->size) == 0;
    char *plain = memory_copy(left->text, left->size);
    size_t size = slice_unescape(left, plain);
    char *other = memory_copy(right->text, right->size);
    bool same = slice_unescape(right, other) == size && memcmp(plain, other, size) == 0;
    free(plain);
    free(other);
    return same;
}

// Objects of many keys: what costs the square of their number must not come from outside.
static bool many_keys_unique(const struct slice *object)
{
    struct map seen;
    const struct slice *member = NULL;
    bool unique = true;
    map_init(&seen);
    while (unique && slice_next(object, &member)) {
        const struct slice *key = slice_key(member);
        char *plain = memory_copy(key->text, key->size);
        size_t size = slice_unescape(key, plain);
        unique = !map_get(&seen, plain, size);
        map_put(&seen, plain, size, 0);
        free(plain);
    }
    map_release(&seen);
    return unique;
}

bool slice_keys_unique(const struct slice *object)
{
    const struct slice *keys[FEW_KEYS], *member = NULL;
    size_t count = 0;
    while (slice_next(object, &member)) {
        if (count == FEW_KEYS)
            return many_keys_unique(object);
        const struct slice *key = slice_key(member);
        for (size_t i = 0; i < count; i++)
            if ((keys[i]->size == key->size || keys[i]->escaped || key->escaped) &&
                slice_equal(keys[i], key))
                return false;
        keys[count++] = key;
    }
    return true;
}

static char *put_utf8(char *to, int code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    static const unsigned char first[] = {0, 0xc0, 0xe0, 0xf0};
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    *to++ = (char)(first[more] | code >> 6 * more);
    while (more-- > 0)
        *to++ = (char)(0x80 | (code >> 6 * more & 63));
    return to;
}

size_t slice_unescape(const struct slice *string, char *to)
{
    const char *at = string->text, *end = at + string->size;
    char *from = to;
    if (!string->escaped) {
        memmove(to, at, string->size);
        return string->size;
    }
    while (at < end) {
        if (*at != '\\') {
            *to++ = *at++;
        } else if (at[1] == 'u') {
            int taken, code = read_unicode(at, end, &taken);
            to = put_utf8(to, code);
            at += taken;
        } else {
            *to++ = escape_values[strchr(escape_names, at[1]) - escape_names];
            at += 2;
        }
    }
    return (size_t)(to - from);
}
