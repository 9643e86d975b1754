// SPDX-License-Identifier: MIT
// A column's value that is too large to be brought into the VM, as scripts see it: userdata over the bytes of the
// transaction that can be measured (#), compared with another one, and put into an event as it is. Everything else
// raises, naming the column and its size. Internal to the script room.
#ifndef ROWCAST_LARGE_H
#define ROWCAST_LARGE_H

#include <lua.h>
#include <stdbool.h>

#include "rowcast/buffer.h"
#include "rowcast/change.h"
#include "rowcast/vm.h"

void large_setup(lua_State *lua); // once per VM

bool large_beyond(lua_State *lua, const struct value *value); // it has to be one
void large_push(lua_State *lua, const struct column *column, const struct value *value);
bool large_is(lua_State *lua, int index);
void large_write_json(lua_State *lua, int index, struct buffer *out); // see json_write

// For a message handler: pushes what the raised message leaves out where a library function, which knows strings
// only, was called with a large value. False, and nothing, where it was not.
bool large_push_reason(lua_State *lua);

#endif
