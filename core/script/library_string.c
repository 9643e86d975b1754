// SPDX-License-Identifier: MIT
// string and the base functions about text, as scripts see them: charged by the bytes they touch.
#include "rowcast/library.h"

#include <limits.h>
#include <string.h>

#include "rowcast/vm.h"

#define FEW_BYTES 512    // changed on the stack
#define MAX_RESULTS 8000 // of one call
#define SHORT_NUMERAL 64 // bytes that are read for nothing

void library_add(lua_State *lua, const luaL_Reg *functions, const char *origin)
{
    lua_pushvalue(lua, LUA_GLOBALSINDEX);
    if (origin) {
        lua_getfield(lua, -1, origin);
        lua_remove(lua, -2);
    } // [table, own]
    for (; functions->name; functions++) {
        lua_getfield(lua, -1, functions->name);
        lua_pushcclosure(lua, functions->func, 1);
        lua_setfield(lua, -3, functions->name);
    }
    lua_pop(lua, 1);
}

void library_check_size(lua_State *lua, double size)
{
    if (size > LIBRARY_MAX_STRING)
        luaL_error(lua,
                   "the result would be larger than 1 MiB, the most that scripts make of text");
}

int library_int(lua_State *lua, int index, int none)
{
    if (lua_isnoneornil(lua, index))
        return none;
    double number = luaL_checknumber(lua, index);
    return number >= INT_MIN && number <= INT_MAX ? (int)number : INT_MIN;
}

// Calls LuaJIT's own with the arguments.
static int call_own(lua_State *lua)
{
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, lua_gettop(lua) - 1, LUA_MULTRET);
    return lua_gettop(lua);
}

// ---- parts of a string ----

struct slice {
    const char *text;
    size_t size;
};

// Positions count from 1, negative ones from the end; what lies outside of the string is left out.
static struct slice take_slice(lua_State *lua, int first, int last)
{
    size_t size;
    const char *text = luaL_checklstring(lua, 1, &size);
    int64_t length = (int64_t)size, from = first, to = last;
    from += from < 0 ? length + 1 : 0;
    to += to < 0 ? length + 1 : 0;
    from = from < 1 ? 1 : from;
    to = to > length ? length : to;
    return from > to ? (struct slice){"", 0}
                     : (struct slice){text + from - 1, (size_t)(to - from + 1)};
}

static int string_sub(lua_State *lua)
{
    luaL_checkstring(lua, 1);
    luaL_checknumber(lua, 2);
    struct slice slice = take_slice(lua, library_int(lua, 2, 0), library_int(lua, 3, -1));
    vm_charge_bytes(lua, slice.size);
    lua_pushlstring(lua, slice.text, slice.size);
    return 1;
}

static int string_byte(lua_State *lua)
{
    luaL_checkstring(lua, 1);
    int first = library_int(lua, 2, 1);
    struct slice slice = take_slice(lua, first, library_int(lua, 3, first));
    if (slice.size > MAX_RESULTS || !lua_checkstack(lua, (int)slice.size))
        return luaL_error(lua, "string slice too long");
    vm_charge_bytes(lua, slice.size);
    for (size_t i = 0; i < slice.size; i++)
        lua_pushinteger(lua, (unsigned char)slice.text[i]);
    return (int)slice.size;
}

// ---- a string byte by byte ----

// Pushes what `change` makes of the string.
static int change_string(lua_State *lua, void (*change)(char *to, const char *from, size_t size))
{
    size_t size;
    char few[FEW_BYTES];
    const char *text = luaL_checklstring(lua, 1, &size);
    vm_charge_bytes(lua, size);
    char *changed = size > sizeof few ? lua_newuserdata(lua, size) : few;
    change(changed, text, size);
    lua_pushlstring(lua, changed, size);
    return 1;
}

static void lower(char *to, const char *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (char)(from[i] + (from[i] >= 'A' && from[i] <= 'Z' ? 32 : 0));
}

static void upper(char *to, const char *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (char)(from[i] - (from[i] >= 'a' && from[i] <= 'z' ? 32 : 0));
}

