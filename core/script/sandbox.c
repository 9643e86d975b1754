// SPDX-License-Identifier: MIT
// What scripts find as globals: the safe part of the libraries, deterministic, locked against writing.
#include "rowcast/sandbox.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "rowcast/context.h"
#include "rowcast/json.h"
#include "rowcast/large.h"
#include "rowcast/library.h"
#include "rowcast/loader.h"
#include "rowcast/log.h"
#include "rowcast/row.h"
#include "rowcast/vm.h"

int luaopen_cjson(lua_State *lua); // lua-cjson's header declares nothing for C

#define CLIENT_MESSAGE_DEPTH 8 // of JSON that cjson.decode accepts

#define STEPS_OF_LINE 200     // of the log
#define STEPS_OF_FAILURE 2000 // unwinding to a pcall takes that long
#define MAX_LINES 100         // of one call

// ---- iteration in a fixed order ----

// Upvalues: the keys, the position, the table or row. () -> key, value. Skips what was removed meanwhile.
static int pairs_step(lua_State *lua)
{
    int position = (int)lua_tointeger(lua, lua_upvalueindex(2));
    for (;;) {
        lua_rawgeti(lua, lua_upvalueindex(1), ++position); // [.., key]
        if (lua_isnil(lua, -1))
            return 1;
        lua_pushvalue(lua, -1);
        if (lua_istable(lua, lua_upvalueindex(3)))
            lua_rawget(lua, lua_upvalueindex(3));
        else
            lua_gettable(lua, lua_upvalueindex(3)); // [.., key, value]
        if (!lua_isnil(lua, -1))
            break;
        lua_pop(lua, 2);
    }
    lua_pushinteger(lua, position);
    lua_replace(lua, lua_upvalueindex(2));
    return 2;
}

static void push_sorted_keys(lua_State *lua, int index)
{
    size_t count;
    struct json_key *keys = json_keys(lua, index, &count); // [keys]
    lua_createtable(lua, (int)count, 0);                   // [keys, list]
    for (size_t i = 0; i < count; i++) {
        if (keys[i].is_number)
            lua_pushnumber(lua, keys[i].number);
        else
            lua_pushlstring(lua, keys[i].text, keys[i].size);
        lua_rawseti(lua, -2, (int)i + 1);
    }
    lua_remove(lua, -2);
}

static int ipairs_step(lua_State *lua)
{
    lua_Integer position = lua_tointeger(lua, 2) + 1;
    lua_pushinteger(lua, position); // [t, i, next]
    lua_pushinteger(lua, position);
    if (lua_istable(lua, 1))
        lua_rawget(lua, 1);
    else
        lua_gettable(lua, 1); // [t, i, next, value]
    return lua_isnil(lua, -1) ? 1 : 2;
}

static int ordered_ipairs(lua_State *lua)
{
    if (!context_is_list(lua, 1))
        luaL_checktype(lua, 1, LUA_TTABLE);
    lua_pushcfunction(lua, ipairs_step);
    lua_pushvalue(lua, 1);
    lua_pushinteger(lua, 0);
    return 3;
}

static int ordered_pairs(lua_State *lua)
{
    if (context_is_list(lua, 1))
        return ordered_ipairs(lua);
    lua_settop(lua, 1);
    int source =
        vm_behind_lock(lua, 1); // of a library or a module, which scripts must not get hold of
    if (row_is(lua, 1)) {
        row_push_keys(lua, 1);
    } else {
        luaL_checktype(lua, 1, LUA_TTABLE);
        push_sorted_keys(lua, source);
    }
    lua_pushinteger(lua, 0);
    lua_pushvalue(lua, source);
    lua_pushcclosure(lua, pairs_step, 3);
    lua_pushvalue(lua, 1);
    return 2;
}

