// SPDX-License-Identifier: MIT
// Rows as scripts see them: userdata over the bytes of the transaction, converted when read.
#include "rowcast/row.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/json.h"
#include "rowcast/large.h"
#include "rowcast/memory.h"
#include "rowcast/script.h"
#include "rowcast/utf8.h"
#include "rowcast/value.h"

// With `extended`, the environment of the userdata is the table of added fields (rowcast.extend).
struct lua_row {
    const struct row *row;
    uint32_t generation;
    bool extended;
};

static const struct lua_row *row_at(lua_State *lua, int index)
{
    const struct lua_row *row = lua_touserdata(lua, index);
    if (row->generation != vm_of(lua)->generation)
        luaL_error(lua, "a row was used after the call it was given to");
    return row;
}

static const struct row *row_of(lua_State *lua, int index)
{
    return row_at(lua, index)->row;
}

static bool has_metatable(lua_State *lua, int index, int metatable)
{
    if (lua_type(lua, index) != LUA_TUSERDATA || !lua_getmetatable(lua, index))
        return false;
    lua_rawgeti(lua, LUA_REGISTRYINDEX, metatable);
    bool same = lua_rawequal(lua, -1, -2);
    lua_pop(lua, 2);
    return same;
}

bool row_is(lua_State *lua, int index)
{
    return has_metatable(lua, index, vm_of(lua)->row_metatable);
}

void row_push(lua_State *lua, const struct row *row)
{
    if (!row) {
        lua_pushnil(lua);
        return;
    }
    struct vm *vm = vm_of(lua);
    struct lua_row *userdata = lua_newuserdata(lua, sizeof *userdata);
    *userdata = (struct lua_row){.row = row, .generation = vm->generation};
    lua_rawgeti(lua, LUA_REGISTRYINDEX, vm->row_metatable);
    lua_setmetatable(lua, -2);
}

// ---- values: text to Lua ----

static void push_scalar(lua_State *lua, enum column_type type, const char *text, size_t size)
{
    char iso[VALUE_ISO_SIZE];
    size_t iso_size;
    char *end;
    double number;
    switch (type) {
    case COLUMN_INTEGER:
    case COLUMN_FLOAT:
        lua_pushlstring(lua, text, size); // a NUL for strtod
        number = strtod(lua_tostring(lua, -1), &end);
        if (*end != '\0' || size == 0 || !(number - number == 0))
            return; // NaN, Infinity, -Infinity: stays text
        lua_pop(lua, 1);
        lua_pushnumber(lua, number);
        return;
    case COLUMN_BOOLEAN:
        lua_pushboolean(lua, size > 0 && text[0] == 't');
        return;
    case COLUMN_JSON:
        json_read(lua, text, size);
        return;
    case COLUMN_TIMESTAMP:
    case COLUMN_TIMESTAMPTZ:
        iso_size = value_iso(text, size, type == COLUMN_TIMESTAMPTZ, iso);
        lua_pushlstring(lua, iso_size ? iso : text, iso_size ? iso_size : size);
        return;
    case COLUMN_TEXT:
        break;
    }
    lua_pushlstring(lua, text, size);
}

// Pushes the list that an array literal says, or the literal itself where it is none.
static void push_array(lua_State *lua, enum column_type type, const char *text, size_t size)
{
    struct array_reader reader;
    array_reader_init(&reader, text, size, lua_newuserdata(lua, size + 1)); // [scratch]
    int top = lua_gettop(lua);
    int counts[16], depth = 0;
    for (;;) {
        enum array_token token = array_reader_next(&reader);
        if (token == ARRAY_BAD || (token == ARRAY_OPEN && depth == 16)) {
            lua_settop(lua, top - 1);
            lua_pushlstring(lua, text, size);
            return;
        }
        if (token == ARRAY_END)
            break;
        if (token == ARRAY_OPEN) {
            counts[depth++] = 0;
            luaL_checkstack(lua, 4, "array nested too deep");
            lua_newtable(lua);
            json_mark_array(lua);
            continue;
        }
        if (token == ARRAY_CLOSE) {
            if (--depth == 0)
                continue;
        } else if (token == ARRAY_NULL) {
            lua_pushlightuserdata(lua, NULL);
        } else {
            push_scalar(lua, type, reader.element, reader.element_size);
        }
        lua_rawseti(lua, -2, ++counts[depth - 1]);
    }
    lua_remove(lua, top); // [list]
}

