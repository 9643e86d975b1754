// SPDX-License-Identifier: MIT
// Rows to events: calls the handler of each change and frames what it returns.
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/clock.h"
#include "rowcast/context.h"
#include "rowcast/json.h"
#include "rowcast/memory.h"
#include "rowcast/row.h"
#include "rowcast/script_state.h"

#define MAX_EVENTS_OF_CHANGE 10000
#define MAX_TYPE_SIZE 128
#define FAILURE_SIZE 4096
#define EXTRA_SIZE (EVENT_ID_TEXT_SIZE + CLOCK_TEXT_SIZE + 32)

// Changes of one table that follow each other.
struct stretch {
    const struct script_table *table; // NULL: none yet
    uint64_t rows, events;
    int64_t began;
};

struct row_run {
    struct script *script;
    struct stretch stretch;
    const struct change *change;
    int handler;
    struct event_id id;
    char time[CLOCK_TEXT_SIZE];
};

const char *function_position(lua_State *lua, int index)
{
    lua_Debug where;
    lua_pushvalue(lua, index);
    lua_getinfo(lua, ">S", &where);
    return lua_pushfstring(lua, "%s:%d", where.short_src, where.linedefined);
}

// ---- messages ----

static void write_member(lua_State *lua, struct json_members *members, size_t i, struct buffer *out)
{
    json_write_key(lua, &members->keys[i], out);
    json_write(lua, json_member(lua, members, i), out);
    buffer_append_byte(out, ',');
}

static inline bool key_is(const struct json_key *key, const char *name)
{
    return key->size == strlen(name) && memcmp(key->text, name, key->size) == 0;
}

// The place of the member on the stack until the next call, or 0.
static inline int find_member(lua_State *lua, struct json_members *members, const char *name)
{
    for (size_t i = 0; i < members->count; i++)
        if (!members->keys[i].is_number && key_is(&members->keys[i], name))
            return json_member(lua, members, i);
    return 0;
}

static void write_members(lua_State *lua, struct json_members *members, const char *extra,
                          bool is_event, struct buffer *out)
{
    buffer_append_byte(out, '{');
    for (size_t i = 0; i < members->count; i++) {
        if (members->keys[i].is_number)
            luaL_error(lua, "a message has names as keys, no numbers");
        if (key_is(&members->keys[i], "type"))
            write_member(lua, members, i, out);
    }
    buffer_append_text(out, extra);
    for (size_t i = 0; i < members->count; i++)
        if (!key_is(&members->keys[i], "type") && !(is_event && key_is(&members->keys[i], "topic")))
            write_member(lua, members, i, out);
    if (out->size > 0 && out->bytes[out->size - 1] == ',')
        out->size--;
    buffer_append_byte(out, '}');
}

void message_write(lua_State *lua, int index, const char *extra, bool is_event, struct buffer *out)
{
    struct json_members members;
    json_members_open(lua, index, &members);
    write_members(lua, &members, extra, is_event, out);
    json_members_close(lua, &members);
}

// What goes out instead of an event beyond the limit: its plain top-level values (or its type alone,
// where they are too many) and its size.
static void write_notice(lua_State *lua, int index, const char *extra, size_t size,
                         bool with_values, struct buffer *out)
{
    lua_newtable(lua); // [notice]
    int notice = lua_gettop(lua);
    lua_getfield(lua, index, "type");
    lua_setfield(lua, -2, "type");
    lua_pushnil(lua);
    while (with_values && lua_next(lua, index)) { // [notice, key, value]
        if ((lua_isboolean(lua, -1) || lua_type(lua, -1) == LUA_TNUMBER ||
             (lua_type(lua, -1) == LUA_TSTRING && lua_objlen(lua, -1) <= 1024)) &&
            lua_objlen(lua, -2) <= 256) {
            lua_pushvalue(lua, -2);
            lua_pushvalue(lua, -2);
            lua_rawset(lua, -5);
        }
        lua_pop(lua, 1);
    }
    lua_settop(lua, notice);
    lua_createtable(lua, 0, 1);
    lua_pushnumber(lua, (lua_Number)size);
    lua_setfield(lua, -2, "too_large");
    lua_setfield(lua, -2, "data");
    buffer_clear(out);
    message_write(lua, notice, extra, true, out);
    lua_pop(lua, 1);
}