// next(t, key) in the order of pairs: for `next(t) == nil`; loops are for pairs.
static int ordered_next(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_settop(lua, 2);
    if (vm_behind_lock(lua, 1) != 1)
        lua_replace(lua, 1);
    push_sorted_keys(lua, 1); // [t, key, keys]
    bool found = lua_isnil(lua, 2);
    for (int i = 1;; i++) {
        lua_rawgeti(lua, 3, i);
        if (lua_isnil(lua, -1))
            return found ? 1 : luaL_error(lua, "invalid key to 'next'");
        if (found)
            break;
        found = lua_rawequal(lua, -1, 2);
        lua_pop(lua, 1);
    }
    lua_pushvalue(lua, -1);
    lua_rawget(lua, 1);
    return 2;
}

// ---- errors ----

// [f, ...] -> [true, results] or [false, error]; `bottom` is where f is.
static int call_protected(lua_State *lua, int bottom)
{
    int status = lua_pcall(lua, lua_gettop(lua) - bottom, LUA_MULTRET, 0);
    if (status != 0)
        vm_charge(lua, STEPS_OF_FAILURE);
    lua_pushboolean(lua, status == 0);
    lua_insert(lua, bottom);
    return status;
}

static int charged_pcall(lua_State *lua)
{
    luaL_checkany(lua, 1);
    vm_check_depth(lua);
    call_protected(lua, 1);
    return lua_gettop(lua);
}

// xpcall(f, handler, ...): the handler runs as an ordinary call behind the failed one, so that it
// stands under the same budget.
static int plain_xpcall(lua_State *lua)
{
    luaL_checktype(lua, 2, LUA_TFUNCTION);
    vm_check_depth(lua);
    lua_pushvalue(lua, 2);
    lua_insert(lua, 1);
    lua_remove(lua, 3); // [handler, f, ...]
    if (call_protected(lua, 2) == 0)
        return lua_gettop(lua) - 1;
    lua_pushvalue(lua, 1);
    lua_insert(lua, -2);
    lua_call(lua, 1, 1); // [handler, false, result]
    return 2;
}

// ---- rowcast ----

static int rowcast_array(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_settop(lua, 1);
    if (lua_getmetatable(lua, 1)) { // marked already, or a library
        lua_rawgeti(lua, LUA_REGISTRYINDEX, vm_of(lua)->array_metatable);
        bool locked = !lua_rawequal(lua, -1, -2) && luaL_getmetafield(lua, 1, "__metatable");
        luaL_argcheck(lua, !locked, 1, "this table is read only");
        lua_settop(lua, 1);
    }
    json_mark_array(lua);
    return 1;
}

static const char *log_event(lua_State *lua)
{
    return vm_of(lua)->shadow ? "shadow_log" : "script_log";
}

// [.., text]
static void write_line(lua_State *lua, enum log_level level)
{
    struct vm *vm = vm_of(lua);
    vm_charge(lua, STEPS_OF_LINE);
    vm_charge_bytes(lua, lua_objlen(lua, -1));
    if (vm->log_lines > MAX_LINES)
        return;
    luaL_where(lua, 1); // [.., text, place]
    const char *place = lua_tostring(lua, -1), *text = lua_tostring(lua, -2);
    if (vm->log_lines++ == MAX_LINES && log_says(LOG_WARN, "script_log_cut", place))
        log_write(LOG_WARN, "script_log_cut", NULL,
                  "%sthis script has logged %d lines in one call; its further ones are left out",
                  place, MAX_LINES);
    if (vm->log_lines <= MAX_LINES && log_says_lines(level, log_event(lua), place, MAX_LINES))
        log_write(level, log_event(lua), LOG_FIELDS(LOG_TEXT("at", place)), "%s", text);
    lua_pop(lua, 1);
}

static int rowcast_log(lua_State *lua)
{
    static const char *const names[] = {"debug", "info", "warn", "error", NULL};
    int level = luaL_checkoption(lua, 1, "info", names);
    luaL_checkany(lua, 2);
    lua_pushcfunction(lua, library_tostring);
    lua_pushvalue(lua, 2);
    lua_call(lua, 1, 1);
    write_line(lua, (enum log_level)level);
    return 0;
}