static void push_value(lua_State *lua, const struct column *column, const struct value *value)
{
    if (value->state != VALUE_TEXT) {
        lua_pushnil(lua);
        return;
    }
    if (large_beyond(lua, value)) {
        large_push(lua, column, value);
        return;
    }
    vm_charge_bytes(lua, value->size);
    if (column->array)
        push_array(lua, column->type, value->text, value->size);
    else
        push_scalar(lua, column->type, value->text, value->size);
}

// ---- values: text to JSON, without the way through Lua where the bytes allow it ----

static void write_float(lua_State *lua, const char *text, size_t size, struct buffer *out)
{
    char copy[64], *end;
    size_t length = size < sizeof copy - 1 ? size : sizeof copy - 1;
    memcpy(copy, text, length);
    copy[length] = '\0';
    double number = strtod(copy, &end);
    if (*end == '\0' && length == size && number - number == 0)
        json_write_number(lua, number, out);
    else
        buffer_append_json_string(out, text, size);
}

// As it is, but for bytes that are no UTF-8, which a server without an encoding (SQL_ASCII) lets pass.
static void write_json_text(const char *text, size_t size, struct buffer *out)
{
    size_t from = 0, at = 0;
    while (at < size) {
        size_t length = (unsigned char)text[at] < 0x80 ? 1 : utf8_length(text + at, size - at);
        if (length == 0) {
            buffer_append(out, text + from, at - from);
            buffer_append_text(out, "\xef\xbf\xbd"); // U+FFFD
            from = at + 1;
            length = 1;
        }
        at += length;
    }
    buffer_append(out, text + from, size - from);
}

static void write_scalar(lua_State *lua, enum column_type type, const char *text, size_t size,
                         struct buffer *out)
{
    char iso[VALUE_ISO_SIZE];
    size_t iso_size;
    switch (type) {
    case COLUMN_INTEGER:
        buffer_append(out, text, size);
        return;
    case COLUMN_JSON:
        write_json_text(text, size, out);
        return;
    case COLUMN_FLOAT:
        write_float(lua, text, size, out);
        return;
    case COLUMN_BOOLEAN:
        buffer_append_text(out, size > 0 && text[0] == 't' ? "true" : "false");
        return;
    case COLUMN_TIMESTAMP:
    case COLUMN_TIMESTAMPTZ:
        iso_size = value_iso(text, size, type == COLUMN_TIMESTAMPTZ, iso);
        buffer_append_json_string(out, iso_size ? iso : text, iso_size ? iso_size : size);
        return;
    case COLUMN_TEXT:
        buffer_append_json_string(out, text, size);
    }
}

static bool is_array(const char *text, size_t size, char *scratch)
{
    struct array_reader reader;
    enum array_token token;
    array_reader_init(&reader, text, size, scratch);
    do
        token = array_reader_next(&reader);
    while (token != ARRAY_END && token != ARRAY_BAD);
    return token == ARRAY_END;
}

// The list that an array literal says, or the literal itself where it is none.
static void write_array(lua_State *lua, enum column_type type, const char *text, size_t size,
                        struct buffer *out)
{
    char *scratch = lua_newuserdata(lua, size + 1); // [scratch]
    if (!is_array(text, size, scratch)) {
        buffer_append_json_string(out, text, size);
        lua_pop(lua, 1);
        return;
    }
    struct array_reader reader;
    array_reader_init(&reader, text, size, scratch);
    enum array_token token, last = ARRAY_OPEN;
    while ((token = array_reader_next(&reader)) != ARRAY_END) {
        if (token != ARRAY_CLOSE && last != ARRAY_OPEN)
            buffer_append_byte(out, ',');
        if (token == ARRAY_OPEN)
            buffer_append_byte(out, '[');
        else if (token == ARRAY_CLOSE)
            buffer_append_byte(out, ']');
        else if (token == ARRAY_NULL)
            buffer_append_text(out, "null");
        else
            write_scalar(lua, type, reader.element, reader.element_size, out);
        last = token;
    }
    lua_pop(lua, 1);
}

