// SPDX-License-Identifier: MIT
// table as scripts see it: charged by the elements and bytes it touches.
#include <stdbool.h>
#include <string.h>

#include "rowcast/library.h"
#include "rowcast/vm.h"

#define STEPS_OF_COMPARISON 4 // in a sort
#define SHORT_STRING 64       // that is compared for nothing more

// Libraries and modules look like tables, but what would be written by position would stay in the stand-in.
static void check_writable(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    if (vm_behind_lock(lua, 1) != 1)
        luaL_error(lua, "libraries and modules are read only");
}

static int call_own(lua_State *lua)
{
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, lua_gettop(lua) - 1, LUA_MULTRET);
    return lua_gettop(lua);
}

static int table_concat(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    size_t separator;
    luaL_optlstring(lua, 2, "", &separator);
    int64_t first = library_int(lua, 3, 1);
    int64_t last = lua_isnoneornil(lua, 4) ? (int64_t)lua_objlen(lua, 1) : library_int(lua, 4, 0);
    double size = first < last ? (double)separator * (double)(last - first) : 0;
    for (int64_t i = first; i <= last; i++) {
        lua_rawgeti(lua, 1, (int)i);
        if (!lua_isstring(lua, -1)) {
            lua_pop(lua, 1);
            break; // LuaJIT's own says what is wrong
        }
        size += (double)(lua_type(lua, -1) == LUA_TSTRING ? lua_objlen(lua, -1) : 1);
        lua_pop(lua, 1);
        if (i % 64 == 0)
            vm_charge(lua, 64);
        library_check_size(lua, size);
    }
    vm_charge_bytes(lua, (size_t)size);
    return call_own(lua);
}

// The last position in use, as LuaJIT's own counts: what is behind it is not moved.
static int table_insert(lua_State *lua)
{
    check_writable(lua);
    int last = (int)lua_objlen(lua, 1), position = last + 1;
    switch (lua_gettop(lua)) {
    case 2:
        break;
    case 3:
        position = (luaL_checknumber(lua, 2), library_int(lua, 2, 0));
        break;
    default:
        return luaL_error(lua, "wrong number of arguments to 'insert'");
    }
    if (position <= last)
        vm_charge(lua, ((size_t)last - (size_t)position) / 2);
    for (int i = last + 1; i > position; i--) {
        lua_rawgeti(lua, 1, i - 1);
        lua_rawseti(lua, 1, i);
    }
    lua_settop(lua, lua_gettop(lua) == 2 ? 2 : 3);
    lua_rawseti(lua, 1, position);
    return 0;
}

static int table_maxn(lua_State *lua)
{
    double most = 0;
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_pushnil(lua);
    while (lua_next(lua, 1)) {
        lua_pop(lua, 1);
        if (lua_type(lua, -1) == LUA_TNUMBER && lua_tonumber(lua, -1) > most)
            most = lua_tonumber(lua, -1);
        vm_charge(lua, 1);
    }
    lua_pushnumber(lua, most);
    return 1;
}

// ---- sort: each comparison is charged, for the order of the elements may be chosen to need many ----

static size_t bytes_of(lua_State *lua, int index)
{
    return lua_type(lua, index) == LUA_TSTRING ? lua_objlen(lua, index) : 0;
}

// Upvalue: the function to call, or nil for `<`.
static int compare(lua_State *lua)
{
    size_t left = bytes_of(lua, 1), right = bytes_of(lua, 2), size = left < right ? left : right;
    vm_charge(lua, STEPS_OF_COMPARISON + (size > SHORT_STRING ? size / VM_BYTES_OF_STEP : 0));
    if (lua_isnil(lua, lua_upvalueindex(1))) {
        lua_pushboolean(lua, lua_lessthan(lua, 1, 2));
        return 1;
    }
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, 2, 1);
    return 1;
}

static int table_sort(lua_State *lua)
{
    check_writable(lua);
    lua_settop(lua, 2);
    if (!lua_isnil(lua, 2))
        luaL_checktype(lua, 2, LUA_TFUNCTION);
    vm_check_depth(lua);
    if (lua_isnil(lua, 2) || lua_iscfunction(lua, 2)) { // a function of Lua is counted by the hook
        lua_pushcclosure(lua, compare, 1);
    }
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, 2, 0);
    return 0;
}

const luaL_Reg library_table[] = {{"concat", table_concat},
                                  {"insert", table_insert},
                                  {"maxn", table_maxn},
                                  {"sort", table_sort},
                                  {NULL, NULL}};
