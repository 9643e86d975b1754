// SPDX-License-Identifier: MIT
// What a topic's rows are asked with: the `snapshot` of table scripts.
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/json.h"
#include "rowcast/memory.h"
#include "rowcast/script_state.h"

#define MAX_TEXT 4096 // bytes of where, order, or an argument
#define MAX_NUMBER 64

// One table's `snapshot`, while it is read.
struct reading {
    lua_State *lua;
    int index;           // of the table with where, order, ...
    const char *who;     // "FILE:LINE: the snapshot" or the like, for complaints
    struct arena *arena; // NULL: only looked at
    struct query query;
    double rank;
};

struct ranked {
    struct query query;
    double rank;
};

struct snapshot_run {
    struct script *script;
    const char *topic;
    size_t topic_size;
    struct script_queries *queries;
    struct ranked *ranked; // as many as there are tables
    size_t count;
};

// ---- one description: [.., table] ----

static int refuse(const struct reading *reading, const char *key, const char *expected)
{
    return luaL_error(reading->lua, "%s has '%s' as a %s; %s is expected", reading->who, key,
                      luaL_typename(reading->lua, -1), expected);
}

static const char *keep(const struct reading *reading, const char *text, size_t size)
{
    return reading->arena ? arena_copy(reading->arena, text, size) : text;
}

// SQL that the script's author wrote. NULL: not given.
static const char *read_sql(const struct reading *reading, const char *key)
{
    lua_State *lua = reading->lua;
    size_t size;
    lua_getfield(lua, reading->index, key);
    const char *text = lua_type(lua, -1) == LUA_TSTRING ? lua_tolstring(lua, -1, &size) : NULL;
    if (!text && !lua_isnil(lua, -1))
        refuse(reading, key, "a string of SQL");
    if (text && (size == 0 || size > MAX_TEXT || memchr(text, '\0', size)))
        luaL_error(lua, "%s has a '%s' that is not 1 to 4096 bytes long, or has a NUL in it",
                   reading->who, key);
    if (text)
        text = keep(reading, text, size);
    lua_pop(lua, 1);
    return text;
}

static bool read_flag(const struct reading *reading, const char *key)
{
    lua_getfield(reading->lua, reading->index, key);
    if (!lua_isnil(reading->lua, -1) && !lua_isboolean(reading->lua, -1))
        refuse(reading, key, "true or false");
    bool flag = lua_toboolean(reading->lua, -1);
    lua_pop(reading->lua, 1);
    return flag;
}

static double read_number(const struct reading *reading, const char *key, double otherwise)
{
    lua_getfield(reading->lua, reading->index, key);
    if (!lua_isnil(reading->lua, -1) && lua_type(reading->lua, -1) != LUA_TNUMBER)
        refuse(reading, key, "a number");
    double number = lua_isnil(reading->lua, -1) ? otherwise : lua_tonumber(reading->lua, -1);
    lua_pop(reading->lua, 1);
    if (number != number)
        luaL_error(reading->lua, "%s has a '%s' that is not a number", reading->who, key);
    return number;
}

static int64_t read_limit(const struct reading *reading)
{
    double limit = read_number(reading, "limit", QUERY_NO_LIMIT);
    if (limit != QUERY_NO_LIMIT && (limit < 0 || limit > 1e9 || limit != (int64_t)limit))
        luaL_error(reading->lua, "%s has a 'limit' that is not a whole number of rows",
                   reading->who);
    return (int64_t)limit;
}

// [.., value] -> the same: its text, NULL for null.
static const char *argument_text(const struct reading *reading)
{
    lua_State *lua = reading->lua;
    size_t size;
    struct buffer number;
    switch (lua_type(lua, -1)) {
    case LUA_TLIGHTUSERDATA:
        return NULL; // rowcast.null
    case LUA_TBOOLEAN:
        return lua_toboolean(lua, -1) ? "t" : "f";
    case LUA_TNUMBER: {
        char *text = arena_new(reading->arena, MAX_NUMBER);
        buffer_init(&number, MAX_NUMBER - 1);
        if (lua_tonumber(lua, -1) - lua_tonumber(lua, -1) != 0)
            luaL_error(lua, "%s has an argument that is not finite", reading->who);
        json_write_number(lua, lua_tonumber(lua, -1), &number);
        memcpy(text, number.bytes, number.size);
        buffer_release(&number);
        return text;
    }
    case LUA_TSTRING: {
        const char *text = lua_tolstring(lua, -1, &size);
        if (size > MAX_TEXT || memchr(text, '\0', size))
            luaL_error(lua, "%s has an argument of more than 4096 bytes, or with a NUL in it",
                       reading->who);
        return keep(reading, text, size);
    }
    default:
        luaL_error(lua, "%s has a %s as an argument; strings, numbers and booleans are expected",
                   reading->who, luaL_typename(lua, -1));
        return NULL;
    }
}

static void read_arguments(struct reading *reading)
{
    lua_State *lua = reading->lua;
    const char *arguments[QUERY_MAX_ARGUMENTS];
    lua_getfield(lua, reading->index, "args");
    if (lua_isnil(lua, -1)) {
        lua_pop(lua, 1);
        return;
    }
    if (!lua_istable(lua, -1))
        refuse(reading, "args", "a list");
    size_t count = lua_objlen(lua, -1);
    if (count > QUERY_MAX_ARGUMENTS)
        luaL_error(lua, "%s has more than 32 arguments", reading->who);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(lua, -1, (int)i + 1);
        arguments[i] = argument_text(reading);
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
    reading->query.argument_count = (uint32_t)count;
    reading->query.arguments =
        arena_copy(reading->arena, arguments, count * sizeof *reading->query.arguments);
}

