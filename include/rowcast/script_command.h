// SPDX-License-Identifier: MIT
// From the tables that hooks return to commands in C. Internal to the script room.
#ifndef ROWCAST_SCRIPT_COMMAND_H
#define ROWCAST_SCRIPT_COMMAND_H

#include <lua.h>

#include "rowcast/script_state.h"

struct script_commands *script_commands_new(void);

// [hook, result]: reads one command or a list of them; raises what is none, naming the hook's position.
void script_commands_parse(lua_State *lua, struct script *script, struct script_commands *commands);

#endif
