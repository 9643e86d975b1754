// SPDX-License-Identifier: MIT
// Sets of keys that were in order before.
#include "rowcast/shapes.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"
#include "rowcast/vm.h"

#define SHAPES 32
#define LONGEST_KEY 64 // what is kept takes memory from the scripts

struct shape {
    uint64_t missed; // what was asked for here last, in vain
    uint32_t count;
    int kept; // registry reference of a table of the keys, so that their addresses stay theirs
    const void *walk[JSON_FEW_MEMBERS];
    struct json_key keys[JSON_FEW_MEMBERS];
};

struct shapes {
    struct shape items[SHAPES];
};

struct shapes *shapes_new(void)
{
    struct shapes *shapes = memory_new(sizeof *shapes);
    for (size_t i = 0; i < SHAPES; i++)
        shapes->items[i].kept = LUA_NOREF;
    return shapes;
}

static uint64_t hash_of(const void *const *walk, size_t count)
{
    uint64_t hash = count;
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ (uintptr_t)walk[i]) * 0x9e3779b97f4a7c15;
    return hash;
}

static struct shape *shape_at(struct shapes *shapes, uint64_t hash)
{
    return &shapes->items[hash >> 59];
}

bool shapes_find(struct shapes *shapes, const void *const *walk, size_t count,
                 struct json_key *keys)
{
    const struct shape *shape = shape_at(shapes, hash_of(walk, count));
    if (shape->count != count || memcmp(shape->walk, walk, count * sizeof *walk) != 0)
        return false;
    memcpy(keys, shape->keys, count * sizeof *keys);
    return true;
}

static bool are_short(const struct json_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (keys[i].is_number || keys[i].size > LONGEST_KEY)
            return false;
    return true;
}

static void push_kept(lua_State *lua, const struct json_key *keys, size_t count)
{
    lua_createtable(lua, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushlstring(lua, keys[i].text, keys[i].size);
        lua_rawseti(lua, -2, (int)i + 1);
    }
}

void shapes_note(lua_State *lua, struct shapes *shapes, const void *const *walk,
                 const struct json_key *keys, size_t count)
{
    uint64_t hash = hash_of(walk, count);
    struct shape *shape = shape_at(shapes, hash);
    if (count == 0 || !are_short(keys, count))
        return;
    if (shape->missed != hash) {
        shape->missed = hash;
        return;
    }
    shape->count = 0; // in case that there is no memory for the next lines
    luaL_unref(lua, LUA_REGISTRYINDEX, shape->kept);
    shape->kept = LUA_NOREF;
    push_kept(lua, keys, count);
    shape->kept = luaL_ref(lua, LUA_REGISTRYINDEX);
    memcpy(shape->walk, walk, count * sizeof *walk);
    memcpy(shape->keys, keys, count * sizeof *keys);
    shape->count = (uint32_t)count;
}
