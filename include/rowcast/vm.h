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
#include "rowcast/watchdog.h"

struct vm {
    lua_State *lua;
    lua_Alloc allocate; // LuaJIT's own
    void *allocate_user;
    size_t memory, memory_limit;
    size_t largest_value;    // bytes of a column that scripts read; see large.h
    bool seldom;             // garbage is collected: most of the memory is free
    int64_t steps;           // left in this call
    int interval;            // instructions between two looks at the budget; 0: it is not looked at
    int usual_interval;      // while there is some left
    bool stopped;            // the budget is spent: every further instruction raises
    atomic_bool interrupted; // every budget counts as spent
    bool shadow;             // see script.h
    bool overdue;            // that is for the time it took
    int64_t patience;        // nanoseconds of the thread's time for a call; 0: any time
    int64_t first_look;      // of this call, by the steady clock; 0: there was none
    int64_t busy_from;       // by the thread's clock, if the call goes on long after that; else 0
    unsigned log_lines;      // written in this call
    // Who watches from another thread, if anybody does, and what it is told of the call.
    struct watchdog *watchdog;
    const void *site;
    // Registry references: made once, looked up without allocating.
    int traceback, invoke; // the message handler, the caller of bodies
    int environment;       // what scripts see as globals
    int context, rows;     // the one ctx, and its function `rows`
    int array_metatable, row_metatable, large_metatable, list_metatable, change_metatable;
    int client_metatable, result_metatable;
    struct shapes *shapes; // of the tables that were written
    const char *folder;
    const struct bundle *bundle; // what it is loaded from; not owned
    int handler;                 // registry reference of the function under way, or LUA_NOREF
    const char *loading;         // the file under way, below the folder; or NULL
    // What rows and ctx refer to; userdata of an older generation are refused.
    const struct transaction *transaction;
    const struct change *change;
    uint32_t generation;
    struct siblings *siblings;          // of ctx.rows
    const struct script_client *client; // whom the running hook is about
    bool refused;                       // what the handler returned, by the core
    const struct script_missed *missed; // of columns that are not there; NULL: nobody
};

// Takes the engine up with nothing in it but the guards. NULL if there is no memory for it. `patience` in
// milliseconds of the thread's time for a call, as far as a look at the budget comes in between; 0: any time.
struct vm *vm_new(const char *folder, size_t memory_limit, int64_t patience);
void vm_free(struct vm *vm); // NULL is fine

struct vm *vm_of(lua_State *lua);

// Calls `body` with `argument` as light userdata: protected, within `steps` instructions. 0, or -1 with
// "path:line: message" and a traceback in `failure`. The stack is as before in both cases. Everything that
// allocates in the VM happens inside such a body.
int vm_run(struct vm *vm, lua_CFunction body, void *argument, int64_t steps, char *failure,
           size_t failure_size);

// Within the call: gives it steps and time anew, as to a call of its own.
void vm_begin(struct vm *vm, int64_t steps);

// Charges library work to the budget of the running call; raises when it is spent.
void vm_charge(lua_State *lua, size_t steps);

// The same for bytes that are looked at one by one. (What is allocated is charged where it is allocated.)
#define VM_BYTES_OF_STEP 16
void vm_charge_bytes(lua_State *lua, size_t bytes);

// Raises if many calls are under way: for what calls back from C, so that the C stack holds.
void vm_check_depth(lua_State *lua);

// Whether so much more can be allocated, now or after a collection.
bool vm_has_room(lua_State *lua, size_t bytes);

// ---- tables that scripts cannot write ----

// [table] -> [stand-in that reads the table and has `refuse` called for writes]
void vm_lock(lua_State *lua, lua_CFunction refuse);
// The place of the table behind a stand-in, which is pushed; of any other value `index` itself.
int vm_behind_lock(lua_State *lua, int index);

#endif
