// SPDX-License-Identifier: MIT
// How script files become functions: text only, in the sandbox, from what was read of the script folder.
#include "rowcast/loader.h"

#include <lauxlib.h>
#include <string.h>

#include "rowcast/bundle.h"
#include "rowcast/vm.h"

#define MODULES                                                                                    \
    "rowcast.modules" // registry: name -> what the module returned, or false while it loads

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

// require "lib.lmsr", or "lmsr" for short: scripts/lib/lmsr.lua, once.
int loader_require(lua_State *lua)
{
    const char *name = luaL_checkstring(lua, 1);
    lua_settop(lua, 1);
    if (strncmp(name, "lib.", 4) == 0)
        name += 4;
    if (strlen(name) > 100 || !is_module_name(name))
        return luaL_error(lua, "module '%s' not found: require opens files below lib/ only", name);
    lua_getfield(lua, LUA_REGISTRYINDEX, MODULES); // [name, modules]
    lua_getfield(lua, -1, name);                   // [name, modules, module]
    if (lua_isboolean(lua, -1) && !lua_toboolean(lua, -1))
        return luaL_error(lua, "module '%s' requires itself", name);
    if (!lua_isnil(lua, -1))
        return 1;
    lua_pop(lua, 1);
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, name);
    const char *relative = luaL_gsub(lua, name, ".", "/"); // [name, modules, relative]
    const char *file = lua_pushfstring(lua, "lib/%s.lua", relative);
    if (!loader_load(lua, file))
        return luaL_error(lua, "module '%s' not found: there is no %s/%s", name, vm_of(lua)->folder,
                          file);
    if (lua_isnil(lua, -1)) {
        lua_pop(lua, 1);
        lua_pushboolean(lua, 1);
    }
    lua_pushvalue(lua, -1);
    lua_setfield(lua, 2, name); // [name, modules, .., module, module]
    return 1;
}

void loader_setup(lua_State *lua)
{
    lua_newtable(lua);
    lua_setfield(lua, LUA_REGISTRYINDEX, MODULES);
}
