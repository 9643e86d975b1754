// SPDX-License-Identifier: MIT
// Values that stay outside of the VM.
#include "rowcast/large.h"

#include <lauxlib.h>
#include <string.h>

#include "rowcast/row.h"

#define BYTES_OF_STEP 64 // compared at the price of an instruction
#define REASON                                                                                     \
    "the column '%s' holds %d bytes: a value of more than %d is not read by scripts (raise "       \
    "lua_memory for that), it can only be measured with #, compared, and put into an event as it " \
    "is"

struct large {
    const struct column *column;
    const struct value *value;
    uint32_t generation;
};

bool large_beyond(lua_State *lua, const struct value *value)
{
    return value->size > vm_of(lua)->largest_value;
}

void large_push(lua_State *lua, const struct column *column, const struct value *value)
{
    struct large *large = lua_newuserdata(lua, sizeof *large);
    *large = (struct large){column, value, vm_of(lua)->generation};
    lua_rawgeti(lua, LUA_REGISTRYINDEX, vm_of(lua)->large_metatable);
    lua_setmetatable(lua, -2);
}

bool large_is(lua_State *lua, int index)
{
    if (lua_type(lua, index) != LUA_TUSERDATA || !lua_getmetatable(lua, index))
        return false;
    lua_rawgeti(lua, LUA_REGISTRYINDEX, vm_of(lua)->large_metatable);
    bool same = lua_rawequal(lua, -1, -2);
    lua_pop(lua, 2);
    return same;
}

static bool is_gone(lua_State *lua, const struct large *large)
{
    return large->generation != vm_of(lua)->generation;
}

static const struct large *large_at(lua_State *lua, int index)
{
    const struct large *large = lua_touserdata(lua, index);
    if (is_gone(lua, large))
        luaL_error(lua, "a value was used after the call whose row it is of");
    return large;
}

void large_write_json(lua_State *lua, int index, struct buffer *out)
{
    const struct large *large = large_at(lua, index);
    row_write_value(lua, large->column, large->value, out);
}

// ---- the value in scripts ----

static void push_reason(lua_State *lua, const struct large *large)
{
    lua_pushfstring(lua, REASON, large->column->name, (int)large->value->size,
                    (int)vm_of(lua)->largest_value);
}

// Of an operator either operand may be the large one.
static int refuse(lua_State *lua)
{
    push_reason(lua, large_at(lua, large_is(lua, 1) ? 1 : 2));
    return luaL_error(lua, "%s", lua_tostring(lua, -1));
}

static int length(lua_State *lua)
{
    lua_pushnumber(lua, large_at(lua, 1)->value->size);
    return 1;
}

static int equal(lua_State *lua)
{
    const struct value *left = large_at(lua, 1)->value, *right = large_at(lua, 2)->value;
    bool same = left->size == right->size;
    if (same && left->text != right->text) {
        vm_charge(lua, left->size / BYTES_OF_STEP);
        same = memcmp(left->text, right->text, left->size) == 0;
    }
    lua_pushboolean(lua, same);
    return 1;
}

bool large_push_reason(lua_State *lua)
{
    lua_Debug where;
    if (!lua_getstack(lua, 1, &where) || !lua_getinfo(lua, "S", &where) || where.what[0] != 'C')
        return false;
    for (int i = 1; lua_getlocal(lua, &where, i); i++) {
        const struct large *large = large_is(lua, lua_gettop(lua)) ? lua_touserdata(lua, -1) : NULL;
        lua_pop(lua, 1);
        if (large && !is_gone(lua, large)) {
            push_reason(lua, large);
            return true;
        }
    }
    return false;
}

void large_setup(lua_State *lua)
{
    static const char *const refused[] = {
        "__index", "__newindex", "__call", "__tostring", "__concat", "__lt",  "__le",
        "__add",   "__sub",      "__mul",  "__div",      "__mod",    "__pow", "__unm"};
    static const luaL_Reg methods[] = {{"__len", length}, {"__eq", equal}, {NULL, NULL}};
    lua_newtable(lua);
    luaL_register(lua, NULL, methods);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        lua_pushcfunction(lua, refuse);
        lua_setfield(lua, -2, refused[i]);
    }
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    vm_of(lua)->large_metatable = luaL_ref(lua, LUA_REGISTRYINDEX);
}
