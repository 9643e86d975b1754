// SPDX-License-Identifier: MIT
// How script files become functions: text only, in the sandbox, from below the script folder.
#include "rowcast/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rowcast/vm.h"

#define MAX_FILE_SIZE (1 << 20)

#define MODULES                                                                                    \
    "rowcast.modules" // registry: name -> what the module returned, or false while it loads

static int refuse_file(lua_State *lua, const char *path, const char *why)
{
    return luaL_error(lua, "%s: cannot be read: %s", path, why);
}

// Pushes a userdata with the file's bytes; raises what goes wrong. Returns the size, or -1 if there is no
// file. The memory comes first: nothing may raise while a descriptor is open.
static ssize_t push_file(lua_State *lua, const char *path)
{
    struct stat status;
    if (lstat(path, &status) != 0)
        return errno == ENOENT ? -1 : refuse_file(lua, path, strerror(errno));
    if (!S_ISREG(status.st_mode) || status.st_size > MAX_FILE_SIZE)
        return refuse_file(lua, path, "not a regular file of up to 1 MiB");
    char *bytes = lua_newuserdata(lua, (size_t)status.st_size + 1);
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t size = file < 0 ? -1 : read(file, bytes, (size_t)status.st_size);
    int error = errno;
    if (file >= 0)
        close(file);
    return size < 0 ? refuse_file(lua, path, strerror(error)) : size;
}

// FNV-1a
static void add_to_hash(struct vm *vm, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        vm->hash = (vm->hash ^ (unsigned char)bytes[i]) * 0x100000001b3;
}

bool loader_load(lua_State *lua, const char *name)
{
    struct vm *vm = vm_of(lua);
    const char *outer = vm->loading;
    vm->loading = name;
    const char *path = lua_pushfstring(lua, "%s/%s", vm->folder, name); // [path]
    ssize_t size = push_file(lua, path);                                // [path, bytes]
    if (size < 0) {
        lua_pop(lua, 1);
        vm->loading = outer;
        return false;
    }
    add_to_hash(vm, name, strlen(name) + 1);
    add_to_hash(vm, lua_touserdata(lua, -1), (size_t)size);
    const char *chunk = lua_pushfstring(lua, "@%s", path); // [path, bytes, chunk]
    if (luaL_loadbufferx(lua, lua_touserdata(lua, -2), (size_t)size, chunk, "t") != 0)
        lua_error(lua);
    lua_rawgeti(lua, LUA_REGISTRYINDEX,
                vm->environment); // [path, bytes, chunk, function, environment]
    lua_setfenv(lua, -2);
    lua_call(lua, 0, 1); // [path, bytes, chunk, result]
    lua_replace(lua, -4);
    lua_pop(lua, 2); // [result]
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
