// SPDX-License-Identifier: MIT
// From the tables that hooks return to commands in C.
#include "rowcast/script_command.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/clock.h"
#include "rowcast/json.h"
#include "rowcast/lsn.h"
#include "rowcast/memory.h"

#define MAX_TYPES 64 // in one subscribe
#define MAX_OPTIONS 5

struct parser {
    lua_State *lua;
    struct script *script;
    struct script_commands *commands;
    int index; // of the table that is the command
    struct script_command *command;
};

struct script_commands *script_commands_new(void)
{
    struct script_commands *commands = memory_new(sizeof *commands);
    arena_init(&commands->arena);
    return commands;
}

void script_commands_free(struct script_commands *commands)
{
    if (!commands)
        return;
    for (size_t i = 0; i < commands->count; i++)
        frame_unref(commands->items[i].frame);
    arena_release(&commands->arena);
    free(commands);
}

struct frame *script_command_take_frame(struct script_command *command)
{
    struct frame *frame = command->frame;
    command->frame = NULL;
    return frame;
}

static int refuse(lua_State *lua, const char *what)
{
    return luaL_error(lua, "%s: the hook returned %s", function_position(lua, 1), what);
}

// Pushes the command's member. False (and nothing pushed): it is not set.
static bool push_member(struct parser *parser, const char *key)
{
    lua_getfield(parser->lua, parser->index, key);
    if (!lua_isnil(parser->lua, -1))
        return true;
    lua_pop(parser->lua, 1);
    return false;
}

// [.., value] -> [..], the string kept in the arena.
static const char *take_string(struct parser *parser, const char *key, size_t *size)
{
    lua_State *lua = parser->lua;
    if (lua_type(lua, -1) != LUA_TSTRING)
        refuse(lua, lua_pushfstring(lua, "a command whose '%s' is a %s; a string is expected", key,
                                    luaL_typename(lua, -1)));
    const char *text = lua_tolstring(lua, -1, size);
    text = arena_copy(&parser->commands->arena, text, *size);
    lua_pop(lua, 1);
    return text;
}

// [.., value] -> [..], its JSON kept in the arena.
static const char *take_json(struct parser *parser, const char *key, size_t maximum, size_t *size)
{
    lua_State *lua = parser->lua;
    struct buffer *out = &parser->script->encoded;
    buffer_clear(out);
    json_write(lua, -1, out);
    if (out->wanted > maximum)
        refuse(lua, lua_pushfstring(
                        lua, "a command whose '%s' takes %d bytes as JSON; at most %d are kept",
                        key, (int)out->wanted, (int)maximum));
    lua_pop(lua, 1);
    *size = out->size;
    return arena_copy(&parser->commands->arena, out->bytes, out->size);
}

static void take_ref(struct parser *parser)
{
    if (push_member(parser, "ref"))
        parser->command->ref = take_json(parser, "ref", SCRIPT_MAX_REF, &parser->command->ref_size);
}

// ---- the commands; each is called with the value of its own key on top, and takes it ----

// A table goes out as JSON, with the time where it has none; a list as it is.
static void encode_message(lua_State *lua, struct buffer *out)
{
    char extra[CLOCK_TEXT_SIZE + 20] = "", time[CLOCK_TEXT_SIZE];
    if (lua_objlen(lua, -1) > 0) {
        json_write(lua, lua_gettop(lua), out);
        return;
    }
    lua_getfield(lua, -1, "timestamp");
    if (lua_isnil(lua, -1)) {
        clock_text_milliseconds(clock_now(), time);
        snprintf(extra, sizeof extra, "\"timestamp\":\"%s\",", time);
    }
    lua_pop(lua, 1);
    message_write(lua, lua_gettop(lua), extra, false, out);
}

// [.., message] -> [.., message]. What the error that is being sent calls itself, or NULL.
static const char *error_code(struct parser *parser)
{
    lua_State *lua = parser->lua;
    const char *code = NULL;
    int top = lua_gettop(lua);
    size_t size;
    lua_getfield(lua, top, "type");
    if (lua_type(lua, -1) == LUA_TSTRING && strcmp(lua_tostring(lua, -1), "error") == 0) {
        code = "";
        lua_getfield(lua, top, "data");
        if (lua_istable(lua, -1)) {
            lua_getfield(lua, -1, "code");
            if (lua_type(lua, -1) == LUA_TSTRING)
                code = take_string(parser, "code", &size);
        }
    }
    lua_settop(lua, top);
    return code;
}

