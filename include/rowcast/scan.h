// SPDX-License-Identifier: MIT
// What can be said of script files by looking at them, without running anything: syntax, globals that the sandbox
// does not have, globals written, columns that handlers read by name. Looks at LuaJIT's bytecode, in a VM of its own.
// Internal to the script room.
#ifndef ROWCAST_SCAN_H
#define ROWCAST_SCAN_H

#include <stdbool.h>

#include "rowcast/script.h"
#include "rowcast/vm.h"

struct scan;

// `vm` is one that has been set up as a sandbox: what it has is what scripts have. NULL: there is no memory.
struct scan *scan_new(struct vm *vm);
void scan_free(struct scan *scan); // NULL is fine

// Looks at all files of the bundle that may be loaded, by name, and tells what is wrong with them.
void scan_bundle(struct scan *scan, const struct bundle *bundle, script_found *found, void *user);

// Whether the file (below the folder), or one of lib/, has this text as a constant: a key, a name, a string.
bool scan_mentions(const struct scan *scan, const char *file, const char *text);

// Whether the function on top of the stack of `lua`, or one inside it, does.
bool scan_function_mentions(struct scan *scan, lua_State *lua, const char *text);

// The fields that the function on top of the stack of `lua` reads from its parameter of that number, from 0. Not told: what
// functions that it calls read.
void scan_reads(struct scan *scan, lua_State *lua, int parameter, script_read *each, void *user);

#endif
