// SPDX-License-Identifier: MIT
// What clients say to commands: calls the hooks of client.lua.
#include "rowcast/script_client.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/json.h"
#include "rowcast/script_command.h"
#include "rowcast/script_state.h"

struct hook_run {
    struct script *script;
    const struct script_client *client;
    const struct script_call *call;
    struct script_commands *commands;
};

static void set_metatable(lua_State *lua, int metatable)
{
    lua_rawgeti(lua, LUA_REGISTRYINDEX, metatable);
    lua_setmetatable(lua, -2);
}

static void push_text(lua_State *lua, const char *text)
{
    if (text)
        lua_pushstring(lua, text);
    else
        lua_pushnil(lua);
}

static void push_subscriptions(lua_State *lua, const struct script_client *client)
{
    vm_charge(lua, client->subscription_count * 4);
    lua_createtable(lua, (int)client->subscription_count, 0);
    json_mark_array(lua);
    for (size_t i = 0; i < client->subscription_count; i++) {
        lua_pushstring(lua, client->subscription(client->user, i));
        lua_rawseti(lua, -2, (int)i + 1);
    }
}

// ---- client ----

// The userdata holds the generation it belongs to: a client kept beyond its call is refused.
static const struct script_client *client_of(lua_State *lua, int index)
{
    struct vm *vm = vm_of(lua);
    if (!vm->client || *(uint32_t *)lua_touserdata(lua, index) != vm->generation)
        luaL_error(lua, "a client was used after the call it was given to");
    return vm->client;
}

static void push_headers(lua_State *lua, const struct script_client *client)
{
    lua_createtable(lua, 0, 3);
    push_text(lua, client->cookie);
    lua_setfield(lua, -2, "cookie");
    push_text(lua, client->user_agent);
    lua_setfield(lua, -2, "user-agent");
    push_text(lua, client->origin);
    lua_setfield(lua, -2, "origin");
}

static int client_index(lua_State *lua)
{
    const struct script_client *client = client_of(lua, 1);
    const char *key = lua_tostring(lua, 2);
    if (!key)
        return 0;
    if (strcmp(key, "id") == 0)
        push_text(lua, client->id);
    else if (strcmp(key, "address") == 0)
        push_text(lua, client->address);
    else if (strcmp(key, "path") == 0)
        push_text(lua, client->path);
    else if (strcmp(key, "query") == 0)
        push_text(lua, client->query);
    else if (strcmp(key, "protocol") == 0)
        push_text(lua, client->protocol);
    else if (strcmp(key, "headers") == 0)
        push_headers(lua, client);
    else if (strcmp(key, "subscriptions") == 0)
        push_subscriptions(lua, client);
    else if (strcmp(key, "state") == 0 && client->state)
        json_read(lua, client->state, client->state_size);
    else
        return 0;
    return 1;
}

static int client_newindex(lua_State *lua)
{
    return luaL_error(lua, "client is read only; return { state = t } to keep something");
}

static void push_client(lua_State *lua)
{
    struct vm *vm = vm_of(lua);
    *(uint32_t *)lua_newuserdata(lua, sizeof(uint32_t)) = vm->generation;
    set_metatable(lua, vm->client_metatable);
}

// ---- result ----

// Makes the list only for scripts that look at it: a client may have a thousand subscriptions.
static int result_index(lua_State *lua)
{
    const struct script_client *client = vm_of(lua)->client;
    const char *key = lua_tostring(lua, 2);
    if (!key || !client || strcmp(key, "subscriptions") != 0)
        return 0;
    push_subscriptions(lua, client);
    lua_pushvalue(lua, -1);
    lua_setfield(lua, 1, "subscriptions");
    return 1;
}

static void set_text(lua_State *lua, const char *key, const char *text)
{
    if (!text)
        return;
    lua_pushstring(lua, text);
    lua_setfield(lua, -2, key);
}

