// SPDX-License-Identifier: MIT
// JSON as Lua source.
#include "rowcast/lualiteral.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// ---- strings ----

// `next`: what follows, for a digit behind \7 would be taken for a part of it.
static void append_byte(struct buffer *out, unsigned char byte, char next)
{
    if (byte == '"' || byte == '\\')
        buffer_append_format(out, "\\%c", byte);
    else if (byte == '\n')
        buffer_append_text(out, "\\n");
    else if (byte >= ' ' && byte != 127)
        buffer_append_byte(out, (char)byte);
    else
        buffer_append_format(out, next >= '0' && next <= '9' ? "\\%03d" : "\\%d", byte);
}

void lualiteral_append_string(struct buffer *out, const char *bytes, size_t size)
{
    buffer_append_byte(out, '"');
    for (size_t i = 0; i < size; i++)
        append_byte(out, (unsigned char)bytes[i], i + 1 < size ? bytes[i + 1] : 0);
    buffer_append_byte(out, '"');
}

static bool is_name(const char *bytes, size_t size)
{
    static const char *const keywords[] = {
        "and",      "break", "do",   "else",  "elseif", "end", "false", "for",
        "function", "if",    "in",   "local", "nil",    "not", "or",    "repeat",
        "return",   "then",  "true", "until", "while",  "goto"};
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (strlen(keywords[i]) == size && memcmp(keywords[i], bytes, size) == 0)
            return false;
    for (size_t i = 0; i < size; i++) {
        bool letter = (bytes[i] | 32) >= 'a' && (bytes[i] | 32) <= 'z';
        bool digit = bytes[i] >= '0' && bytes[i] <= '9';
        if (!letter && bytes[i] != '_' && !(digit && i > 0))
            return false;
    }
    return size > 0;
}

void lualiteral_append_key(struct buffer *out, const char *bytes, size_t size)
{
    if (is_name(bytes, size)) {
        buffer_append(out, bytes, size);
        return;
    }
    buffer_append_byte(out, '[');
    lualiteral_append_string(out, bytes, size);
    buffer_append_byte(out, ']');
}

// ---- what stands in JSON's strings ----

static uint32_t read_hex(const char *at)
{
    char digits[5] = {at[0], at[1], at[2], at[3], 0};
    return (uint32_t)strtoul(digits, NULL, 16);
}

static void append_character(struct buffer *out, uint32_t code)
{
    if (code < 0x80) {
        buffer_append_byte(out, (char)code);
    } else if (code < 0x800) {
        buffer_append_byte(out, (char)(0xc0 | code >> 6));
        buffer_append_byte(out, (char)(0x80 | (code & 63)));
    } else if (code < 0x10000) {
        buffer_append_byte(out, (char)(0xe0 | code >> 12));
        buffer_append_byte(out, (char)(0x80 | (code >> 6 & 63)));
        buffer_append_byte(out, (char)(0x80 | (code & 63)));
    } else {
        buffer_append_byte(out, (char)(0xf0 | code >> 18));
        buffer_append_byte(out, (char)(0x80 | (code >> 12 & 63)));
        buffer_append_byte(out, (char)(0x80 | (code >> 6 & 63)));
        buffer_append_byte(out, (char)(0x80 | (code & 63)));
    }
}

// `at` is behind \u; returns how many bytes it took.
static size_t append_unicode(struct buffer *out, const char *at, size_t left)
{
    uint32_t code = left >= 4 ? read_hex(at) : 0xfffd;
    bool pair = code >= 0xd800 && code < 0xdc00 && left >= 10 && at[4] == '\\' && at[5] == 'u';
    if (pair)
        code = 0x10000 + ((code & 0x3ff) << 10) + (read_hex(at + 6) & 0x3ff);
    append_character(out, code);
    return pair ? 10 : 4;
}

// Without its quotes and escapes.
static void unescape(struct buffer *out, struct jsontext string)
{
    static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
    for (size_t i = 1; i + 1 < string.size; i++) {
        if (string.at[i] != '\\') {
            buffer_append_byte(out, string.at[i]);
            continue;
        }
        char letter = string.at[++i];
        const char *found = strchr(letters, letter);
        if (letter == 'u')
            i += append_unicode(out, string.at + i + 1, string.size - i - 2);
        else
            buffer_append_byte(out, found ? meanings[found - letters] : letter);
    }
}

static void append_unescaped(struct buffer *out, struct jsontext string,
                             void (*append)(struct buffer *out, const char *bytes, size_t size))
{
    struct buffer bytes;
    buffer_init(&bytes, string.size + 1);
    unescape(&bytes, string);
    append(out, bytes.size ? bytes.bytes : "", bytes.size);
    buffer_release(&bytes);
}

// ---- values ----

static void append_container(struct buffer *out, struct jsontext value, int level)
{
    struct jsontext_walk walk;
    bool empty = true;
    jsontext_walk(&walk, value);
    while (jsontext_next(&walk)) {
        buffer_append_format(out, "%s\n%*s", empty ? "{" : "", 2 * (level + 1), "");
        empty = false;
        if (walk.object) {
            append_unescaped(out, walk.key, lualiteral_append_key);
            buffer_append_text(out, " = ");
        }
        lualiteral_append_json(out, walk.value, level + 1);
        buffer_append_byte(out, ',');
    }
    if (empty)
        buffer_append_text(out, walk.object ? "{}" : "rowcast.array {}");
    else
        buffer_append_format(out, "\n%*s}", 2 * level, "");
}

void lualiteral_append_json(struct buffer *out, struct jsontext value, int level)
{
    if (jsontext_is_object(value) || jsontext_is_array(value))
        append_container(out, value, level);
    else if (value.size > 0 && *value.at == '"')
        append_unescaped(out, value, lualiteral_append_string);
    else if (value.size > 0 && *value.at == 'n')
        buffer_append_text(out, "rowcast.null");
    else
        buffer_append(out, value.at, value.size);
}