void row_write_value(lua_State *lua, const struct column *column, const struct value *value,
                     struct buffer *out)
{
    if (value->state != VALUE_TEXT)
        buffer_append_text(out, "null");
    else if (column->array)
        write_array(lua, column->type, value->text, value->size, out);
    else
        write_scalar(lua, column->type, value->text, value->size, out);
}

static bool is_known(const struct value *value)
{
    return value->state == VALUE_TEXT || value->state == VALUE_NULL;
}

// ---- added fields: in the place of a column whose value came, else behind ----

// A row from recorded rows has no columns but those whose value came, so the others must not have a place.
static bool has_place(const struct row *row, const struct json_key *key)
{
    int column = relation_column(row->relation, key->text, key->size);
    return column >= 0 && is_known(&row->values[column]);
}

// Pushes the table of added fields, or nothing (false).
static bool push_fields(lua_State *lua, int index)
{
    if (!((struct lua_row *)lua_touserdata(lua, index))->extended)
        return false;
    lua_getfenv(lua, index);
    return true;
}

// [fields] -> [fields, value] if there is one for the column, else [fields].
static bool push_field(lua_State *lua, const struct column *column)
{
    lua_pushlstring(lua, column->name, column->name_size);
    lua_rawget(lua, -2);
    if (!lua_isnil(lua, -1))
        return true;
    lua_pop(lua, 1);
    return false;
}

static void write_separator(struct buffer *out, bool *first)
{
    if (!*first)
        buffer_append_byte(out, ',');
    *first = false;
}

