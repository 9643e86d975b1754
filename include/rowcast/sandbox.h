// SPDX-License-Identifier: MIT
// What scripts find as globals. Internal to the script room.
#ifndef ROWCAST_SANDBOX_H
#define ROWCAST_SANDBOX_H

#include <lua.h>

// Builds the environment in a fresh VM, inside a protected call.
void sandbox_setup(lua_State *lua);

#endif
