// SPDX-License-Identifier: MIT
// How script files become functions: text only, in the sandbox, from what was read of the script folder.
#include "rowcast/loader.h"

#include <lauxlib.h>
#include <string.h>

#include "rowcast/bundle.h"
#include "rowcast/vm.h"

#define MODULES "rowcast.modules" // registry: name -> what the module returned

bool loader_load(lua_State *lua, const char *name)
{
    struct vm *vm = vm_of(lua);
    const struct bundle_file *file = bundle_find(vm->bundle, name);
    if (!file)
        return false;
    const char *outer = vm->loading;
    vm->loading = name;
    const char *chunk = lua_pushfstring(lua, "@%s/%s", vm->folder, name); // [chunk]
    if (file->why)
        luaL_error(lua, "%s: cannot be read: %s", chunk + 1, file->why);
    vm_charge_bytes(lua, file->size);
    if (luaL_loadbufferx(lua, file->bytes, file->size, chunk, "t") != 0) // [chunk, function]
        lua_error(lua);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, vm->environment); // [chunk, function, environment]
    lua_setfenv(lua, -2);
    lua_call(lua, 0, 1); // [chunk, result]
    lua_remove(lua, -2); // [result]
    vm->loading = outer;
    return true;
}

static bool is_module_name(const char *name)
{
    if (*name == '\0' || *name == '.')
        return false;
    for (const char *at = name; *at; at++) {
        if (*at == '.' && at[1] == '.')
            return false;
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.", *at))
            return false;
    }
    return true;
}

static int refuse_write(lua_State *lua)
{
    return luaL_error(lua, "libraries and modules are read only");
}

// [.., module]: what one call leaves in it another one must not find. A list keeps its length and is left as it is.
static void lock_module(lua_State *lua)
{
    bool is_list = lua_istable(lua, -1) && lua_objlen(lua, -1) > 0;
    if (lua_istable(lua, -1) && !is_list)
        vm_lock(lua, refuse_write);
}

// Whether a require of that name is under way. The calls say so, not a mark: a require that fails would leave it behind.
static bool is_loading(lua_State *lua, const char *name)
{
    lua_Debug call;
    for (int level = 1; lua_getstack(lua, level, &call); level++) {
        lua_getinfo(lua, "f", &call); // [.., function]
        bool requires = lua_tocfunction(lua, -1) == loader_require;
        lua_pop(lua, 1);
        if (!requires || !lua_getlocal(lua, &call, 1))
            continue;
        const char *other = lua_tostring(lua, -1);
        bool same = other && strcmp(other, name) == 0;
        lua_pop(lua, 1);
        if (same)
            return true;
    }
    return false;
}

// require "lib.lmsr", or "lmsr" for short: scripts/lib/lmsr.lua, once.
int loader_require(lua_State *lua)
{
    const char *name = luaL_checkstring(lua, 1);
    lua_settop(lua, 1);
    if (strncmp(name, "lib.", 4) == 0)
        name += 4;
    if (strlen(name) > 100 || !is_module_name(name))
        return luaL_error(lua, "module '%s' not found: require opens files below lib/ only", name);
    lua_pushstring(lua, name);
    lua_replace(lua, 1); // without lib.
    name = lua_tostring(lua, 1);
    lua_getfield(lua, LUA_REGISTRYINDEX, MODULES); // [name, modules]
    lua_getfield(lua, -1, name);                   // [name, modules, module]
    if (!lua_isnil(lua, -1))
        return 1;
    lua_pop(lua, 1);
    if (is_loading(lua, name))
        return luaL_error(lua, "module '%s' requires itself", name);
    const char *relative = luaL_gsub(lua, name, ".", "/"); // [name, modules, relative]
    const char *file = lua_pushfstring(lua, "lib/%s.lua", relative);
    if (!loader_load(lua, file))
        return luaL_error(lua, "module '%s' not found: there is no %s/%s", name, vm_of(lua)->folder,
                          file);
    if (lua_isnil(lua, -1)) {
        lua_pop(lua, 1);
        lua_pushboolean(lua, 1);
    }
    lock_module(lua);
    lua_pushvalue(lua, -1);
    lua_setfield(lua, 2, name); // [name, modules, .., module, module]
    return 1;
}

void loader_setup(lua_State *lua)
{
    lua_newtable(lua);
    lua_setfield(lua, LUA_REGISTRYINDEX, MODULES);
}
