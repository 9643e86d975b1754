// SPDX-License-Identifier: MIT
// ctx: what a handler learns about its change, and the other changes of the transaction.
#include "rowcast/context.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/clock.h"
#include "rowcast/json.h"
#include "rowcast/memory.h"
#include "rowcast/row.h"

// The changes of one table in the transaction, found once and kept until it ends.
struct row_lists {
    struct row_lists *next;
    char *name; // "schema.table"
    uint32_t count;
    const struct change **changes;
};

struct lua_list {
    const struct row_lists *list;
    uint32_t generation;
};

struct lua_change {
    const struct change *change;
    uint32_t generation;
};

void context_begin(struct vm *vm, const struct transaction *transaction)
{
    vm->generation++;
    vm->transaction = transaction;
}

void context_end(struct vm *vm)
{
    vm->generation++;
    vm->transaction = NULL;
    vm->change = NULL;
    while (vm->lists) {
        struct row_lists *list = vm->lists;
        vm->lists = list->next;
        free(list->name);
        free(list->changes);
        free(list);
    }
}

static void check_generation(lua_State *lua, uint32_t generation)
{
    if (generation != vm_of(lua)->generation)
        luaL_error(lua, "a list of ctx.rows was used after its transaction");
}

static void set_metatable(lua_State *lua, int metatable)
{
    lua_rawgeti(lua, LUA_REGISTRYINDEX, metatable);
    lua_setmetatable(lua, -2);
}

// ---- ctx.rows ----

static struct row_lists *find_list(struct vm *vm, const char *name)
{
    for (struct row_lists *list = vm->lists; list; list = list->next)
        if (strcmp(list->name, name) == 0)
            return list;
    const struct transaction *transaction = vm->transaction;
    struct row_lists *list = memory_new(sizeof *list);
    list->name = memory_text(name);
    list->changes = memory_new((transaction->change_count + 1) * sizeof *list->changes);
    for (uint32_t i = 0; i < transaction->change_count; i++) {
        const struct change *change = &transaction->changes[i];
        if (change->relation && strcmp(change->relation->name, name) == 0)
            list->changes[list->count++] = change;
    }
    list->next = vm->lists;
    vm->lists = list;
    return list;
}

// ctx.rows(table), named as its script file is: "trades", "depot.bays".
static int context_rows(lua_State *lua)
{
    struct vm *vm = vm_of(lua);
    const char *name = luaL_checkstring(lua, 1);
    if (!vm->transaction || !vm->transaction->whole) {
        lua_pushnil(lua);
        lua_pushliteral(lua, "the transaction is too large to be seen whole");
        return 2;
    }
    if (!strchr(name, '.'))
        name = lua_pushfstring(lua, "public.%s", name);
    vm_charge(lua, 10 + vm->transaction->change_count / 10);
    struct lua_list *userdata = lua_newuserdata(lua, sizeof *userdata);
    *userdata = (struct lua_list){find_list(vm, name), vm->generation};
    set_metatable(lua, vm->list_metatable);
    return 1;
}

static int list_index(lua_State *lua)
{
    struct vm *vm = vm_of(lua);
    struct lua_list *userdata = lua_touserdata(lua, 1);
    check_generation(lua, userdata->generation);
    double position = lua_tonumber(lua, 2);
    if (!(position >= 1 && position <= userdata->list->count) || position != (uint32_t)position)
        return 0;
    struct lua_change *change = lua_newuserdata(lua, sizeof *change);
    *change = (struct lua_change){userdata->list->changes[(uint32_t)position - 1], vm->generation};
    set_metatable(lua, vm->change_metatable);
    return 1;
}

static int list_length(lua_State *lua)
{
    struct lua_list *userdata = lua_touserdata(lua, 1);
    check_generation(lua, userdata->generation);
    lua_pushinteger(lua, userdata->list->count);
    return 1;
}

bool context_is_list(lua_State *lua, int index)
{
    if (lua_type(lua, index) != LUA_TUSERDATA || !lua_getmetatable(lua, index))
        return false;
    lua_rawgeti(lua, LUA_REGISTRYINDEX, vm_of(lua)->list_metatable);
    bool same = lua_rawequal(lua, -1, -2);
    lua_pop(lua, 2);
    return same;
}

