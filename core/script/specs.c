// SPDX-License-Identifier: MIT
// Busted specs in the core's VM: its part in C, of which specs.lua makes the rest.
#include "rowcast/specs.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/bundle.h"
#include "rowcast/context.h"
#include "rowcast/json.h"
#include "rowcast/memory.h"
#include "rowcast/row.h"
#include "rowcast/sandbox.h"
#include "rowcast/vm.h"

#define TEST_STEPS (10 * (int64_t)SCRIPT_ROW_STEPS)
#define FAILURE_SIZE 2048
#define MAX_VALUE_SIZE (64u << 20)
#define MAX_DEPTH 32

static const char source[] = {
#include "specs_lua.h"
};

struct run {
    struct specs *specs;
    const char *const *files;
    size_t count;
    char at[512];             // the test under way: "path:line: name"
    struct transaction *rows; // owns what rows of specs are made of
};

// Each function of `core` has it as its upvalue.
static struct run *run_of(lua_State *lua)
{
    return lua_touserdata(lua, lua_upvalueindex(1));
}

// ---- rows ----

static void take_text(struct arena *arena, struct value *value, const char *text, size_t size)
{
    *value = (struct value){VALUE_TEXT, (uint32_t)size, arena_copy(arena, text, size)};
}

// The value on top of the stack as a column.
static void take_value(lua_State *lua, struct arena *arena, struct column *column,
                       struct value *value)
{
    struct buffer text;
    size_t size;
    switch (lua_type(lua, -1)) {
    case LUA_TLIGHTUSERDATA:
        value->state = VALUE_NULL;
        return;
    case LUA_TBOOLEAN:
        column->type = COLUMN_BOOLEAN;
        take_text(arena, value, lua_toboolean(lua, -1) ? "t" : "f", 1);
        return;
    case LUA_TSTRING: {
        const char *string = lua_tolstring(lua, -1, &size);
        take_text(arena, value, string, size);
        return;
    }
    default:
        column->type = lua_type(lua, -1) == LUA_TNUMBER ? COLUMN_FLOAT : COLUMN_JSON;
        buffer_init(&text, MAX_VALUE_SIZE);
        json_write(lua, -1, &text);
        take_text(arena, value, text.bytes, text.size);
        buffer_release(&text);
    }
}

// helper.row(columns): one of the core's rows, its columns by name.
static int make_row(lua_State *lua)
{
    struct arena *arena = &run_of(lua)->rows->arena;
    size_t count;
    lua_settop(lua, 1);
    if (!lua_istable(lua, 1))
        return 1; // nil, or a row already
    struct json_key *keys = json_keys(lua, 1, &count);
    struct relation *relation = relation_new(arena, "public", "spec", (uint32_t)count);
    struct value *values = arena_new(arena, (count + 1) * sizeof *values);
    for (size_t i = 0; i < count; i++) {
        struct column *column = &relation->columns[i];
        luaL_argcheck(lua, !keys[i].is_number, 1, "columns have names");
        column->name = arena_copy(arena, keys[i].text, keys[i].size);
        column->name_size = (uint32_t)keys[i].size;
        lua_getfield(lua, 1, keys[i].text);
        take_value(lua, arena, column, &values[i]);
        lua_pop(lua, 1);
    }
    struct row row = {relation, values};
    row_push(lua, arena_copy(arena, &row, sizeof row));
    return 1;
}

// The names, NULLs among them, as they go out; the values as scripts read them.
static void push_plain_row(lua_State *lua, int index)
{
    struct buffer text;
    buffer_init(&text, MAX_VALUE_SIZE);
    row_write_json(lua, index, &text);
    json_read(lua, text.bytes, text.size);
    buffer_release(&text);
    lua_pushnil(lua);
    while (lua_next(lua, -2)) { // [.., table, name, value]
        lua_pushvalue(lua, -2);
        lua_gettable(lua, index); // [.., table, name, value, read]
        lua_pushvalue(lua, -3);
        lua_insert(lua, -2); // [.., table, name, value, name, read]
        if (lua_isnil(lua, -1))
            lua_pop(lua, 2);
        else
            lua_rawset(lua, -5);
        lua_pop(lua, 1);
    }
}

// [.., value] -> the same, rows in it as tables.
static void make_plain(lua_State *lua, int depth)
{
    luaL_checkstack(lua, 8, "nested too deep");
    if (row_is(lua, -1)) {
        push_plain_row(lua, lua_gettop(lua));
        lua_replace(lua, -2);
    } else if (lua_istable(lua, -1) && depth < MAX_DEPTH) {
        lua_pushnil(lua);
        while (lua_next(lua, -2)) { // [.., table, key, value]
            make_plain(lua, depth + 1);
            lua_pushvalue(lua, -2);
            lua_insert(lua, -2);
            lua_rawset(lua, -4); // an existing key: the walk may go on
        }
    }
}

static int plain(lua_State *lua)
{
    lua_settop(lua, 1);
    make_plain(lua, 0);
    return 1;
}

