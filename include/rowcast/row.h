// SPDX-License-Identifier: MIT
// Rows as scripts see them: userdata over the bytes of the transaction, read on demand.
// Internal to the script room.
#ifndef ROWCAST_ROW_H
#define ROWCAST_ROW_H

#include <lua.h>
#include <stdbool.h>

#include "rowcast/buffer.h"
#include "rowcast/change.h"
#include "rowcast/vm.h"

void row_setup(lua_State *lua); // once per VM

void row_push(lua_State *lua, const struct row *row); // NULL pushes nil
bool row_is(lua_State *lua, int index);
void row_write_json(lua_State *lua, int index, struct buffer *out); // see json_write
void row_write_value(lua_State *lua, const struct column *column, const struct value *value,
                     struct buffer *out);      // of one column, the same way
void row_push_keys(lua_State *lua, int index); // a list of what pairs(row) walks
int row_extend(lua_State *lua);                // rowcast.extend(row, fields)

#endif
