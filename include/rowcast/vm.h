// SPDX-License-Identifier: MIT
// A LuaJIT state that cannot run away: memory counted and capped, instructions budgeted, every call
// protected. Internal to the script room, which alone knows LuaJIT.
#ifndef ROWCAST_VM_H
#define ROWCAST_VM_H

#include <lua.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowcast/bundle.h"
#include "rowcast/change.h"

struct vm {
    lua_State *lua;
    lua_Alloc allocate; // LuaJIT's own
    void *allocate_user;
    size_t memory, memory_limit;
    size_t largest_value;    // bytes of a column that scripts read; see large.h
    bool seldom;             // garbage is collected: most of the memory is free
    int64_t steps;           // left in this call
    bool stopped;            // the budget is spent: every further instruction raises
    atomic_bool interrupted; // every budget counts as spent
    bool shadow;             // see script.h
    // Registry references: made once, looked up without allocating.
    int traceback, invoke; // the message handler, the caller of bodies
    int environment;       // what scripts see as globals
    int context, rows;     // the one ctx, and its function `rows`
    int array_metatable, row_metatable, large_metatable, list_metatable, change_metatable;
    int client_metatable, result_metatable;
    const char *folder;
    const struct bundle *bundle; // what it is loaded from; not owned
    int handler;                 // registry reference of the function under way, or LUA_NOREF
    const char *loading;         // the file under way, below the folder; or NULL
    // What rows and ctx refer to; userdata of an older generation are refused.
    const struct transaction *transaction;
    const struct change *change;
    uint32_t generation;
    struct siblings *siblings;          // of ctx.rows; NULL until it is first called
    const struct script_client *client; // whom the running hook is about
};

// Takes the engine up with nothing in it but the guards. NULL if there is no memory for it.
struct vm *vm_new(const char *folder, size_t memory_limit);
void vm_free(struct vm *vm); // NULL is fine

struct vm *vm_of(lua_State *lua);

// Calls `body` with `argument` as light userdata: protected, within `steps` instructions. 0, or -1 with
// "path:line: message" and a traceback in `failure`. The stack is as before in both cases. Everything that
// allocates in the VM happens inside such a body.
int vm_run(struct vm *vm, lua_CFunction body, void *argument, int64_t steps, char *failure,
           size_t failure_size);

// Charges library work to the budget of the running call; raises when it is spent.
void vm_charge(lua_State *lua, size_t steps);

#endif
