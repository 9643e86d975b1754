// SPDX-License-Identifier: MIT
// Lua values to JSON text and back (contract section 5, "JSON"). Internal to the script room.
#ifndef ROWCAST_JSON_H
#define ROWCAST_JSON_H

#include <lua.h>
#include <stdbool.h>

#include "rowcast/buffer.h"

#define JSON_MAX_DEPTH 64

// Appends the value at `index`: keys of tables sorted, of rows in column order. Raises what JSON cannot say
// (NaN, infinity, functions, cycles). Leaves the stack as it was.
void json_write(lua_State *lua, int index, struct buffer *out);

// Appends a finite number: integers up to 2^53 without exponent or fraction, others shortest round-trip.
void json_write_number(lua_State *lua, double number, struct buffer *out);

// Pushes the value of a JSON text; raises when it is not JSON. Numbers that a double cannot hold become strings.
void json_read(lua_State *lua, const char *text, size_t size);

// Marks the table on top of the stack as an array, so that it is [] when empty.
void json_mark_array(lua_State *lua);

// A table's keys in the order of `pairs`: numbers, then strings, ascending.
struct json_key {
    bool is_number;
    bool plain; // the text needs no escapes; false: it may
    int place;  // of its value on the stack above `bottom`, see json_members
    double number;
    const char *text; // of the string key, alive as long as the table holds it
    size_t size;
};

// Appends the key of an object with its quotes and colon.
void json_write_key(lua_State *lua, const struct json_key *key, struct buffer *out);

// Pushes a userdata that holds the sorted keys of the table at `index`; raises for keys of other types.
struct json_key *json_keys(lua_State *lua, int index, size_t *count);

// The members of the table at `index` in the order of its keys: few of them in this struct and on the stack,
// so that writing a table allocates nothing in the VM. What is pushed while they are open is popped by
// json_member and json_members_close.
#define JSON_FEW_MEMBERS 24

struct json_members {
    int table, bottom, top; // places on the stack
    size_t count;
    struct json_key *keys;
    struct json_key few[JSON_FEW_MEMBERS];
};

void json_members_open(lua_State *lua, int index, struct json_members *members);
void json_members_close(lua_State *lua, struct json_members *members);

// The place of the value of keys[i], until the next call.
int json_member(lua_State *lua, struct json_members *members, size_t i);

#endif
