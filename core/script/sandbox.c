// SPDX-License-Identifier: MIT
// What scripts find as globals: the safe part of the libraries, deterministic, locked against writing.
#include "rowcast/sandbox.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "rowcast/context.h"
#include "rowcast/json.h"
#include "rowcast/large.h"
#include "rowcast/loader.h"
#include "rowcast/log.h"
#include "rowcast/row.h"
#include "rowcast/vm.h"

int luaopen_cjson(lua_State *lua); // lua-cjson's header declares nothing for C

#define CLIENT_MESSAGE_DEPTH 8 // of JSON that cjson.decode accepts

#define MAX_CALLS 500 // under way, for what calls back from C, so that the C stack holds

// ---- recursion through C ----

static void check_depth(lua_State *lua)
{
    lua_Debug where;
    if (lua_getstack(lua, MAX_CALLS, &where))
        luaL_error(lua, "stack overflow");
}

// Calls the library function in the upvalue, unless too many calls are under way.
static int call_checked(lua_State *lua)
{
    check_depth(lua);
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, lua_gettop(lua) - 1, LUA_MULTRET);
    return lua_gettop(lua);
}

// [library]: has the function of that name go through the check.
static void check_calls_of(lua_State *lua, const char *name)
{
    lua_getfield(lua, -1, name);
    lua_pushcclosure(lua, call_checked, 1);
    lua_setfield(lua, -2, name);
}

// ---- iteration in a fixed order ----