static void reverse(char *to, const char *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = from[size - 1 - i];
}

static int string_lower(lua_State *lua)
{
    return change_string(lua, lower);
}

static int string_upper(lua_State *lua)
{
    return change_string(lua, upper);
}

static int string_reverse(lua_State *lua)
{
    return change_string(lua, reverse);
}

// ---- longer strings ----

static int string_rep(lua_State *lua)
{
    size_t size, separator;
    luaL_checklstring(lua, 1, &size);
    int count = (luaL_checknumber(lua, 2), library_int(lua, 2, 0));
    luaL_optlstring(lua, 3, "", &separator);
    if (count > 0)
        library_check_size(lua, (double)(size + separator) * count - (double)separator);
    return call_own(lua);
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

// [.., argument at `index`, ..]: what would show an address is turned to text.
static void make_plain(lua_State *lua, int index)
{
    int type = lua_type(lua, index);
    if (type != LUA_TTABLE && type != LUA_TFUNCTION && type != LUA_TUSERDATA &&
        type != LUA_TLIGHTUSERDATA)
        return;
    lua_pushcfunction(lua, library_tostring);
    lua_pushvalue(lua, index);
    lua_call(lua, 1, 1);
    lua_replace(lua, index);
}

static int string_format(lua_State *lua)
{
    size_t size, bytes;
    const char *format = luaL_checklstring(lua, 1, &size);
    if (formats_a_pointer(format, size))
        return luaL_error(lua, "string.format: %%p would differ in every process");
    int count = lua_gettop(lua);
    bytes = size;
    for (int i = 2; i <= count; i++) {
        make_plain(lua, i);
        bytes += lua_type(lua, i) == LUA_TSTRING ? lua_objlen(lua, i) : 0;
    }
    vm_charge_bytes(lua, bytes);
    call_own(lua);
    library_check_size(lua, (double)lua_objlen(lua, -1));
    return 1;
}

// ---- numbers ----

static int base_tonumber(lua_State *lua)
{
    size_t size = lua_type(lua, 1) == LUA_TSTRING ? lua_objlen(lua, 1) : 0;
    if (size > SHORT_NUMERAL)
        vm_charge_bytes(lua, size);
    if (!lua_isnoneornil(lua, 2))
        return call_own(lua);
    luaL_checkany(lua, 1);
    if (lua_isnumber(lua, 1))
        lua_pushnumber(lua, lua_tonumber(lua, 1));
    else
        lua_pushnil(lua);
    return 1;
}

int library_tostring(lua_State *lua)
{
    luaL_checkany(lua, 1);
    vm_check_depth(lua);
    if (luaL_callmeta(lua, 1, "__tostring"))
        return lua_isstring(lua, -1) ? 1 : luaL_error(lua, "'__tostring' must return a string");
    switch (lua_type(lua, 1)) {
    case LUA_TNUMBER:
        lua_pushvalue(lua, 1);
        lua_tostring(lua, -1);
        break;
    case LUA_TSTRING:
        lua_pushvalue(lua, 1);
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

static int base_unpack(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    int64_t first = library_int(lua, 2, 1);
    int64_t last = lua_isnoneornil(lua, 3) ? (int64_t)lua_objlen(lua, 1) : library_int(lua, 3, 0);
    if (first > last)
        return 0;
    if (last - first >= MAX_RESULTS || !lua_checkstack(lua, (int)(last - first) + 1))
        return luaL_error(lua, "too many results to unpack");
    vm_charge(lua, (size_t)(last - first) / 4);
    for (int64_t i = first; i <= last; i++)
        lua_rawgeti(lua, 1, (int)i);
    return (int)(last - first) + 1;
}

const luaL_Reg library_string[] = {{"byte", string_byte},       {"format", string_format},
                                   {"lower", string_lower},     {"rep", string_rep},
                                   {"reverse", string_reverse}, {"sub", string_sub},
                                   {"upper", string_upper},     {NULL, NULL}};

const luaL_Reg library_base[] = {{"tonumber", base_tonumber},
                                 {"tostring", library_tostring},
                                 {"unpack", base_unpack},
                                 {NULL, NULL}};
