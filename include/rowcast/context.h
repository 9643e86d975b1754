// SPDX-License-Identifier: MIT
// ctx, as the handlers of table scripts get it. Internal to the script room.
#ifndef ROWCAST_CONTEXT_H
#define ROWCAST_CONTEXT_H

#include <lua.h>
#include <stdbool.h>

#include "rowcast/vm.h"

void context_setup(lua_State *lua);              // once per VM
void context_push(lua_State *lua);               // the one ctx; it speaks of vm->change
bool context_is_list(lua_State *lua, int index); // what ctx.rows returned

// Begins and ends a transaction: userdata of an older one raise when they are used.
void context_begin(struct vm *vm, const struct transaction *transaction);
void context_end(struct vm *vm);

#endif
