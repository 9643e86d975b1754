// SPDX-License-Identifier: MIT
// Events of a script have the same keys again and again: their order is remembered, so that it is not found out
// anew for each. A set of keys is known by the addresses of its strings as lua_next gives them, which are as good as
// the strings: LuaJIT has each string once, and those that are remembered are kept from the collector. Internal to
// the script room.
//
// A set is remembered when it comes twice before another one in its place, so keys that are made of data cost
// nothing more. Bounded: the newest few dozen sets of short keys.
#ifndef ROWCAST_SHAPES_H
#define ROWCAST_SHAPES_H

#include "rowcast/json.h"

struct shapes;

struct shapes *shapes_new(void); // free() ends it, the VM must go before

// Copies the keys, sorted, of the set that was walked like this. False: it is not remembered.
bool shapes_find(struct shapes *shapes, const void *const *walk, size_t count,
                 struct json_key *keys);

// The set that was not found had these keys, whose strings are alive. May raise: there is no memory.
void shapes_note(lua_State *lua, struct shapes *shapes, const void *const *walk,
                 const struct json_key *keys, size_t count);

#endif