static int is_array(lua_State *lua)
{
    bool marked = lua_istable(lua, 1) && lua_getmetatable(lua, 1);
    if (marked)
        lua_rawgeti(lua, LUA_REGISTRYINDEX, vm_of(lua)->array_metatable);
    lua_pushboolean(lua, marked && lua_rawequal(lua, -1, -2));
    return 1;
}

// ---- files, results ----

// -1: not there, or larger than a script may be.
static int read_file(const char *path, struct buffer *bytes)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    char *room = buffer_reserve(bytes, BUNDLE_MAX_FILE + 1);
    size_t size = room ? fread(room, 1, BUNDLE_MAX_FILE + 1, file) : 0;
    bool fine = room && !ferror(file) && size <= BUNDLE_MAX_FILE;
    fclose(file);
    bytes->size += fine ? size : 0;
    return fine ? 0 : -1;
}

static int read_text(lua_State *lua)
{
    struct buffer bytes;
    const char *name = luaL_checkstring(lua, 1);
    char *path = memory_format("%s%s", run_of(lua)->specs->project, name);
    buffer_init(&bytes, BUNDLE_MAX_FILE + 1);
    int result = read_file(path, &bytes);
    free(path);
    if (result == 0)
        lua_pushlstring(lua, bytes.size ? bytes.bytes : "", bytes.size);
    else
        lua_pushnil(lua);
    buffer_release(&bytes);
    return 1;
}

static int note_failure(lua_State *lua)
{
    const struct specs *specs = run_of(lua)->specs;
    specs->failed(specs->user, luaL_checkstring(lua, 1));
    return 0;
}

static int note_pass(lua_State *lua)
{
    run_of(lua)->specs->passed++;
    return 0;
}

// A test begins, with a budget of its own.
static int begin(lua_State *lua)
{
    struct run *run = run_of(lua);
    snprintf(run->at, sizeof run->at, "%s", luaL_checkstring(lua, 1));
    vm_begin(vm_of(lua), TEST_STEPS);
    return 0;
}

// ---- the run ----

static void push_core(lua_State *lua, struct run *run)
{
    static const luaL_Reg functions[] = {{"row", make_row},        {"plain", plain},
                                         {"is_array", is_array},   {"read", read_text},
                                         {"failed", note_failure}, {"passed", note_pass},
                                         {"begin", begin},         {NULL, NULL}};
    lua_pushcfunction(lua, luaopen_debug);
    lua_call(lua, 0, 1); // [debug]
    lua_newtable(lua);   // [debug, core]
    lua_insert(lua, -2);
    lua_setfield(lua, -2, "debug");
    for (const luaL_Reg *function = functions; function->name; function++) {
        lua_pushlightuserdata(lua, run);
        lua_pushcclosure(lua, function->func, 1);
        lua_setfield(lua, -2, function->name);
    }
    lua_rawgeti(lua, LUA_REGISTRYINDEX, vm_of(lua)->environment);
    lua_setfield(lua, -2, "sandbox");
}

static int run_body(lua_State *lua)
{
    struct run *run = lua_touserdata(lua, 1);
    sandbox_setup(lua);
    if (luaL_loadbufferx(lua, source, sizeof source, "=specs.lua", "t") != 0)
        return lua_error(lua);
    push_core(lua, run); // [run, function, core]
    lua_createtable(lua, (int)run->count, 0);
    for (size_t i = 0; i < run->count; i++) {
        lua_pushstring(lua, run->files[i]);
        lua_rawseti(lua, -2, (int)i + 1);
    }
    lua_call(lua, 2, 0);
    return 0;
}

// What no test could catch ended it: the budget, or the memory.
static void tell_end(const struct run *run, const char *failure)
{
    const char *reason = strstr(failure, "stopped: ");
    failure = reason ? reason : failure;
    char *finding = memory_format("%s: %.*s; the specs behind it were not run", run->at,
                                  (int)strcspn(failure, "\n"), failure);
    run->specs->failed(run->specs->user, finding);
    free(finding);
}

int specs_run(struct specs *specs, const char *const *files, size_t count, struct fault *fault)
{
    char failure[FAILURE_SIZE] = "no memory";
    struct bundle *bundle;
    if (bundle_read(&bundle, specs->folder, fault) != 0)
        return -1;
    struct run run = {.specs = specs, .files = files, .count = count, .rows = transaction_new()};
    struct vm *vm = vm_new(specs->folder, specs->limits.memory, specs->limits.timeout / 2);
    if (vm)
        vm->bundle = bundle;
    int result = vm ? vm_run(vm, run_body, &run, TEST_STEPS, failure, sizeof failure) : -1;
    if (result != 0 && run.at[0]) {
        tell_end(&run, failure);
        result = 0;
    } else if (result != 0) {
        fault_set(fault, EXIT_CONFIGURATION, "The specs cannot be run: %s", failure);
    }
    vm_free(vm);
    bundle_free(bundle);
    transaction_free(run.rows);
    return result;
}
