// SPDX-License-Identifier: MIT
// Functions that scripts find in the place of LuaJIT's own: the same results and errors, but what they do is charged to
// the budget of the call, and what they make has a largest size. Internal to the script room.
#ifndef ROWCAST_LIBRARY_H
#define ROWCAST_LIBRARY_H

#include <lauxlib.h>

#define LIBRARY_MAX_STRING                                                                         \
    (1 << 20) // bytes of a string that they make longer than what they were given

// Each finds LuaJIT's function of its name in its first upvalue.
extern const luaL_Reg library_string[], library_patterns[], library_table[], library_base[];

// [.., table] -> the same, with these functions in it; LuaJIT's own are those of `origin` (NULL: the globals).
void library_add(lua_State *lua, const luaL_Reg *functions, const char *origin);

// tostring whose result is the same in every process: without addresses.
int library_tostring(lua_State *lua);

// Raises if a result of so many bytes would be too large.
void library_check_size(lua_State *lua, double size);

// A number argument as LuaJIT's own functions take it: what an int cannot hold is the least of them.
int library_int(lua_State *lua, int index, int none);

#endif