static void set_texts(lua_State *lua, const char *key, const char *const *texts)
{
    if (!texts || !texts[0])
        return;
    lua_newtable(lua);
    json_mark_array(lua);
    for (int i = 0; texts[i]; i++) {
        lua_pushstring(lua, texts[i]);
        lua_rawseti(lua, -2, i + 1);
    }
    lua_setfield(lua, -2, key);
}

static void push_result(lua_State *lua, const struct hook_run *run)
{
    const struct script_call *call = run->call;
    lua_createtable(lua, 0, 8);
    set_text(lua, "topic", call->topic);
    set_text(lua, "reason", call->reason);
    set_text(lua, "id", call->id);
    if (call->ref) {
        json_read(lua, call->ref, call->ref_size);
        lua_setfield(lua, -2, "ref");
    }
    if (call->hook == HOOK_SUBSCRIBED) {
        lua_pushboolean(lua, call->recovered);
        lua_setfield(lua, -2, "recovered");
        set_texts(lua, "conflate", call->conflate);
    }
    if (call->with_snapshot) {
        lua_pushinteger(lua, (lua_Integer)call->snapshot);
        lua_setfield(lua, -2, "snapshot");
    }
    lua_pushinteger(lua, (lua_Integer)run->client->subscription_count);
    lua_setfield(lua, -2, "subscription_count");
    set_metatable(lua, vm_of(lua)->result_metatable);
}

// ---- hooks ----

static int push_arguments(lua_State *lua, const struct hook_run *run)
{
    const struct script_call *call = run->call;
    int top = lua_gettop(lua);
    push_client(lua);
    switch (call->hook) {
    case HOOK_MESSAGE:
        lua_pushlstring(lua, call->payload, call->payload_size);
        lua_pushboolean(lua, call->binary);
        break;
    case HOOK_ERROR:
        lua_pushstring(lua, call->word);
        lua_pushstring(lua, call->sentence);
        break;
    case HOOK_DISCONNECT:
        lua_pushinteger(lua, call->code);
        break;
    default:
        break;
    }
    if (call->with_result)
        push_result(lua, run);
    return lua_gettop(lua) - top;
}

static int hook_body(lua_State *lua)
{
    struct hook_run *run = lua_touserdata(lua, 1);
    lua_settop(lua, 0);
    vm_of(lua)->handler = run->script->hooks[run->call->hook];
    lua_rawgeti(lua, LUA_REGISTRYINDEX, vm_of(lua)->handler); // [hook]
    lua_pushvalue(lua, 1);
    lua_call(lua, push_arguments(lua, run), 1); // [hook, result]
    if (lua_toboolean(lua, 2))
        script_commands_parse(lua, run->script, run->commands);
    return 0;
}

bool script_has_hook(const struct script *script, enum script_hook hook)
{
    return script->hooks[hook] != LUA_NOREF;
}

struct script_commands *script_client(struct script *script, const struct script_client *client,
                                      const struct script_call *call, char *failure,
                                      size_t failure_size)
{
    failure[0] = '\0';
    if (!script_has_hook(script, call->hook))
        return NULL;
    struct hook_run run = {script, client, call, script_commands_new()};
    script->vm->generation++;
    script->vm->client = client;
    script->site = (struct script_site){.script = script->client_file};
    int result = vm_run(script->vm, hook_body, &run, SCRIPT_MESSAGE_STEPS, failure, failure_size);
    script->vm->client = NULL;
    if (result == 0)
        return run.commands;
    script_commands_free(run.commands);
    return NULL;
}

static int register_metatable(lua_State *lua, lua_CFunction index, lua_CFunction newindex)
{
    lua_newtable(lua);
    lua_pushcfunction(lua, index);
    lua_setfield(lua, -2, "__index");
    if (newindex) {
        lua_pushcfunction(lua, newindex);
        lua_setfield(lua, -2, "__newindex");
    }
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    return luaL_ref(lua, LUA_REGISTRYINDEX);
}

void script_client_setup(lua_State *lua)
{
    vm_of(lua)->client_metatable = register_metatable(lua, client_index, client_newindex);
    vm_of(lua)->result_metatable = register_metatable(lua, result_index, NULL);
}
