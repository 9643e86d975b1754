// SPDX-License-Identifier: MIT
// A LuaJIT state that cannot run away.
#include "rowcast/vm.h"

#include <assert.h>
#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/clock.h"
#include "rowcast/large.h"
#include "rowcast/memory.h"
#include "rowcast/shapes.h"
#include "rowcast/siblings.h"

// Instructions between two looks at the budget and the time. One instruction may compare or join two strings, so where
// large ones have been made the looks come more often.
#define USUAL_INTERVAL 1000
#define SHORT_INTERVAL 100
#define LARGE_BLOCK (1 << 20)

#define ALLOCATED_OF_STEP 64 // bytes at the price of an instruction
#define EARLY_PART 16        // of the patience: before that the thread's clock is not asked
#define MAX_CALLS 500        // under way

// Room for the little that the host does in the VM while no script runs.
#define HEADROOM (256 * 1024)

// A column of more than this part of the memory is not brought into it: scripts may need several copies.
#define LARGEST_PART 16

#define POSITION_SIZE 256

struct vm *vm_of(lua_State *lua)
{
    void *vm;
    lua_getallocf(lua, &vm);
    return vm;
}

// How far the memory may grow over what is in use before a collection begins, in percent. While a large part of
// the limit is free, collecting seldom costs nothing and saves a fifteenth of a row's time: even three times a quarter
// is below the limit. Only notes a number, so that the allocator may call it.
static void set_pause(struct vm *vm)
{
    bool is_free = vm->memory <= vm->memory_limit / 4;
    if (is_free == vm->seldom)
        return;
    vm->seldom = is_free;
    lua_gc(vm->lua, LUA_GCSETPAUSE, is_free ? 300 : 120);
}

static void count_steps(lua_State *lua, lua_Debug *activation);

static void look_every(struct vm *vm, int instructions)
{
    vm->interval = instructions;
    lua_sethook(vm->lua, count_steps, LUA_MASKCOUNT, instructions);
}

// What is allocated is filled, and in the end freed. Raises nothing, for the allocator must not: the next instruction does.
static void charge_block(struct vm *vm, size_t grown)
{
    vm->steps -= (int64_t)(grown / ALLOCATED_OF_STEP);
    if (grown >= LARGE_BLOCK)
        vm->usual_interval = SHORT_INTERVAL;
    int interval = vm->steps > 0 ? vm->usual_interval : 1;
    if (interval < vm->interval)
        look_every(vm, interval);
}

static void *counted_allocate(void *user, void *memory, size_t old_size, size_t new_size)
{
    struct vm *vm = user;
    if (new_size > old_size && vm->memory + (new_size - old_size) > vm->memory_limit)
        return NULL;
    if (new_size > old_size + ALLOCATED_OF_STEP)
        charge_block(vm, new_size - old_size);
    void *result = vm->allocate(vm->allocate_user, memory, old_size, new_size);
    if (result || new_size == 0)
        vm->memory += new_size - old_size;
    set_pause(vm);
    return result;
}

static int raise_out_of_steps(lua_State *lua)
{
    struct vm *vm = vm_of(lua);
    lua_Debug where;
    char position[POSITION_SIZE] = "", why[64] = "";
    if (lua_getstack(lua, 0, &where) && lua_getinfo(lua, "Sl", &where) && where.currentline > 0)
        snprintf(position, sizeof position, "%s:%d: ", where.short_src, where.currentline);
    if (vm->overdue)
        snprintf(why, sizeof why, " (%d ms of processor time)", (int)(vm->patience / 1000000));
    return luaL_error(lua, "%sstopped: it ran for too long%s", position, why);
}

// The steady clock is asked at each look, the thread's, which costs more, when the call has taken long by that one: it
// does not run while others do, nor while the process is stopped.
static bool is_overdue(struct vm *vm)
{
    if (vm->patience == 0 || vm->overdue)
        return vm->overdue;
    int64_t now = clock_steady();
    if (vm->first_look == 0)
        vm->first_look = now;
    if (now - vm->first_look < vm->patience / EARLY_PART)
        return false;
    if (vm->busy_from == 0)
        vm->busy_from = clock_thread();
    vm->overdue = clock_thread() - vm->busy_from >= vm->patience;
    return vm->overdue;
}

