// SPDX-License-Identifier: MIT
// client.lua's side of the script room: the `client` and `result` arguments. Internal to the script room.
#ifndef ROWCAST_SCRIPT_CLIENT_H
#define ROWCAST_SCRIPT_CLIENT_H

#include <lua.h>

void script_client_setup(lua_State *lua); // metatables, once per VM

#endif
