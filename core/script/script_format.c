// SPDX-License-Identifier: MIT
// Other shapes for events: the functions of client.lua's `formats`.
#include <lauxlib.h>
#include <string.h>

#include "rowcast/json.h"
#include "rowcast/memory.h"
#include "rowcast/script_state.h"

struct format_run {
    struct script *script;
    int function;
    const char *json;
    size_t size;
    struct frame *frame;
};

// [.., formats, name, function] -> [.., formats, name]
static void take(lua_State *lua, struct script *script)
{
    const char *name = lua_type(lua, -2) == LUA_TSTRING ? lua_tostring(lua, -2) : NULL;
    if (!name || strlen(name) > SCRIPT_MAX_FORMAT_NAME || !lua_isfunction(lua, -1))
        luaL_error(lua, "%s:1: 'formats' holds functions by name, of up to %d bytes",
                   script->client_file, SCRIPT_MAX_FORMAT_NAME);
    if (script->format_count == SCRIPT_MAX_FORMATS)
        luaL_error(lua, "%s:1: more than %d formats", script->client_file, SCRIPT_MAX_FORMATS);
    struct script_shape *shape = &script->formats[script->format_count++];
    shape->name = memory_text(name);
    shape->function = luaL_ref(lua, LUA_REGISTRYINDEX);
}

void script_formats_take(lua_State *lua, struct script *script)
{
    lua_getfield(lua, -1, "formats"); // [.., formats]
    if (!lua_isnil(lua, -1) && !lua_istable(lua, -1))
        luaL_error(lua, "%s:1: 'formats' is a %s; a table of functions is expected",
                   script->client_file, luaL_typename(lua, -1));
    if (lua_istable(lua, -1))
        for (lua_pushnil(lua); lua_next(lua, -2);)
            take(lua, script);
    lua_pop(lua, 1);
}

static const struct script_shape *find(const struct script *script, const char *name)
{
    for (size_t i = 0; i < script->format_count; i++)
        if (strcmp(script->formats[i].name, name) == 0)
            return &script->formats[i];
    return NULL;
}

const char *script_format_name(const struct script *script, size_t index)
{
    return index < script->format_count ? script->formats[index].name : NULL;
}

bool script_has_format(const struct script *script, const char *name)
{
    return find(script, name) != NULL;
}

static int refuse(lua_State *lua, const char *what)
{
    return luaL_error(lua, "%s: the format returned %s", function_position(lua, 1), what);
}

// [format, shape, binary]
static struct frame *make_frame(lua_State *lua, struct script *script)
{
    enum frame_opcode opcode = lua_toboolean(lua, 3) ? FRAME_BINARY : FRAME_TEXT;
    struct buffer *out = &script->encoded;
    size_t size;
    if (lua_type(lua, 2) == LUA_TSTRING) {
        const char *bytes = lua_tolstring(lua, 2, &size);
        return frame_new(opcode, bytes, size);
    }
    if (!lua_istable(lua, 2))
        refuse(lua, "neither nil nor a string nor a table");
    buffer_clear(out);
    json_write(lua, 2, out);
    if (out->overflowed)
        refuse(lua, "an event that is too large");
    return frame_new(opcode, out->bytes, out->size);
}

static int format_body(lua_State *lua)
{
    struct format_run *run = lua_touserdata(lua, 1);
    lua_settop(lua, 0);
    vm_of(lua)->handler = run->function;
    lua_rawgeti(lua, LUA_REGISTRYINDEX, run->function); // [format]
    lua_pushvalue(lua, 1);
    json_read(lua, run->json, run->size);
    lua_call(lua, 1, 2); // [format, shape, binary]
    if (lua_toboolean(lua, 2))
        run->frame = make_frame(lua, run->script);
    return 0;
}

struct frame *script_format(struct script *script, const char *name, const char *json, size_t size,
                            char *failure, size_t failure_size)
{
    const struct script_shape *shape = find(script, name);
    failure[0] = '\0';
    if (!shape)
        return NULL;
    struct format_run run = {script, shape->function, json, size, NULL};
    vm_run(script->vm, format_body, &run, SCRIPT_MESSAGE_STEPS, failure, failure_size);
    return run.frame;
}