// Once the budget is spent the hook fires at every instruction, so that no pcall of the script can go on.
static void count_steps(lua_State *lua, lua_Debug *activation)
{
    (void)activation;
    struct vm *vm = vm_of(lua);
    if (!vm->stopped)
        vm->steps -= vm->interval;
    bool interrupted = atomic_load_explicit(&vm->interrupted, memory_order_relaxed);
    if (vm->steps > 0 && !interrupted && !is_overdue(vm))
        return;
    if (!vm->stopped) {
        vm->stopped = true;
        look_every(vm, 1);
    }
    raise_out_of_steps(lua);
}

void vm_charge(lua_State *lua, size_t steps)
{
    struct vm *vm = vm_of(lua);
    vm->steps -= (int64_t)steps;
    if (vm->steps <= 0)
        count_steps(lua, NULL);
}

void vm_charge_bytes(lua_State *lua, size_t bytes)
{
    if (bytes >= VM_BYTES_OF_STEP)
        vm_charge(lua, bytes / VM_BYTES_OF_STEP);
}

void vm_check_depth(lua_State *lua)
{
    lua_Debug where;
    if (lua_getstack(lua, MAX_CALLS, &where))
        luaL_error(lua, "stack overflow");
}

bool vm_has_room(lua_State *lua, size_t bytes)
{
    struct vm *vm = vm_of(lua);
    if (bytes <= vm->memory_limit && vm->memory > vm->memory_limit - bytes)
        lua_gc(lua, LUA_GCCOLLECT, 0);
    return bytes <= vm->memory_limit && vm->memory <= vm->memory_limit - bytes;
}

// ---- tables that scripts cannot write ----

static const char locked; // its address is what the metatables of stand-ins have at 1

void vm_lock(lua_State *lua, lua_CFunction refuse)
{
    lua_newtable(lua);
    lua_createtable(lua, 1, 3); // [table, stand-in, metatable]
    lua_pushlightuserdata(lua, (void *)&locked);
    lua_rawseti(lua, -2, 1);
    lua_pushvalue(lua, -3);
    lua_setfield(lua, -2, "__index");
    lua_pushcfunction(lua, refuse);
    lua_setfield(lua, -2, "__newindex");
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    lua_setmetatable(lua, -2);
    lua_remove(lua, -2);
}

int vm_behind_lock(lua_State *lua, int index)
{
    if (lua_type(lua, index) != LUA_TTABLE || !lua_getmetatable(lua, index))
        return index;
    lua_rawgeti(lua, -1, 1); // [.., metatable, mark]
    bool is_locked = lua_touserdata(lua, -1) == &locked;
    lua_pop(lua, is_locked ? 1 : 2);
    if (!is_locked)
        return index;
    lua_getfield(lua, -1, "__index");
    lua_remove(lua, -2);
    return lua_gettop(lua);
}

// "path:line:" at the beginning, as Lua puts it before most messages.
static bool has_position(const char *message)
{
    const char *colon = strchr(message, ':');
    if (!colon || colon == message || strcspn(message, "\n") < (size_t)(colon - message))
        return false;
    size_t digits = strspn(colon + 1, "0123456789");
    return digits > 0 && colon[1 + digits] == ':';
}

// Writes where the VM is: the innermost line of a script; else the handler under way; else the file
// being loaded. Allocates nothing, so that it works when there is no memory left.
static void write_position(lua_State *lua, char *text, size_t size)
{
    struct vm *vm = vm_of(lua);
    lua_Debug where;
    for (int level = 0; lua_getstack(lua, level, &where); level++)
        if (lua_getinfo(lua, "Sl", &where) && where.currentline > 0) {
            snprintf(text, size, "%s:%d", where.short_src, where.currentline);
            return;
        }
    if (vm->handler != LUA_NOREF) {
        lua_rawgeti(lua, LUA_REGISTRYINDEX, vm->handler);
        lua_getinfo(lua, ">S", &where);
        snprintf(text, size, "%s:%d", where.short_src, where.linedefined);
    } else {
        snprintf(text, size, "%s%s%s:1", vm->folder, vm->loading ? "/" : "",
                 vm->loading ? vm->loading : "");
    }
}

// [message] -> [message with position and traceback]. Survives error objects that are not strings,
// without calling anything of theirs.
static int add_traceback(lua_State *lua)
{
    char position[POSITION_SIZE];
    const char *message = lua_tostring(lua, 1);
    if (!message)
        message = lua_pushfstring(lua, "the error raised is a %s value", luaL_typename(lua, 1));
    if (!has_position(message)) {
        write_position(lua, position, sizeof position);
        message = lua_pushfstring(lua, "%s: %s", position, message);
    }
    if (large_push_reason(lua))
        message = lua_pushfstring(lua, "%s: %s", message, lua_tostring(lua, -1));
    luaL_traceback(lua, lua, message, 1);
    return 1;
}