static void parse_send(struct parser *parser)
{
    lua_State *lua = parser->lua;
    bool binary = push_member(parser, "binary");
    if (binary) {
        binary = lua_toboolean(lua, -1);
        lua_pop(lua, 1);
    }
    size_t size;
    const char *bytes;
    struct buffer *out = &parser->script->encoded;
    if (lua_istable(lua, -1)) {
        buffer_clear(out);
        parser->command->error = error_code(parser);
        encode_message(lua, out);
        if (out->overflowed)
            refuse(lua, "a message that is too large");
        bytes = out->bytes;
        size = out->size;
    } else if (lua_type(lua, -1) == LUA_TSTRING) {
        bytes = lua_tolstring(lua, -1, &size);
    } else {
        refuse(lua, "a command whose 'send' is neither a table nor a string");
        return;
    }
    parser->command->frame = frame_new(binary ? FRAME_BINARY : FRAME_TEXT, bytes, size);
    lua_pop(lua, 1);
}

static void parse_close(struct parser *parser)
{
    lua_State *lua = parser->lua;
    double code = lua_tonumber(lua, -1);
    bool allowed = code == 1000 || code == 1001 || code == 1003 || (code >= 1007 && code <= 1011) ||
                   (code >= 3000 && code <= 4999);
    if (!allowed || code != (int)code)
        refuse(lua, "a command whose 'close' is no close code (RFC 6455 section 7.4)");
    lua_pop(lua, 1);
    size_t size;
    parser->command->code = (int)code;
    if (push_member(parser, "reason"))
        parser->command->reason = take_string(parser, "reason", &size);
}

static void parse_state(struct parser *parser)
{
    if (!lua_istable(parser->lua, -1))
        refuse(parser->lua, "a command whose 'state' is no table");
    parser->command->state =
        take_json(parser, "state", SCRIPT_MAX_STATE, &parser->command->state_size);
}

static void parse_topic(struct parser *parser, const char *key)
{
    struct script_command *command = parser->command;
    command->topic = take_string(parser, key, &command->topic_size);
    if (command->topic_size == 0 || command->topic_size > EVENT_MAX_TOPIC_SIZE ||
        memchr(command->topic, '\0', command->topic_size))
        refuse(parser->lua, "a topic that is not 1 to 255 bytes long, or has a NUL in it");
    take_ref(parser);
}

// [.., list] -> [..]
static void take_types(struct parser *parser)
{
    lua_State *lua = parser->lua;
    uint64_t types[MAX_TYPES];
    uint32_t count = 0;
    size_t size;
    if (!lua_istable(lua, -1))
        refuse(lua, "a subscribe command whose 'events' is no list");
    for (;; count++) {
        lua_rawgeti(lua, -1, (int)count + 1);
        if (lua_isnil(lua, -1))
            break;
        if (lua_type(lua, -1) != LUA_TSTRING || count == MAX_TYPES)
            refuse(lua, "a subscribe command whose 'events' is no list of up to 64 strings");
        const char *type = lua_tolstring(lua, -1, &size);
        types[count] = event_type_hash(type, size);
        lua_pop(lua, 1);
    }
    lua_pop(lua, 2);
    parser->command->types = arena_copy(&parser->commands->arena, types, count * sizeof *types);
    parser->command->type_count = count;
}

static void parse_subscribe(struct parser *parser)
{
    struct script_command *command = parser->command;
    parse_topic(parser, "subscribe");
    if (push_member(parser, "since"))
        command->since = take_string(parser, "since", &command->since_size);
    if (push_member(parser, "after_lsn")) {
        size_t size;
        command->has_after_lsn = true;
        if (lsn_parse(take_string(parser, "after_lsn", &size), &command->after_lsn) != 0)
            refuse(parser->lua, "a subscribe command whose 'after_lsn' is not like 0/16B3748");
    }
    if (push_member(parser, "snapshot")) {
        if (!lua_isboolean(parser->lua, -1))
            refuse(parser->lua, "a subscribe command whose 'snapshot' is neither true nor false");
        command->snapshot = lua_toboolean(parser->lua, -1);
        lua_pop(parser->lua, 1);
    }
    if (push_member(parser, "events"))
        take_types(parser);
}

