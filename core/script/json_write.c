// SPDX-License-Identifier: MIT
// Lua values to JSON text.
#include <float.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/json.h"
#include "rowcast/large.h"
#include "rowcast/row.h"
#include "rowcast/shapes.h"
#include "rowcast/utf8.h"

#define EXACT_INTEGER 9007199254740992.0 // 2^53
#define BYTES_OF_STEP 64                 // written at the price of an instruction
#define STEPS_OF_TABLE 20                // one may be in an event many times

void json_write_number(lua_State *lua, double number, struct buffer *out)
{
    if (!isfinite(number))
        luaL_error(lua, "a number that is %s cannot go into an event",
                   isnan(number) ? "NaN" : "infinite");
    char text[32];
    int size = 0;
    if (number == floor(number) && fabs(number) <= EXACT_INTEGER)
        size = snprintf(text, sizeof text, "%lld", (long long)number);
    int digits = fabs(number) < DBL_MIN ? 1 : 15; // subnormal numbers have fewer
    for (; size == 0 || (digits <= 17 && strtod(text, NULL) != number); digits++)
        size = snprintf(text, sizeof text, "%.*g", digits, number);
    buffer_append(out, text, (size_t)size);
}

void json_mark_array(lua_State *lua)
{
    lua_rawgeti(lua, LUA_REGISTRYINDEX, vm_of(lua)->array_metatable);
    lua_setmetatable(lua, -2);
}

static bool is_marked_array(lua_State *lua, int index)
{
    if (!lua_getmetatable(lua, index))
        return false;
    lua_rawgeti(lua, LUA_REGISTRYINDEX, vm_of(lua)->array_metatable);
    bool same = lua_rawequal(lua, -1, -2);
    lua_pop(lua, 2);
    return same;
}

// ---- keys in order ----

static int compare_keys(const void *left, const void *right)
{
    const struct json_key *a = left, *b = right;
    if (a->is_number != b->is_number)
        return a->is_number ? -1 : 1;
    if (a->is_number)
        return (a->number > b->number) - (a->number < b->number);
    size_t size = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->text, b->text, size);
    return order ? order : (a->size > b->size) - (a->size < b->size);
}

static size_t count_keys(lua_State *lua, int index)
{
    size_t count = 0;
    lua_pushnil(lua);
    while (lua_next(lua, index)) {
        count++;
        lua_pop(lua, 1);
    }
    return count;
}

// [.., key, value]
static struct json_key read_key(lua_State *lua)
{
    struct json_key key = {.is_number = lua_type(lua, -2) == LUA_TNUMBER};
    if (key.is_number)
        key.number = lua_tonumber(lua, -2);
    else if (lua_type(lua, -2) == LUA_TSTRING)
        key.text = lua_tolstring(lua, -2, &key.size);
    else
        luaL_error(lua, "a table key that is a %s has no order", luaL_typename(lua, -2));
    return key;
}

struct json_key *json_keys(lua_State *lua, int index, size_t *count)
{
    *count = count_keys(lua, index);
    vm_charge(lua, *count);
    struct json_key *keys = lua_newuserdata(lua, (*count + 1) * sizeof *keys); // [keys]
    size_t i = 0;
    lua_pushnil(lua);
    while (lua_next(lua, index)) { // [keys, key, value]
        keys[i++] = read_key(lua);
        lua_pop(lua, 1);
    }
    qsort(keys, *count, sizeof *keys, compare_keys);
    return keys;
}

// ---- members ----

// Puts the newest of the keys where it belongs.
static void sort_in(struct json_key *keys, size_t newest)
{
    struct json_key key = keys[newest];
    for (; newest > 0 && compare_keys(&keys[newest - 1], &key) > 0; newest--)
        keys[newest] = keys[newest - 1];
    keys[newest] = key;
}

// [..] -> [.., keys and values by turns]; false, and nothing, if they are too many.
static bool take_few(lua_State *lua, struct json_members *members, const void **walk)
{
    lua_pushnil(lua);
    while (lua_next(lua, members->table)) { // [.., key, value]
        if (members->count == JSON_FEW_MEMBERS) {
            lua_settop(lua, members->bottom);
            return false;
        }
        walk[members->count++] = lua_type(lua, -2) == LUA_TSTRING ? lua_tostring(lua, -2) : NULL;
        lua_pushvalue(lua, -2); // [.., key, value, key]
    }
    return true;
}

// In the order of the walk, then sorted.
static void sort_few(lua_State *lua, struct json_members *members)
{
    for (size_t i = 0; i < members->count; i++) {
        int place = 2 * (int)i + 2;
        lua_pushvalue(lua, members->bottom + place - 1);
        lua_pushnil(lua); // [.., key, nil]
        struct json_key key = read_key(lua);
        key.place = place;
        key.plain = !key.is_number && utf8_plain(key.text, key.size) == key.size;
        lua_pop(lua, 2);
        members->few[i] = key;
        sort_in(members->few, i);
    }
}