static int print(lua_State *lua)
{
    int count = lua_gettop(lua);
    luaL_Buffer text;
    vm_check_depth(lua);
    luaL_buffinit(lua, &text);
    for (int i = 1; i <= count; i++) {
        if (i > 1)
            luaL_addchar(&text, '\t');
        lua_pushcfunction(lua, library_tostring);
        lua_pushvalue(lua, i);
        lua_call(lua, 1, 1);
        luaL_addvalue(&text);
    }
    luaL_pushresult(&text);
    write_line(lua, LOG_INFO);
    return 0;
}

// ---- cjson ----

// What decoding takes of the VM's memory, at most, by the bytes that make tables, elements, keys and strings.
static size_t memory_of_json(const char *text, size_t size)
{
    static const unsigned char costs[256] = {
        ['['] = 112, ['{'] = 112, [','] = 32, [':'] = 80, ['"'] = 16};
    size_t memory = 16384 + size;
    for (size_t i = 0; i < size; i++)
        memory += costs[(unsigned char)text[i]];
    return memory;
}

// Upvalue: lua-cjson's own. It must not run out of memory halfway, for it would leave its own buffer behind.
static int cjson_decode(lua_State *lua)
{
    size_t size;
    const char *text = luaL_checklstring(lua, 1, &size);
    vm_charge_bytes(lua, size);
    if (!vm_has_room(lua, memory_of_json(text, size)))
        return luaL_error(lua,
                          "cjson.decode: what a text of %d bytes may become does not fit into "
                          "the memory that is left",
                          (int)size);
    lua_settop(lua, 1);
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, 1, 1);
    return 1;
}

// ---- building the environment ----

static int refuse_global(lua_State *lua)
{
    return luaL_error(lua, "the global '%s' cannot be set: scripts keep no state, use local",
                      lua_tostring(lua, 2) ? lua_tostring(lua, 2) : "?");
}

static int refuse_library(lua_State *lua)
{
    return luaL_error(lua, "libraries and modules are read only");
}

// [.., environment]: copies functions of a library table (NULL: of the true globals) as they are.
static void copy_names(lua_State *lua, const char *library, const char *const *names)
{
    lua_pushvalue(lua, LUA_GLOBALSINDEX);
    if (library) {
        lua_getfield(lua, -1, library);
        lua_remove(lua, -2);
    }
    for (; *names; names++) {
        lua_getfield(lua, -1, *names);
        lua_setfield(lua, -3, *names);
    }
    lua_pop(lua, 1);
}

static void add_base(lua_State *lua)
{
    static const char *const kept[] = {"assert",       "error",  "getmetatable",
                                       "rawequal",     "rawget", "select",
                                       "setmetatable", "type",   NULL};
    static const luaL_Reg own[] = {{"pairs", ordered_pairs},    {"ipairs", ordered_ipairs},
                                   {"next", ordered_next},      {"print", print},
                                   {"pcall", charged_pcall},    {"xpcall", plain_xpcall},
                                   {"require", loader_require}, {NULL, NULL}};
    copy_names(lua, NULL, kept);
    luaL_register(lua, NULL, own);
    library_add(lua, library_base, NULL);
}

static void add_string(lua_State *lua)
{
    static const char *const kept[] = {"char", "len", NULL};
    lua_newtable(lua); // [environment, string]
    copy_names(lua, LUA_STRLIBNAME, kept);
    library_add(lua, library_string, LUA_STRLIBNAME);
    library_add(lua, library_patterns, LUA_STRLIBNAME);
    lua_pushliteral(lua,
                    ""); // ("x"):rep(3) finds the same functions, and nobody reaches their table
    lua_getmetatable(lua, -1);
    lua_pushvalue(lua, -3);
    lua_setfield(lua, -2, "__index");
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    lua_pop(lua, 2);
    vm_lock(lua, refuse_library);
    lua_setfield(lua, -2, "string");
}