// ---- one event: [handler, result, ..] ----

static int refuse(lua_State *lua, const char *what)
{
    vm_of(lua)->refused = true;
    return luaL_error(lua, "%s: the function returned %s", function_position(lua, 1), what);
}

// Keeps a copy in `names`; the pointer is an offset until the events are delivered.
static const char *keep_name(struct script *script, const char *text, size_t size)
{
    size_t offset = script->names.size;
    buffer_append(&script->names, text, size);
    buffer_append_byte(&script->names, '\0');
    return (const char *)(uintptr_t)offset;
}

static void take_type(lua_State *lua, struct json_members *members, struct script *script,
                      struct script_event *event)
{
    int place = find_member(lua, members, "type");
    if (place == 0 || lua_type(lua, place) != LUA_TSTRING)
        refuse(lua, "an event without 'type'; a string is expected");
    const char *type = lua_tolstring(lua, place, &event->type_size);
    if (event->type_size == 0 || event->type_size > MAX_TYPE_SIZE)
        refuse(lua, "an event whose 'type' is not 1 to 128 bytes long");
    event->type = keep_name(script, type, event->type_size);
}

// The topic at that place on the stack; 0: none.
static void add_topic(lua_State *lua, int place, struct script *script, struct script_event *event)
{
    if (place == 0 || lua_type(lua, place) != LUA_TSTRING)
        refuse(lua, "an event without 'topic'; a string or a list of strings is expected");
    size_t size;
    const char *name = lua_tolstring(lua, place, &size);
    if (size == 0 || size > EVENT_MAX_TOPIC_SIZE)
        refuse(lua, "an event whose 'topic' is not 1 to 255 bytes long");
    bool twice = false;
    for (uint32_t i = 0; i < event->topic_count; i++)
        twice |= event->topics[i].size == size &&
                 memcmp(script->names.bytes + (size_t)event->topics[i].name, name, size) == 0;
    if (!twice && event->topic_count == EVENT_MAX_TOPICS)
        refuse(lua, "an event with more than 16 topics");
    if (!twice)
        event->topics[event->topic_count++] =
            (struct script_topic){keep_name(script, name, size), size};
}