static int change_index(lua_State *lua)
{
    struct lua_change *userdata = lua_touserdata(lua, 1);
    check_generation(lua, userdata->generation);
    const struct change *change = userdata->change;
    const char *key = lua_tostring(lua, 2);
    if (!key)
        return 0;
    if (strcmp(key, "op") == 0)
        lua_pushstring(lua, change_op_name(change->op));
    else if (strcmp(key, "new") == 0)
        row_push(lua, change->new_row);
    else if (strcmp(key, "old") == 0)
        row_push(lua, change->old_row);
    else if (strcmp(key, "index") == 0)
        lua_pushinteger(lua, (lua_Integer)change->index);
    else
        return 0;
    return 1;
}

// ---- ctx ----

static void push_unchanged(lua_State *lua, const struct change *change)
{
    lua_newtable(lua);
    json_mark_array(lua);
    const struct row *row = change->new_row;
    int count = 0;
    for (uint32_t i = 0; row && i < row->relation->column_count; i++) {
        if (row->values[i].state != VALUE_UNCHANGED)
            continue;
        lua_pushstring(lua, row->relation->columns[i].name);
        lua_rawseti(lua, -2, ++count);
    }
}

static void push_lsn(lua_State *lua, uint64_t lsn)
{
    char text[24];
    snprintf(text, sizeof text, "%X/%X", (unsigned)(lsn >> 32), (unsigned)lsn);
    lua_pushstring(lua, text);
}

static void push_time(lua_State *lua, int64_t time)
{
    char text[CLOCK_TEXT_SIZE];
    lua_pushlstring(lua, text, (size_t)clock_text(time, text));
}

static void push_text(lua_State *lua, const char *text)
{
    if (text)
        lua_pushstring(lua, text);
    else
        lua_pushnil(lua);
}

static int context_index(lua_State *lua)
{
    struct vm *vm = vm_of(lua);
    const char *key = lua_tostring(lua, 2);
    const struct change *change = vm->change;
    if (!key || !change)
        return 0;
    if (strcmp(key, "rows") == 0)
        lua_pushcfunction(lua, context_rows);
    else if (strcmp(key, "op") == 0)
        lua_pushstring(lua, change_op_name(change->op));
    else if (strcmp(key, "time") == 0)
        push_time(lua, vm->transaction->time);
    else if (strcmp(key, "table") == 0)
        push_text(lua, change->relation ? change->relation->table : NULL);
    else if (strcmp(key, "schema") == 0)
        push_text(lua, change->relation ? change->relation->schema : NULL);
    else if (strcmp(key, "lsn") == 0)
        push_lsn(lua, vm->transaction->lsn);
    else if (strcmp(key, "xid") == 0)
        lua_pushnumber(lua, vm->transaction->xid);
    else if (strcmp(key, "index") == 0)
        lua_pushnumber(lua, change->index);
    else if (strcmp(key, "unchanged") == 0)
        push_unchanged(lua, change);
    else
        return 0;
    return 1;
}

static int refuse_write(lua_State *lua)
{
    return luaL_error(lua, "ctx and what it gives are read only");
}

static int register_metatable(lua_State *lua, lua_CFunction index, lua_CFunction length)
{
    lua_newtable(lua);
    lua_pushcfunction(lua, index);
    lua_setfield(lua, -2, "__index");
    lua_pushcfunction(lua, refuse_write);
    lua_setfield(lua, -2, "__newindex");
    if (length) {
        lua_pushcfunction(lua, length);
        lua_setfield(lua, -2, "__len");
    }
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    return luaL_ref(lua, LUA_REGISTRYINDEX);
}

void context_setup(lua_State *lua)
{
    struct vm *vm = vm_of(lua);
    vm->list_metatable = register_metatable(lua, list_index, list_length);
    vm->change_metatable = register_metatable(lua, change_index, NULL);
    lua_newuserdata(lua, 1);
    set_metatable(lua, register_metatable(lua, context_index, NULL));
    vm->context = luaL_ref(lua, LUA_REGISTRYINDEX);
}

void context_push(lua_State *lua)
{
    lua_rawgeti(lua, LUA_REGISTRYINDEX, vm_of(lua)->context);
}