static void check_keys(const struct reading *reading, bool with_arguments)
{
    static const char *const known[] = {"where", "order", "limit", "reverse", "rank", "args"};
    lua_State *lua = reading->lua;
    size_t count, known_count = sizeof known / sizeof *known - !with_arguments;
    struct json_key *keys = json_keys(lua, reading->index, &count);
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        for (size_t j = 0; !keys[i].is_number && j < known_count; j++)
            found |= strcmp(keys[i].text, known[j]) == 0;
        if (!found)
            luaL_error(lua, "%s has '%s', which is none of where, order, limit, reverse, rank%s",
                       reading->who, keys[i].is_number ? "[number]" : keys[i].text,
                       with_arguments ? ", args" : " (args needs the form with a function)");
    }
    lua_pop(lua, 1);
}

static void read_description(struct reading *reading, bool with_arguments)
{
    check_keys(reading, with_arguments);
    reading->query.where = read_sql(reading, "where");
    reading->query.order = read_sql(reading, "order");
    reading->query.limit = read_limit(reading);
    reading->query.reverse = read_flag(reading, "reverse");
    reading->rank = read_number(reading, "rank", 0);
}

// ---- at load ----

void script_snapshot_check(lua_State *lua, const struct script_table *table)
{
    if (lua_isnil(lua, -1))
        return;
    if (table->handlers[CHANGE_INSERT] == LUA_NOREF)
        luaL_error(lua,
                   "%s:1: it has 'snapshot' but no 'insert', which makes the events of its rows",
                   table->file);
    if (lua_isfunction(lua, -1))
        return;
    if (!lua_istable(lua, -1))
        luaL_error(lua, "%s:1: 'snapshot' is a %s; a table or a function is expected", table->file,
                   luaL_typename(lua, -1));
    struct reading reading = {.lua = lua, .index = lua_gettop(lua)};
    reading.who = lua_pushfstring(lua, "%s:1: the snapshot", table->file); // [.., table, who]
    read_description(&reading, false);
    if (!reading.query.where || !strstr(reading.query.where, "$1"))
        luaL_error(lua, "%s must have a 'where' with $1 in it, which is the topic", reading.who);
    lua_pop(lua, 1);
}

// ---- for a topic ----

static void add(struct snapshot_run *run, struct reading *reading, const struct script_table *table)
{
    reading->query.schema = keep(reading, table->schema, strlen(table->schema));
    reading->query.table = keep(reading, table->table, strlen(table->table));
    size_t at = run->count++;
    for (; at > 0 && run->ranked[at - 1].rank > reading->rank; at--)
        run->ranked[at] = run->ranked[at - 1];
    run->ranked[at] = (struct ranked){reading->query, reading->rank};
}

// [snapshot]: the topic is the only argument.
static void read_table(struct snapshot_run *run, struct reading *reading)
{
    const char *topic = keep(reading, run->topic, run->topic_size);
    reading->who = "the snapshot";
    read_description(reading, false);
    reading->query.argument_count = 1;
    reading->query.arguments = arena_copy(reading->arena, &topic, sizeof topic);
}

// [function, result]
static void read_result(struct reading *reading)
{
    lua_State *lua = reading->lua;
    const char *position = function_position(lua, 1); // [function, result, position]
    if (!lua_istable(lua, 2))
        luaL_error(lua, "%s: the function returned a %s; nil or a table with where is expected",
                   position, luaL_typename(lua, 2));
    reading->who = lua_pushfstring(lua, "%s: what the function returned", position);
    read_description(reading, true);
    read_arguments(reading);
}

static void ask_table(lua_State *lua, struct snapshot_run *run, const struct script_table *table)
{
    struct reading reading = {.lua = lua, .arena = &run->queries->arena};
    if (table->snapshot == LUA_NOREF)
        return;
    lua_settop(lua, 0);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, table->snapshot); // [snapshot]
    if (!lua_isfunction(lua, 1)) {
        reading.index = 1;
        read_table(run, &reading);
        add(run, &reading, table);
        return;
    }
    vm_of(lua)->handler = table->snapshot;
    lua_pushvalue(lua, 1);
    lua_pushlstring(lua, run->topic, run->topic_size);
    lua_call(lua, 1, 1); // [function, result]
    if (!lua_toboolean(lua, 2))
        return; // not its topic
    reading.index = 2;
    read_result(&reading);
    add(run, &reading, table);
}

static int snapshot_body(lua_State *lua)
{
    struct snapshot_run *run = lua_touserdata(lua, 1);
    for (size_t i = 0; i < run->script->table_count; i++)
        ask_table(lua, run, &run->script->tables[i]);
    return 0;
}

struct script_queries *script_snapshot(struct script *script, const char *topic, size_t topic_size,
                                       char *failure, size_t failure_size)
{
    struct script_queries *queries = memory_new(sizeof *queries);
    arena_init(&queries->arena);
    struct snapshot_run run = {script, topic, topic_size, queries, NULL, 0};
    run.ranked = memory_new((script->table_count + 1) * sizeof *run.ranked);
    script->vm->generation++;
    script->site = (struct script_site){.script = script->vm->folder}; // several tables are asked
    int result =
        vm_run(script->vm, snapshot_body, &run, SCRIPT_MESSAGE_STEPS, failure, failure_size);
    queries->items = arena_new(&queries->arena, (run.count + 1) * sizeof *queries->items);
    for (queries->count = 0; queries->count < run.count; queries->count++)
        queries->items[queries->count] = run.ranked[queries->count].query;
    free(run.ranked);
    if (result == 0)
        return queries;
    script_queries_free(queries);
    return NULL;
}

void script_queries_free(struct script_queries *queries)
{
    if (!queries)
        return;
    arena_release(&queries->arena);
    free(queries);
}