static void take_topics(lua_State *lua, struct json_members *members, struct script *script,
                        struct script_event *event)
{
    int place = find_member(lua, members, "topic");
    if (place == 0 || !lua_istable(lua, place)) {
        add_topic(lua, place, script, event);
        return;
    }
    for (int i = 1;; i++) {
        lua_rawgeti(lua, place, i); // [.., topic]
        if (lua_isnil(lua, -1))
            break;
        add_topic(lua, lua_gettop(lua), script, event);
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
    if (event->topic_count == 0)
        refuse(lua, "an event with an empty list as 'topic'");
}

static void refuse_own_keys(lua_State *lua, struct json_members *members)
{
    static const char *const keys[] = {"id", "timestamp", "snapshot"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (find_member(lua, members, keys[i]))
            refuse(lua,
                   lua_pushfstring(lua, "an event that sets '%s', which the core adds", keys[i]));
}

// The members that the core adds, with their commas. Rows of a snapshot have no place in the stream.
static void write_extra(const struct row_run *run, const struct event_id *id,
                        char extra[EXTRA_SIZE])
{
    if (run->change->op == CHANGE_SNAPSHOT) {
        extra = stpcpy(extra, "\"snapshot\":true,\"timestamp\":\"");
    } else {
        extra = stpcpy(extra, "\"id\":\"");
        event_id_text(id, extra);
        extra = stpcpy(extra + EVENT_ID_TEXT_LENGTH, "\",\"timestamp\":\"");
    }
    stpcpy(stpcpy(extra, run->time), "\",");
}

static struct script_event *add_event(struct script *script)
{
    if (script->event_count == script->event_capacity) {
        script->event_capacity = script->event_capacity ? 2 * script->event_capacity : 16;
        script->events =
            memory_resize(script->events, script->event_capacity * sizeof *script->events);
    }
    struct script_event *event = &script->events[script->event_count];
    memset(event, 0, sizeof *event);
    return event;
}

static void make_event(lua_State *lua, int index, struct row_run *run)
{
    struct script *script = run->script;
    if (!lua_istable(lua, index))
        refuse(lua, lua_pushfstring(lua, "a list with a %s in it; events are tables",
                                    luaL_typename(lua, index)));
    if (script->event_count == MAX_EVENTS_OF_CHANGE)
        refuse(lua, "more than 10000 events");
    struct script_event *event = add_event(script);
    event->id = run->id;
    event->id.emit = (uint16_t)script->event_count;
    struct json_members members;
    json_members_open(lua, index, &members);
    take_type(lua, &members, script, event);
    take_topics(lua, &members, script, event);
    refuse_own_keys(lua, &members);
    char extra[EXTRA_SIZE];
    write_extra(run, &event->id, extra);
    buffer_clear(&script->encoded);
    write_members(lua, &members, extra, true, &script->encoded);
    json_members_close(lua, &members);
    size_t size = script->encoded.wanted;
    if (size > script->limits.max_event)
        write_notice(lua, index, extra, size, true, &script->encoded);
    if (script->encoded.wanted > script->limits.max_event)
        write_notice(lua, index, extra, size, false, &script->encoded);
    event->frame = frame_new(FRAME_TEXT, script->encoded.bytes, script->encoded.size);
    script->event_count++;
}

// [handler, result]: nothing, one event, or a list of events.
static void collect_events(lua_State *lua, struct row_run *run)
{
    if (!lua_toboolean(lua, 2))
        return;
    if (!lua_istable(lua, 2))
        refuse(lua, lua_pushfstring(lua, "a %s; nil, an event or a list of events is expected",
                                    luaL_typename(lua, 2)));
    lua_rawgeti(lua, 2, 1);
    if (lua_isnil(lua, 3)) {
        lua_settop(lua, 2);
        lua_pushnil(lua);
        if (!lua_next(lua, 2))
            return; // an empty list
        lua_settop(lua, 2);
        make_event(lua, 2, run);
        return;
    }
    for (int i = 1; !lua_isnil(lua, 3); i++) {
        make_event(lua, 3, run);
        lua_settop(lua, 2);
        lua_rawgeti(lua, 2, i + 1);
    }
}

// ---- one change ----

static int push_arguments(lua_State *lua, const struct change *change)
{
    int top = lua_gettop(lua);
    switch (change->op) {
    case CHANGE_INSERT:
    case CHANGE_SNAPSHOT:
        row_push(lua, change->new_row);
        break;
    case CHANGE_UPDATE:
        row_push(lua, change->new_row);
        row_push(lua, change->old_row);
        break;
    case CHANGE_DELETE:
        row_push(lua, change->old_row);
        break;
    case CHANGE_MESSAGE:
        lua_pushlstring(lua, change->content, change->content_size);
        break;
    case CHANGE_TRUNCATE:
        break;
    }
    context_push(lua);
    return lua_gettop(lua) - top;
}

static int change_body(lua_State *lua)
{
    struct row_run *run = lua_touserdata(lua, 1);
    lua_settop(lua, 0);
    vm_of(lua)->handler = run->handler;
    lua_rawgeti(lua, LUA_REGISTRYINDEX, run->handler); // [handler]
    lua_pushvalue(lua, 1);
    lua_call(lua, push_arguments(lua, run->change), 1); // [handler, result]
    collect_events(lua, run);
    return 0;
}

static int skip_body(lua_State *lua)
{
    struct row_run *run = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, run->handler); // [run, handler]
    return luaL_error(
        lua,
        "%s: passed by: this row once ended the router, for it took too long and could not be "
        "stopped, and the scripts are still the same",
        function_position(lua, 2));
}

static void deliver(struct script *script, const struct change *change, const char *file,
                    const struct script_sink *sink)
{
    for (size_t i = 0; i < script->event_count; i++) {
        struct script_event *event = &script->events[i];
        event->change = change;
        event->script = file;
        event->type = script->names.bytes + (size_t)event->type;
        for (uint32_t j = 0; j < event->topic_count; j++)
            event->topics[j].name = script->names.bytes + (size_t)event->topics[j].name;
        sink->event(sink->user, event);
    }
}

static void drop_events(struct script *script)
{
    for (size_t i = 0; i < script->event_count; i++)
        frame_unref(script->events[i].frame);
}

static const struct script_table *table_of(const struct script *script, const struct change *change)
{
    if (change->op == CHANGE_MESSAGE)
        return &script->messages;
    const struct relation *relation = change->relation;
    uint64_t *index = map_get(&script->by_name, relation->name, relation->name_size);
    return index ? &script->tables[*index] : NULL;
}

bool script_handler(struct script *script, const struct change *change, char *place, size_t size,
                    const char **file)
{
    const struct script_table *table = table_of(script, change);
    enum change_op op = change->op == CHANGE_SNAPSHOT ? CHANGE_INSERT : change->op;
    lua_Debug where;
    *file = table ? table->file : NULL;
    if (!table || table->handlers[op] == LUA_NOREF)
        return false;
    lua_rawgeti(script->vm->lua, LUA_REGISTRYINDEX, table->handlers[op]);
    lua_getinfo(script->vm->lua, ">S", &where);
    snprintf(place, size, "%s:%d", where.source + 1, where.linedefined);
    return true;
}

// The clock is looked at where the script changes, not at each row.
static void enter(struct row_run *run, const struct script_table *table,
                  const struct script_sink *sink)
{
    struct stretch *stretch = &run->stretch;
    if (!sink->ran || table == stretch->table)
        return;
    int64_t now = clock_steady();
    if (stretch->table)
        sink->ran(sink->user, stretch->table->file, stretch->rows, stretch->events,
                  now - stretch->began);
    *stretch = (struct stretch){.table = table, .began = now};
}

static void run_change(struct script *script, struct row_run *run, const struct script_sink *sink)
{
    const struct script_table *table = table_of(script, run->change);
    enum change_op op = run->change->op == CHANGE_SNAPSHOT ? CHANGE_INSERT : run->change->op;
    if (!table || table->handlers[op] == LUA_NOREF)
        return;
    char failure[FAILURE_SIZE];
    enter(run, table, sink);
    run->stretch.rows++;
    run->handler = table->handlers[op];
    run->id.change = run->change->index;
    script->vm->change = run->change;
    script->vm->refused = false;
    script->event_count = 0;
    buffer_clear(&script->names);
    script->site =
        (struct script_site){table->file, run->change->op == CHANGE_MESSAGE ? NULL : table->table,
                             run->change->op != CHANGE_SNAPSHOT, run->id};
    lua_CFunction body =
        script->skipped_count > 0 && script_skips(script, &run->id) ? skip_body : change_body;
    if (vm_run(script->vm, body, run, SCRIPT_ROW_STEPS, failure, sizeof failure) == 0) {
        run->stretch.events += script->event_count;
        deliver(script, run->change, table->file, sink);
        return;
    }
    drop_events(script);
    sink->failed(sink->user, run->change, table->file, failure);
}

void script_transaction(struct script *script, const struct transaction *transaction,
                        const struct event_id *base, const struct script_sink *sink)
{
    struct row_run run = {.script = script, .id = *base};
    clock_text_milliseconds(transaction->time, run.time);
    context_begin(script->vm, transaction);
    for (uint32_t i = 0; i < transaction->change_count; i++) {
        run.change = &transaction->changes[i];
        run_change(script, &run, sink);
    }
    enter(&run, NULL, sink);
    context_end(script->vm);
}
