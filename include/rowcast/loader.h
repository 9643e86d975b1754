// SPDX-License-Identifier: MIT
// How script files become functions. Internal to the script room.
#ifndef ROWCAST_LOADER_H
#define ROWCAST_LOADER_H

#include <lua.h>
#include <stdbool.h>

void loader_setup(lua_State *lua); // once per VM

// Runs FOLDER/`name` in the sandbox and pushes what it returns; raises "path:line: message".
// false: there is no such file, and nothing was pushed.
bool loader_load(lua_State *lua, const char *name);

int loader_require(lua_State *lua); // the `require` of scripts

#endif