// [body, argument] -> []. Looked up, not pushed as a new closure, so that vm_run allocates nothing unprotected.
static int invoke(lua_State *lua)
{
    lua_CFunction body;
    *(void **)&body = lua_touserdata(lua, 1);
    lua_remove(lua, 1);
    return body(lua);
}

static int setup(lua_State *lua)
{
    lua_pushcfunction(lua, add_traceback);
    vm_of(lua)->traceback = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_pushcfunction(lua, invoke);
    vm_of(lua)->invoke = luaL_ref(lua, LUA_REGISTRYINDEX);
    return 0;
}

struct vm *vm_new(const char *folder, size_t memory_limit, int64_t patience)
{
    struct vm *vm = memory_new(sizeof *vm);
    vm->shapes = shapes_new();
    vm->siblings = siblings_new();
    vm->lua = luaL_newstate();
    if (!vm->lua)
        goto fail;
    vm->memory = (size_t)lua_gc(vm->lua, LUA_GCCOUNT, 0) * 1024;
    vm->memory_limit = memory_limit + HEADROOM;
    vm->largest_value = memory_limit / LARGEST_PART;
    vm->folder = memory_text(folder);
    vm->patience = patience * 1000000;
    vm->usual_interval = USUAL_INTERVAL;
    vm->handler = LUA_NOREF;
    vm->allocate = lua_getallocf(vm->lua, &vm->allocate_user);
    lua_setallocf(vm->lua, counted_allocate, vm);
    luaJIT_setmode(vm->lua, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    lua_gc(vm->lua, LUA_GCSETPAUSE, 120);
    if (lua_cpcall(vm->lua, setup, NULL) != 0)
        goto fail;
    return vm;

fail:
    vm_free(vm);
    return NULL;
}

void vm_free(struct vm *vm)
{
    if (!vm)
        return;
    if (vm->lua) {
        if (vm->allocate)
            lua_setallocf(vm->lua, vm->allocate, vm->allocate_user);
        lua_close(vm->lua);
    }
    siblings_free(vm->siblings);
    free(vm->shapes);
    free((char *)vm->folder);
    free(vm);
}

// Running out of memory or of stack comes without the message handler; nothing can be pushed then.
static void describe(struct vm *vm, int status, char *failure, size_t size)
{
    const char *message = lua_tostring(vm->lua, -1);
    char position[POSITION_SIZE];
    if (status != LUA_ERRMEM && message && has_position(message)) {
        snprintf(failure, size, "%s", message);
        return;
    }
    write_position(vm->lua, position, sizeof position);
    if (status != LUA_ERRMEM && message)
        snprintf(failure, size, "%s: %s", position, message);
    else
        snprintf(failure, size, "%s: stopped: it took more than %zu KiB of memory", position,
                 (vm->memory_limit - HEADROOM) / 1024);
}

void vm_begin(struct vm *vm, int64_t steps)
{
    vm->steps = steps;
    vm->overdue = false;
    vm->first_look = vm->busy_from = 0;
    vm->log_lines = 0;
    vm->stopped = false;
    if (vm->interval != vm->usual_interval)
        look_every(vm, vm->usual_interval);
}

int vm_run(struct vm *vm, lua_CFunction body, void *argument, int64_t steps, char *failure,
           size_t failure_size)
{
    lua_State *lua = vm->lua;
    int top = lua_gettop(lua);
    vm_begin(vm, steps);
    vm->memory_limit -= HEADROOM;
    lua_rawgeti(lua, LUA_REGISTRYINDEX, vm->traceback); // [traceback]
    lua_rawgeti(lua, LUA_REGISTRYINDEX, vm->invoke);    // [traceback, invoke]
    lua_pushlightuserdata(lua, *(void **)&body);        // [traceback, invoke, body]
    lua_pushlightuserdata(lua, argument);               // [traceback, invoke, body, argument]
    if (vm->watchdog)
        watchdog_enter(vm->watchdog, vm->site);
    int status = lua_pcall(lua, 2, 0, top + 1); // [traceback] or [traceback, message]
    if (vm->watchdog)
        watchdog_leave(vm->watchdog);
    vm->memory_limit += HEADROOM;
    if (status != 0) {
        describe(vm, status, failure, failure_size);
        lua_settop(lua, top);
        vm->handler = LUA_NOREF;
        vm->loading = NULL;
        lua_gc(lua, LUA_GCCOLLECT, 0);
        return -1;
    }
    lua_settop(lua, top);
    vm->handler = LUA_NOREF;
    return 0;
}