// [fields] stays.
static void write_further_fields(lua_State *lua, const struct row *row, struct buffer *out,
                                 bool *first)
{
    size_t count;
    struct json_key *keys = json_keys(lua, lua_gettop(lua), &count); // [fields, keys]
    for (size_t i = 0; i < count; i++) {
        if (keys[i].is_number)
            luaL_error(lua, "rowcast.extend: the fields are named by strings");
        if (has_place(row, &keys[i]))
            continue;
        write_separator(out, first);
        buffer_append_json_string(out, keys[i].text, keys[i].size);
        buffer_append_byte(out, ':');
        lua_pushlstring(lua, keys[i].text, keys[i].size); // [fields, keys, name]
        lua_rawget(lua, -3);
        json_write(lua, -1, out);
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
}

void row_write_json(lua_State *lua, int index, struct buffer *out)
{
    const struct row *row = row_of(lua, index);
    const struct relation *relation = row->relation;
    bool fields = push_fields(lua, index), first = true;
    buffer_append_byte(out, '{');
    for (uint32_t i = 0; i < relation->column_count; i++) {
        const struct column *column = &relation->columns[i];
        if (!is_known(&row->values[i]))
            continue;
        bool replaced = fields && push_field(lua, column);
        write_separator(out, &first);
        buffer_append_json_string(out, column->name, column->name_size);
        buffer_append_byte(out, ':');
        if (replaced) {
            json_write(lua, -1, out);
            lua_pop(lua, 1);
        } else {
            row_write_value(lua, column, &row->values[i], out);
        }
    }
    if (fields) {
        write_further_fields(lua, row, out, &first);
        lua_pop(lua, 1);
    }
    buffer_append_byte(out, '}');
}

// ---- the row as a value of Lua ----

// Who reads is, behind helpers of lib/, the innermost line of a table script.
static void tell_missed(lua_State *lua, const struct row *row, const char *column, bool absent)
{
    const struct vm *vm = vm_of(lua);
    char place[512] = "";
    lua_Debug where;
    for (int level = 0; lua_getstack(lua, level, &where); level++) {
        if (!lua_getinfo(lua, "Sl", &where) || where.currentline <= 0)
            continue;
        bool is_table = strstr(where.short_src, "/tables/");
        if (is_table || !place[0])
            snprintf(place, sizeof place, "%s:%d", where.source + 1, where.currentline);
        if (is_table)
            break;
    }
    vm->missed->tell(vm->missed->user, place, row, column, absent);
}

// row[column]; a column that is not there, or not sent, reads nil.
static int row_index(lua_State *lua)
{
    const struct lua_row *userdata = row_at(lua, 1);
    const struct row *row = userdata->row;
    if (lua_type(lua, 2) != LUA_TSTRING)
        return 0;
    if (userdata->extended) {
        lua_getfenv(lua, 1);
        lua_pushvalue(lua, 2);
        lua_rawget(lua, -2);
        if (!lua_isnil(lua, -1)) {
            if (lua_islightuserdata(lua, -1))
                lua_pushnil(lua);
            return 1;
        }
    }
    size_t size;
    const char *name = lua_tolstring(lua, 2, &size);
    int column = relation_column(row->relation, name, size);
    bool absent = column >= 0 && row->values[column].state == VALUE_ABSENT;
    if (vm_of(lua)->missed && (column < 0 || absent))
        tell_missed(lua, row, name, absent);
    if (column < 0)
        return 0;
    push_value(lua, &row->relation->columns[column], &row->values[column]);
    return 1;
}

static int row_newindex(lua_State *lua)
{
    return luaL_error(lua,
                      "rows are read only; rowcast.extend(row, fields) makes one with more fields");
}

// Columns in table order without NULLs, then added fields in their order.
void row_push_keys(lua_State *lua, int index)
{
    const struct row *row = row_of(lua, index);
    int next = 0;
    lua_createtable(lua, (int)row->relation->column_count, 0);
    int keys = lua_gettop(lua);
    bool fields = push_fields(lua, index);
    for (uint32_t i = 0; i < row->relation->column_count; i++) {
        const struct column *column = &row->relation->columns[i];
        bool there = row->values[i].state == VALUE_TEXT;
        if (fields && is_known(&row->values[i]) && push_field(lua, column)) {
            there = !lua_islightuserdata(lua, -1);
            lua_pop(lua, 1);
        }
        if (!there)
            continue;
        lua_pushlstring(lua, column->name, column->name_size);
        lua_rawseti(lua, keys, ++next);
    }
    if (fields) {
        size_t count;
        struct json_key *sorted = json_keys(lua, lua_gettop(lua), &count);
        for (size_t i = 0; i < count; i++) {
            if (sorted[i].is_number || has_place(row, &sorted[i]))
                continue;
            lua_pushlstring(lua, sorted[i].text, sorted[i].size);
            lua_rawseti(lua, keys, ++next);
        }
    }
    lua_settop(lua, keys);
}

static void copy_fields(lua_State *lua, int from, int to)
{
    int top = lua_gettop(lua);
    from = vm_behind_lock(lua, from);
    lua_pushnil(lua);
    while (lua_next(lua, from)) {
        vm_charge(lua, 1);
        lua_pushvalue(lua, -2);
        lua_insert(lua, -2);
        lua_rawset(lua, to);
    }
    lua_settop(lua, top);
}

int row_extend(lua_State *lua)
{
    luaL_checktype(lua, 2, LUA_TTABLE);
    lua_settop(lua, 2);
    lua_newtable(lua); // [row, fields, result]
    if (lua_type(lua, 1) == LUA_TTABLE) {
        copy_fields(lua, 1, 3);
        copy_fields(lua, 2, 3);
        return 1;
    }
    if (!row_is(lua, 1))
        return luaL_argerror(lua, 1, "a row or a table expected");
    if (push_fields(lua, 1)) { // [row, fields, result, earlier]
        copy_fields(lua, 4, 3);
        lua_pop(lua, 1);
    }
    copy_fields(lua, 2, 3);
    row_push(lua, row_of(lua, 1)); // [row, fields, result, extended]
    ((struct lua_row *)lua_touserdata(lua, -1))->extended = true;
    lua_pushvalue(lua, 3);
    lua_setfenv(lua, -2);
    return 1;
}

static int row_tostring(lua_State *lua)
{
    lua_pushliteral(lua, "row");
    return 1;
}

void row_setup(lua_State *lua)
{
    static const luaL_Reg methods[] = {{"__index", row_index},
                                       {"__newindex", row_newindex},
                                       {"__tostring", row_tostring},
                                       {NULL, NULL}};
    lua_newtable(lua);
    luaL_register(lua, NULL, methods);
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    vm_of(lua)->row_metatable = luaL_ref(lua, LUA_REGISTRYINDEX);
}