// Upvalues: the keys, the position. (t) -> key, value. Skips what was removed meanwhile.
static int pairs_step(lua_State *lua)
{
    int position = (int)lua_tointeger(lua, lua_upvalueindex(2));
    for (;;) {
        lua_rawgeti(lua, lua_upvalueindex(1), ++position); // [.., key]
        if (lua_isnil(lua, -1))
            return 1;
        lua_pushvalue(lua, -1);
        if (lua_istable(lua, 1))
            lua_rawget(lua, 1);
        else
            lua_gettable(lua, 1); // [.., key, value]
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
    if (row_is(lua, 1)) {
        row_push_keys(lua, 1);
    } else {
        luaL_checktype(lua, 1, LUA_TTABLE);
        push_sorted_keys(lua, 1);
    }
    lua_pushinteger(lua, 0);
    lua_pushcclosure(lua, pairs_step, 2);
    lua_pushvalue(lua, 1);
    return 2;
}

// next(t, key) in the order of pairs: for `next(t) == nil`; loops are for pairs.
static int ordered_next(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_settop(lua, 2);
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

// ---- text without addresses ----

// tostring whose result is the same in every process.
static int plain_tostring(lua_State *lua)
{
    luaL_checkany(lua, 1);
    check_depth(lua);
    if (luaL_callmeta(lua, 1, "__tostring"))
        return lua_isstring(lua, -1) ? 1 : luaL_error(lua, "'__tostring' must return a string");
    switch (lua_type(lua, 1)) {
    case LUA_TNUMBER:
    case LUA_TSTRING:
        lua_pushstring(lua, lua_tostring(lua, 1));
        break;
    case LUA_TBOOLEAN:
        lua_pushstring(lua, lua_toboolean(lua, 1) ? "true" : "false");
        break;
    case LUA_TLIGHTUSERDATA:
        lua_pushliteral(lua, "null");
        break;
    default:
        lua_pushstring(lua, luaL_typename(lua, 1));
    }
    return 1;
}

static bool formats_a_pointer(const char *format, size_t size)
{
    const char *end = format + size; // formats may have a NUL in them
    for (const char *at = format; (at = memchr(at, '%', (size_t)(end - at))); at += at < end) {
        at += 1 + strspn(at + 1, "-+ #0123456789.");
        if (*at == 'p')
            return true;
    }
    return false;
}

// string.format (the upvalue) with arguments that would show an address turned to text before.
static int plain_format(lua_State *lua)
{
    size_t size;
    const char *format = luaL_checklstring(lua, 1, &size);
    if (formats_a_pointer(format, size))
        return luaL_error(lua, "string.format: %%p would differ in every process");
    int count = lua_gettop(lua);
    for (int i = 2; i <= count; i++) {
        int type = lua_type(lua, i);
        if (type != LUA_TTABLE && type != LUA_TFUNCTION && type != LUA_TUSERDATA &&
            type != LUA_TLIGHTUSERDATA)
            continue;
        lua_pushcfunction(lua, plain_tostring);
        lua_pushvalue(lua, i);
        lua_call(lua, 1, 1);
        lua_replace(lua, i);
    }
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, count, 1);
    return 1;
}

// ---- errors ----

// xpcall(f, handler, ...): the handler runs as an ordinary call behind the failed one, so that it
// stands under the same budget.
static int plain_xpcall(lua_State *lua)
{
    luaL_checktype(lua, 2, LUA_TFUNCTION);
    check_depth(lua);
    lua_pushvalue(lua, 2);
    lua_insert(lua, 1);
    lua_remove(lua, 3); // [handler, f, ...]
    if (lua_pcall(lua, lua_gettop(lua) - 2, LUA_MULTRET, 0) == 0) {
        lua_pushboolean(lua, 1);
        lua_replace(lua, 1);
        return lua_gettop(lua);
    }
    lua_pushvalue(lua, 1);
    lua_insert(lua, -2);
    lua_call(lua, 1, 1);
    lua_pushboolean(lua, 0);
    lua_insert(lua, -2);
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

static int rowcast_log(lua_State *lua)
{
    static const char *const names[] = {"debug", "info", "warn", "error", NULL};
    int level = luaL_checkoption(lua, 1, "info", names);
    luaL_checkany(lua, 2);
    lua_pushcfunction(lua, plain_tostring);
    lua_pushvalue(lua, 2);
    lua_call(lua, 1, 1);
    log_write((enum log_level)level, log_event(lua), NULL, "%s", lua_tostring(lua, -1));
    return 0;
}

static int print(lua_State *lua)
{
    int count = lua_gettop(lua);
    luaL_Buffer text;
    check_depth(lua);
    luaL_buffinit(lua, &text);
    for (int i = 1; i <= count; i++) {
        if (i > 1)
            luaL_addchar(&text, '\t');
        lua_pushcfunction(lua, plain_tostring);
        lua_pushvalue(lua, i);
        lua_call(lua, 1, 1);
        luaL_addvalue(&text);
    }
    luaL_pushresult(&text);
    log_write(LOG_INFO, log_event(lua), NULL, "%s", lua_tostring(lua, -1));
    return 0;
}

// ---- building the environment ----

static int refuse_global(lua_State *lua)
{
    return luaL_error(lua, "the global '%s' cannot be set: scripts keep no state, use local",
                      lua_tostring(lua, 2) ? lua_tostring(lua, 2) : "?");
}

static int refuse_library(lua_State *lua)
{
    return luaL_error(lua, "the libraries are read only");
}

// [table] -> [stand-in that reads the table and refuses writes]
static void lock(lua_State *lua, lua_CFunction refuse)
{
    lua_newtable(lua);
    lua_createtable(lua, 0, 3); // [table, stand-in, metatable]
    lua_pushvalue(lua, -3);
    lua_setfield(lua, -2, "__index");
    lua_pushcfunction(lua, refuse);
    lua_setfield(lua, -2, "__newindex");
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    lua_setmetatable(lua, -2);
    lua_remove(lua, -2);
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
    static const char *const kept[] = {"assert",   "error",  "getmetatable", "pcall",
                                       "rawequal", "rawget", "select",       "setmetatable",
                                       "tonumber", "type",   "unpack",       NULL};
    static const luaL_Reg own[] = {{"pairs", ordered_pairs},     {"ipairs", ordered_ipairs},
                                   {"next", ordered_next},       {"print", print},
                                   {"tostring", plain_tostring}, {"xpcall", plain_xpcall},
                                   {"require", loader_require},  {NULL, NULL}};
    copy_names(lua, NULL, kept);
    luaL_register(lua, NULL, own);
}

static void add_string(lua_State *lua)
{
    static const char *const kept[] = {"byte", "char",  "find",  "gmatch", "gsub",
                                       "len",  "lower", "match", "rep",    "reverse",
                                       "sub",  "upper", NULL};
    lua_newtable(lua); // [environment, string]
    copy_names(lua, "string", kept);
    check_calls_of(lua, "gsub");
    lua_getglobal(lua, "string");
    lua_getfield(lua, -1, "format");
    lua_pushcclosure(lua, plain_format, 1);
    lua_setfield(lua, -3, "format");
    lua_pop(lua, 1);
    lua_pushliteral(lua,
                    ""); // ("x"):rep(3) finds the same functions, and nobody reaches their table
    lua_getmetatable(lua, -1);
    lua_pushvalue(lua, -3);
    lua_setfield(lua, -2, "__index");
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    lua_pop(lua, 2);
    lock(lua, refuse_library);
    lua_setfield(lua, -2, "string");
}

static void add_library(lua_State *lua, const char *name, const char *const *kept)
{
    lua_newtable(lua);
    copy_names(lua, name, kept);
    if (strcmp(name, LUA_TABLIBNAME) == 0)
        check_calls_of(lua, "sort");
    lock(lua, refuse_library);
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
    lua_setfield(lua, -2, "decode");
    lua_pushlightuserdata(lua, NULL);
    lua_setfield(lua, -2, "null");
    lua_remove(lua, -2);
    lock(lua, refuse_library);
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
    lock(lua, refuse_library);
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
    static const char *const tables[] = {"concat", "insert", "maxn", "remove", "sort", NULL};
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
    add_library(lua, "table", tables);
    add_library(lua, "math", maths);
    add_cjson(lua);
    add_rowcast(lua);
    lock(lua, refuse_global);
    vm_of(lua)->environment = luaL_ref(lua, LUA_REGISTRYINDEX);
    loader_setup(lua);
}