static void parse_unsubscribe(struct parser *parser)
{
    parse_topic(parser, "unsubscribe");
}

static void parse_pong(struct parser *parser)
{
    lua_pop(parser->lua, 1);
    take_ref(parser);
}

static void parse_format(struct parser *parser)
{
    struct script_command *command = parser->command;
    size_t size;
    command->format = take_string(parser, "format", &size);
    if (strlen(command->format) != size || !script_has_format(parser->script, command->format))
        refuse(parser->lua,
               lua_pushfstring(parser->lua, "the format '%s', which is none of those in 'formats'",
                               command->format));
}

static const struct verb {
    const char *key;
    enum script_command_kind kind;
    void (*parse)(struct parser *parser);
    const char *options[MAX_OPTIONS];
} verbs[] = {
    {"send", COMMAND_SEND, parse_send, {"binary"}},
    {"close", COMMAND_CLOSE, parse_close, {"reason"}},
    {"state", COMMAND_STATE, parse_state, {NULL}},
    {"subscribe",
     COMMAND_SUBSCRIBE,
     parse_subscribe,
     {"since", "after_lsn", "snapshot", "events", "ref"}},
    {"unsubscribe", COMMAND_UNSUBSCRIBE, parse_unsubscribe, {"ref"}},
    {"pong", COMMAND_PONG, parse_pong, {"ref"}},
    {"format", COMMAND_FORMAT, parse_format, {NULL}},
};

static bool is_option(const struct verb *verb, const char *key)
{
    for (size_t i = 0; i < MAX_OPTIONS && verb->options[i]; i++)
        if (strcmp(key, verb->options[i]) == 0)
            return true;
    return strcmp(key, verb->key) == 0;
}

static void check_keys(struct parser *parser, const struct verb *verb)
{
    lua_State *lua = parser->lua;
    size_t count;
    struct json_key *keys = json_keys(lua, parser->index, &count);
    for (size_t i = 0; i < count; i++)
        if (keys[i].is_number || !is_option(verb, keys[i].text))
            refuse(lua, lua_pushfstring(lua, "a '%s' command with '%s', which it does not take",
                                        verb->key, keys[i].is_number ? "[number]" : keys[i].text));
    lua_pop(lua, 1);
}

// [hook, result, .., command] -> the same
static void parse_command(struct parser *parser)
{
    lua_State *lua = parser->lua;
    if (!lua_istable(lua, -1))
        refuse(lua, "something that is no command");
    parser->index = lua_gettop(lua);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (!push_member(parser, verbs[i].key))
            continue;
        parser->command = &parser->commands->items[parser->commands->count];
        parser->command->kind = verbs[i].kind;
        verbs[i].parse(parser);
        parser->commands->count++;
        check_keys(parser, &verbs[i]);
        return;
    }
    refuse(lua, "a command without send, close, state, subscribe, unsubscribe, pong or format");
}

void script_commands_parse(lua_State *lua, struct script *script, struct script_commands *commands)
{
    struct parser parser = {.lua = lua, .script = script, .commands = commands};
    if (!lua_istable(lua, 2))
        refuse(lua, "something that is neither nil nor a command nor a list of commands");
    size_t length = lua_objlen(lua, 2);
    if (length > SCRIPT_MAX_COMMANDS)
        refuse(lua, "more than 4096 commands");
    lua_settop(lua, 2);
    commands->items = arena_new(&commands->arena, (length + 1) * sizeof *commands->items);
    if (length == 0) {
        lua_pushnil(lua);
        if (!lua_next(lua, 2))
            return; // an empty list
        lua_settop(lua, 2);
        parse_command(&parser);
        return;
    }
    for (size_t i = 1; i <= length; i++) {
        lua_rawgeti(lua, 2, (int)i);
        parse_command(&parser);
        lua_settop(lua, 2);
    }
}
