// SPDX-License-Identifier: MIT
// ctx: what a handler learns about its change, and the other changes of the transaction.
#include "rowcast/context.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "rowcast/clock.h"
#include "rowcast/json.h"
#include "rowcast/row.h"
#include "rowcast/siblings.h"

#define TABLE_ROOM 160 // of a table's usual name

struct lua_list {
    struct sibling_list list;
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
    siblings_begin(vm->siblings, transaction);
}

void context_end(struct vm *vm)
{
    vm->generation++;
    vm->transaction = NULL;
    vm->change = NULL;
    siblings_end(vm->siblings);
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

// "trades" is public.trades, "depot.bays" is itself. In `room` where it fits there.
static const char *check_table(lua_State *lua, int index, char room[TABLE_ROOM])
{
    static const char schema[] = "public.";
    size_t size;
    const char *name = luaL_checklstring(lua, index, &size);
    if (memchr(name, '.', size))
        return name;
    if (size + sizeof schema > TABLE_ROOM)
        return lua_pushfstring(lua, "%s%s", schema, name);
    memcpy(room, schema, sizeof schema - 1);
    memcpy(room + sizeof schema - 1, name, size + 1);
    return room;
}

static int check_op(lua_State *lua, int index)
{
    if (lua_isnoneornil(lua, index))
        return SIBLINGS_ANY;
    const char *name = luaL_checkstring(lua, index);
    for (int op = CHANGE_INSERT; op <= CHANGE_TRUNCATE; op++)
        if (strcmp(name, change_op_name(op)) == 0)
            return op;
    return luaL_argerror(lua, index, "insert, update, delete or truncate expected");
}

// [.., value] as text; NULL for what no column is equal to.
static const char *check_value(lua_State *lua, int index, size_t *size)
{
    if (lua_isboolean(lua, index)) {
        lua_pushstring(lua, lua_toboolean(lua, index) ? "true" : "false");
        lua_replace(lua, index);
    }
    bool none = lua_isnil(lua, index) || lua_islightuserdata(lua, index);
    return none ? NULL : luaL_checklstring(lua, index, size);
}

// [table, column, value, op]: the changes it asks for.
static struct sibling_list find_list(lua_State *lua, struct siblings *siblings, const char *table,
                                     size_t *steps)
{
    struct sibling_list list = {0};
    size_t size;
    if (lua_isnil(lua, 2) && lua_isnil(lua, 3) && lua_isnil(lua, 4))
        return siblings_of(siblings, table, steps);
    const char *column = luaL_checkstring(lua, 2);
    int op = check_op(lua, 4);
    const char *text = check_value(lua, 3, &size);
    if (text && !siblings_search(siblings, table, column, text, size, op, &list, steps))
        luaL_error(lua, "ctx.rows: more than %d columns of %s are searched in a transaction",
                   SIBLINGS_MAX_SEARCHES, table);
    return list;
}

// ctx.rows(table), ctx.rows(table, column, value [, op]).
static int context_rows(lua_State *lua)
{
    struct vm *vm = vm_of(lua);
    lua_settop(lua, 4);
    char room[TABLE_ROOM];
    const char *table = check_table(lua, 1, room);
    if (!vm->transaction || !vm->transaction->whole) {
        lua_pushnil(lua);
        if (vm->change && vm->change->op == CHANGE_SNAPSHOT)
            lua_pushliteral(lua, "a snapshot shows rows, not the transactions that wrote them");
        else
            lua_pushliteral(lua, "the transaction is too large to be seen whole");
        return 2;
    }
    size_t steps = 0;
    struct sibling_list list = find_list(lua, vm->siblings, table, &steps);
    vm_charge(lua, steps);
    struct lua_list *userdata = lua_newuserdata(lua, sizeof *userdata);
    *userdata = (struct lua_list){list, vm->generation};
    set_metatable(lua, vm->list_metatable);
    return 1;
}

static int list_index(lua_State *lua)
{
    struct vm *vm = vm_of(lua);
    struct lua_list *userdata = lua_touserdata(lua, 1);
    check_generation(lua, userdata->generation);
    double position = lua_tonumber(lua, 2);
    if (!(position >= 1 && position <= userdata->list.count) || position != (uint32_t)position)
        return 0;
    struct lua_change *change = lua_newuserdata(lua, sizeof *change);
    *change = (struct lua_change){userdata->list.changes[(uint32_t)position - 1], vm->generation};
    set_metatable(lua, vm->change_metatable);
    return 1;
}

static int list_length(lua_State *lua)
{
    struct lua_list *userdata = lua_touserdata(lua, 1);
    check_generation(lua, userdata->generation);
    lua_pushinteger(lua, userdata->list.count);
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
        lua_rawgeti(lua, LUA_REGISTRYINDEX, vm->rows);
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
    lua_pushcfunction(lua, context_rows);
    vm->rows = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_newuserdata(lua, 1);
    set_metatable(lua, register_metatable(lua, context_index, NULL));
    vm->context = luaL_ref(lua, LUA_REGISTRYINDEX);
}

void context_push(lua_State *lua)
{
    lua_rawgeti(lua, LUA_REGISTRYINDEX, vm_of(lua)->context);
}
