// SPDX-License-Identifier: MIT
// JSON text to Lua values (RFC 8259), for json columns that a script reads.
#include <float.h>
#include <lauxlib.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/json.h"
#include "rowcast/vm.h"

struct reader {
    lua_State *lua;
    const char *start, *at, *end;
    int depth;
};

static void read_value(struct reader *reader);

static int bad(struct reader *reader)
{
    return luaL_error(reader->lua, "not JSON at byte %d", (int)(reader->at - reader->start) + 1);
}

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) && *reader->at)
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

static void read_word(struct reader *reader, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(reader->end - reader->at) < size || memcmp(reader->at, word, size) != 0)
        bad(reader);
    reader->at += size;
}

// ---- strings ----

static int hex4(struct reader *reader)
{
    int code = 0;
    for (int i = 0; i < 4; i++, reader->at++) {
        int digit = peek(reader);
        if (digit >= '0' && digit <= '9')
            code = code * 16 + digit - '0';
        else if ((digit | 32) >= 'a' && (digit | 32) <= 'f')
            code = code * 16 + (digit | 32) - 'a' + 10;
        else
            bad(reader);
    }
    return code;
}

static void add_utf8(luaL_Buffer *text, unsigned code)
{
    char bytes[4];
    size_t size = 0;
    if (code < 0x80) {
        bytes[size++] = (char)code;
    } else if (code < 0x800) {
        bytes[size++] = (char)(0xc0 | code >> 6);
        bytes[size++] = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
        bytes[size++] = (char)(0xe0 | code >> 12);
        bytes[size++] = (char)(0x80 | (code >> 6 & 63));
        bytes[size++] = (char)(0x80 | (code & 63));
    } else {
        bytes[size++] = (char)(0xf0 | code >> 18);
        bytes[size++] = (char)(0x80 | (code >> 12 & 63));
        bytes[size++] = (char)(0x80 | (code >> 6 & 63));
        bytes[size++] = (char)(0x80 | (code & 63));
    }
    luaL_addlstring(text, bytes, size);
}

// Behind "\u". A surrogate without its other half becomes U+FFFD.
static void read_unicode(struct reader *reader, luaL_Buffer *text)
{
    unsigned code = (unsigned)hex4(reader);
    if (code >= 0xd800 && code <= 0xdbff && reader->end - reader->at >= 6 &&
        reader->at[0] == '\\' && reader->at[1] == 'u') {
        const char *back = reader->at;
        reader->at += 2;
        unsigned low = (unsigned)hex4(reader);
        if (low >= 0xdc00 && low <= 0xdfff)
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        else
            reader->at = back;
    }
    add_utf8(text, code >= 0xd800 && code <= 0xdfff ? 0xfffd : code);
}

static void read_escape(struct reader *reader, luaL_Buffer *text)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    int name = peek(reader);
    reader->at++;
    const char *found = name > 0 ? strchr(names, name) : NULL;
    if (found)
        luaL_addchar(text, values[found - names]);
    else if (name == 'u')
        read_unicode(reader, text);
    else
        bad(reader);
}

static void read_string(struct reader *reader)
{
    luaL_Buffer text;
    luaL_buffinit(reader->lua, &text);
    reader->at++;
    for (;;) {
        const char *plain = reader->at;
        while (reader->at < reader->end && *reader->at != '"' && *reader->at != '\\')
            reader->at++;
        luaL_addlstring(&text, plain, (size_t)(reader->at - plain));
        if (reader->at == reader->end)
            bad(reader);
        if (*reader->at++ == '"')
            break;
        read_escape(reader, &text);
    }
    luaL_pushresult(&text);
}

// ---- numbers ----

#define EXACT_INTEGER 9007199254740992.0 // 2^53

// A double keeps 15 significant digits of any number in its range.
static bool double_holds(const char *text, const char *end, double value)
{
    if (!isfinite(value))
        return false;
    int digits = 0, zeros = 0;
    uint64_t first = 0; // the first 16 digits
    for (; text < end && *text != 'e' && *text != 'E'; text++) {
        if (*text < '0' || *text > '9')
            continue;
        if (*text == '0') {
            zeros += digits > 0;
            continue;
        }
        for (; zeros > 0 && digits < 16; zeros--, digits++)
            first *= 10;
        if (digits < 16)
            first = first * 10 + (uint64_t)(*text - '0');
        digits += zeros + 1;
        zeros = 0;
    }
    if (digits == 0)
        return true;
    if (digits > 15)
        return digits == 16 && value == floor(value) &&
               (fabs(value) < EXACT_INTEGER ||
                (fabs(value) == EXACT_INTEGER && first == (uint64_t)EXACT_INTEGER));
    return fabs(value) >= DBL_MIN;
}

static void read_number(struct reader *reader)
{
    const char *text = reader->at;
    while (reader->at < reader->end && *reader->at && strchr("+-.0123456789eE", *reader->at))
        reader->at++;
    size_t size = (size_t)(reader->at - text);
    if (size == 0)
        bad(reader);
    lua_pushlstring(reader->lua, text, size); // a NUL for strtod
    char *end;
    double value = strtod(lua_tostring(reader->lua, -1), &end);
    if (*end != '\0')
        bad(reader);
    if (!double_holds(text, reader->at, value))
        return;
    lua_pop(reader->lua, 1);
    lua_pushnumber(reader->lua, value);
}

// ---- arrays and objects ----

static void enter(struct reader *reader)
{
    if (++reader->depth > JSON_MAX_DEPTH)
        luaL_error(reader->lua, "JSON nested deeper than %d", JSON_MAX_DEPTH);
    luaL_checkstack(reader->lua, 4, "JSON nested too deep");
    reader->at++;
}

static void read_array(struct reader *reader)
{
    enter(reader);
    lua_newtable(reader->lua);
    json_mark_array(reader->lua);
    int count = 0;
    if (!take(reader, ']')) {
        do {
            read_value(reader);
            lua_rawseti(reader->lua, -2, ++count);
        } while (take(reader, ','));
        if (!take(reader, ']'))
            bad(reader);
    }
    reader->depth--;
}

static void read_member(struct reader *reader)
{
    skip_space(reader);
    if (peek(reader) != '"')
        bad(reader);
    read_string(reader);
    if (!take(reader, ':'))
        bad(reader);
    read_value(reader);
    lua_rawset(reader->lua, -3);
}

static void read_object(struct reader *reader)
{
    enter(reader);
    lua_newtable(reader->lua);
    if (!take(reader, '}')) {
        do
            read_member(reader);
        while (take(reader, ','));
        if (!take(reader, '}'))
            bad(reader);
    }
    reader->depth--;
}

static void read_value(struct reader *reader)
{
    skip_space(reader);
    switch (peek(reader)) {
    case '{':
        read_object(reader);
        return;
    case '[':
        read_array(reader);
        return;
    case '"':
        read_string(reader);
        return;
    case 't':
        read_word(reader, "true");
        lua_pushboolean(reader->lua, 1);
        return;
    case 'f':
        read_word(reader, "false");
        lua_pushboolean(reader->lua, 0);
        return;
    case 'n':
        read_word(reader, "null");
        lua_pushlightuserdata(reader->lua, NULL);
        return;
    default:
        read_number(reader);
    }
}

void json_read(lua_State *lua, const char *text, size_t size)
{
    struct reader reader = {lua, text, text, text + size, 0};
    vm_charge(lua, size / 16);
    luaL_checkstack(lua, 4, "JSON nested too deep");
    read_value(&reader);
    skip_space(&reader);
    if (reader.at != reader.end)
        bad(&reader);
}