// With `own` functions in the place of some.
static void add_library(lua_State *lua, const char *name, const char *const *kept,
                        const luaL_Reg *own)
{
    lua_newtable(lua);
    copy_names(lua, name, kept);
    library_add(lua, own, name);
    vm_lock(lua, refuse_library);
    lua_setfield(lua, -2, name);
}

static void add_cjson(lua_State *lua)
{
    lua_pushcfunction(lua, luaopen_cjson);
    lua_call(lua, 0, 1); // [environment, module]
    lua_getfield(lua, -1, "decode_max_depth");
    lua_pushinteger(lua, CLIENT_MESSAGE_DEPTH);
    lua_call(lua, 1, 0);
    lua_getfield(lua, -1, "decode_invalid_numbers");
    lua_pushboolean(lua, 0);
    lua_call(lua, 1, 0);
    lua_newtable(lua); // [environment, module, cjson]
    lua_getfield(lua, -2, "decode");
    lua_pushcclosure(lua, cjson_decode, 1);
    lua_setfield(lua, -2, "decode");
    lua_pushlightuserdata(lua, NULL);
    lua_setfield(lua, -2, "null");
    lua_remove(lua, -2);
    vm_lock(lua, refuse_library);
    lua_setfield(lua, -2, "cjson");
}

static void add_rowcast(lua_State *lua)
{
    static const luaL_Reg own[] = {
        {"array", rowcast_array}, {"extend", row_extend}, {"log", rowcast_log}, {NULL, NULL}};
    lua_newtable(lua);
    luaL_register(lua, NULL, own);
    lua_pushlightuserdata(lua, NULL);
    lua_setfield(lua, -2, "null");
    vm_lock(lua, refuse_library);
    lua_setfield(lua, -2, "rowcast");
}

static void open_libraries(lua_State *lua)
{
    static const luaL_Reg libraries[] = {{"", luaopen_base},
                                         {LUA_TABLIBNAME, luaopen_table},
                                         {LUA_STRLIBNAME, luaopen_string},
                                         {LUA_MATHLIBNAME, luaopen_math},
                                         {NULL, NULL}};
    for (const luaL_Reg *library = libraries; library->func; library++) {
        lua_pushcfunction(lua, library->func);
        lua_pushstring(lua, library->name);
        lua_call(lua, 1, 0);
    }
}

static void make_array_metatable(lua_State *lua)
{
    lua_newtable(lua);
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    vm_of(lua)->array_metatable = luaL_ref(lua, LUA_REGISTRYINDEX);
}

void sandbox_setup(lua_State *lua)
{
    static const char *const tables[] = {"remove", NULL};
    static const luaL_Reg none[] = {{NULL, NULL}};
    static const char *const maths[] = {
        "abs",   "acos", "asin",  "atan", "atan2", "ceil", "cos",   "cosh", "deg", "exp",
        "floor", "fmod", "frexp", "huge", "ldexp", "log",  "log10", "max",  "min", "modf",
        "pi",    "pow",  "rad",   "sin",  "sinh",  "sqrt", "tan",   "tanh", NULL};
    open_libraries(lua);
    make_array_metatable(lua);
    row_setup(lua);
    large_setup(lua);
    context_setup(lua);
    lua_newtable(lua); // [environment]
    add_base(lua);
    add_string(lua);
    add_library(lua, LUA_TABLIBNAME, tables, library_table);
    add_library(lua, LUA_MATHLIBNAME, maths, none);
    add_cjson(lua);
    add_rowcast(lua);
    vm_lock(lua, refuse_global);
    vm_of(lua)->environment = luaL_ref(lua, LUA_REGISTRYINDEX);
    loader_setup(lua);
}