void json_members_open(lua_State *lua, int index, struct json_members *members)
{
    const void *walk[JSON_FEW_MEMBERS];
    luaL_checkstack(lua, 2 * JSON_FEW_MEMBERS + 8, "tables nested too deep");
    members->table = index;
    members->bottom = lua_gettop(lua);
    members->count = 0;
    members->keys = members->few;
    if (!take_few(lua, members, walk)) {
        members->keys = json_keys(lua, index, &members->count);
    } else {
        struct shapes *shapes = vm_of(lua)->shapes;
        vm_charge(lua, members->count);
        if (!shapes_find(shapes, walk, members->count, members->few)) {
            sort_few(lua, members);
            shapes_note(lua, shapes, walk, members->few, members->count);
        }
    }
    members->top = lua_gettop(lua);
}

void json_members_close(lua_State *lua, struct json_members *members)
{
    lua_settop(lua, members->bottom);
}

int json_member(lua_State *lua, struct json_members *members, size_t i)
{
    const struct json_key *key = &members->keys[i];
    lua_settop(lua, members->top);
    if (members->keys == members->few)
        return members->bottom + key->place;
    if (key->is_number)
        lua_pushnumber(lua, key->number);
    else
        lua_pushlstring(lua, key->text, key->size);
    lua_rawget(lua, members->table);
    return lua_gettop(lua);
}

// ---- values ----

void json_write_key(lua_State *lua, const struct json_key *key, struct buffer *out)
{
    if (key->is_number) {
        buffer_append_byte(out, '"');
        json_write_number(lua, key->number, out);
        buffer_append_byte(out, '"');
    } else if (key->plain) {
        buffer_append_quoted(out, key->text, key->size);
    } else {
        buffer_append_json_string(out, key->text, key->size);
    }
    buffer_append_byte(out, ':');
}

static void write_value(lua_State *lua, int index, struct buffer *out, int depth);

static void write_object(lua_State *lua, int index, struct buffer *out, int depth)
{
    struct json_members members;
    json_members_open(lua, index, &members);
    buffer_append_byte(out, '{');
    for (size_t i = 0; i < members.count; i++) {
        if (i > 0)
            buffer_append_byte(out, ',');
        json_write_key(lua, &members.keys[i], out);
        write_value(lua, json_member(lua, &members, i), out, depth);
    }
    buffer_append_byte(out, '}');
    json_members_close(lua, &members);
}

static void write_array(lua_State *lua, int index, size_t count, struct buffer *out, int depth)
{
    vm_charge(lua, count);
    buffer_append_byte(out, '[');
    for (size_t i = 1; i <= count; i++) {
        if (i > 1)
            buffer_append_byte(out, ',');
        lua_rawgeti(lua, index, (int)i); // [value]
        write_value(lua, lua_gettop(lua), out, depth);
        lua_pop(lua, 1);
    }
    buffer_append_byte(out, ']');
}

static void write_table(lua_State *lua, int index, struct buffer *out, int depth)
{
    if (depth > JSON_MAX_DEPTH)
        luaL_error(lua, "tables nested deeper than %d cannot go into an event", JSON_MAX_DEPTH);
    luaL_checkstack(lua, 8, "tables nested too deep");
    vm_charge(lua, STEPS_OF_TABLE);
    int top = lua_gettop(lua);
    index = vm_behind_lock(lua, index); // of a module
    size_t length = lua_objlen(lua, index);
    if (is_marked_array(lua, index) || (length > 0 && count_keys(lua, index) == length))
        write_array(lua, index, length, out, depth + 1);
    else
        write_object(lua, index, out, depth + 1);
    lua_settop(lua, top);
}

static void write_userdata(lua_State *lua, int index, struct buffer *out)
{
    if (row_is(lua, index))
        row_write_json(lua, index, out);
    else if (large_is(lua, index))
        large_write_json(lua, index, out);
    else
        luaL_error(lua, "only tables, rows and plain values can go into an event");
}

static void write_value(lua_State *lua, int index, struct buffer *out, int depth)
{
    size_t size, before = out->wanted;
    const char *text;
    int type = lua_type(lua, index);
    switch (type) {
    case LUA_TSTRING:
        text = lua_tolstring(lua, index, &size);
        buffer_append_json_string(out, text, size);
        break;
    case LUA_TNUMBER:
        json_write_number(lua, lua_tonumber(lua, index), out);
        break;
    case LUA_TBOOLEAN:
        buffer_append_text(out, lua_toboolean(lua, index) ? "true" : "false");
        break;
    case LUA_TTABLE:
        write_table(lua, index, out, depth);
        break;
    case LUA_TUSERDATA:
        write_userdata(lua, index, out);
        break;
    case LUA_TNIL: // the element of an array with holes
    case LUA_TLIGHTUSERDATA:
        buffer_append_text(out, "null");
        break;
    default:
        luaL_error(lua, "a %s cannot go into an event", luaL_typename(lua, index));
    }
    if (type != LUA_TTABLE) // of whose size its members have told
        vm_charge(lua, (out->wanted - before) / BYTES_OF_STEP);
}

void json_write(lua_State *lua, int index, struct buffer *out)
{
    write_value(lua, index < 0 ? lua_gettop(lua) + index + 1 : index, out, 0);
}
