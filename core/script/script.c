// SPDX-License-Identifier: MIT
// Loads a folder of scripts: every file once, every handler known by name.
#include "rowcast/script.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/bundle.h"
#include "rowcast/json.h"
#include "rowcast/loader.h"
#include "rowcast/memory.h"
#include "rowcast/sandbox.h"
#include "rowcast/scan.h"
#include "rowcast/script_client.h"
#include "rowcast/script_state.h"
#include "rowcast/suggest.h"

#define CONFIG_MEMORY (4 << 20)
#define FAILURE_SIZE 2048
#define TABLES "tables/"

struct load {
    struct script *script;
    const char *file; // below the folder
    struct script_table *table;
};

static int setup_body(lua_State *lua)
{
    sandbox_setup(lua);
    script_client_setup(lua);
    return 0;
}

// [.., finding] -> [..]: raises it, unless it is told and there may be more.
static void refuse(lua_State *lua, const struct script *script)
{
    if (!script->found)
        lua_error(lua);
    script->found(script->found_user, lua_tostring(lua, -1), false);
    lua_pop(lua, 1);
}

static int line_of(const struct script *script, const char *file, const char *key)
{
    return bundle_line(script->bundle, script_name(script, file), key);
}

// [.., table] -> [.., table]. Keeps the function of that name, or LUA_NOREF.
static int take_function(lua_State *lua, const struct script *script, const char *file,
                         const char *name)
{
    lua_getfield(lua, -1, name);
    if (lua_isnil(lua, -1)) {
        lua_pop(lua, 1);
        return LUA_NOREF;
    }
    if (lua_isfunction(lua, -1))
        return luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_pushfstring(lua, "%s:%d: '%s' is a %s; a function is expected", file,
                    line_of(script, file, name), name, luaL_typename(lua, -1));
    refuse(lua, script);
    lua_pop(lua, 1);
    return LUA_NOREF;
}

static void refuse_name(lua_State *lua, const struct script *script, const char *file,
                        const char *key, const char *near)
{
    lua_pushfstring(lua, "%s:%d: nothing is called '%s' here%s%s%s", file,
                    key ? line_of(script, file, key) : 1, key ? key : "[number]",
                    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    refuse(lua, script);
}

// Every key of the table on top must be one of the names.
static void check_names(lua_State *lua, const struct script *script, const char *file,
                        const char *const *names, size_t count)
{
    size_t key_count;
    struct json_key *keys = json_keys(lua, lua_gettop(lua), &key_count);
    for (size_t i = 0; i < key_count; i++) {
        const char *key = keys[i].is_number ? NULL : keys[i].text;
        bool known = false;
        for (size_t j = 0; key && j < count; j++)
            known |= strcmp(names[j], key) == 0;
        if (!known)
            refuse_name(lua, script, file, key, key ? suggest(key, names, count) : NULL);
    }
    lua_pop(lua, 1);
}

static void expect_table(lua_State *lua, const char *file)
{
    if (!lua_istable(lua, -1))
        luaL_error(lua, "%s:1: it returns a %s; a table of functions is expected", file,
                   luaL_typename(lua, -1));
}

static int load_table_body(lua_State *lua)
{
    static const char *const names[] = {"insert", "update", "delete", "truncate", "snapshot"};
    struct load *load = lua_touserdata(lua, 1);
    struct script_table *table = load->table;
    if (!loader_load(lua, load->file))
        return luaL_error(lua, "%s:1: the file has gone", table->file);
    expect_table(lua, table->file);
    check_names(lua, load->script, table->file, names, sizeof names / sizeof *names);
    for (int op = CHANGE_INSERT; op <= CHANGE_TRUNCATE; op++)
        table->handlers[op] = take_function(lua, load->script, table->file, change_op_name(op));
    lua_getfield(lua, -1, "snapshot");
    script_snapshot_check(lua, table);
    table->snapshot = lua_isnil(lua, -1) ? LUA_NOREF : luaL_ref(lua, LUA_REGISTRYINDEX);
    return 0;
}

static int load_messages_body(lua_State *lua)
{
    struct load *load = lua_touserdata(lua, 1);
    struct script_table *messages = load->table;
    if (!loader_load(lua, load->file))
        return 0;
    if (!lua_isfunction(lua, -1))
        return luaL_error(lua, "%s:1: it returns a %s; a function is expected", messages->file,
                          luaL_typename(lua, -1));
    messages->handlers[CHANGE_MESSAGE] = luaL_ref(lua, LUA_REGISTRYINDEX);
    return 0;
}

static int load_client_body(lua_State *lua)
{
    static const char *const names[HOOK_COUNT + 1] = {"connect",      "message",    "subscribed",
                                                      "unsubscribed", "pong",       "snapshot_end",
                                                      "error",        "disconnect", "formats"};
    struct load *load = lua_touserdata(lua, 1);
    struct script *script = load->script;
    if (!loader_load(lua, load->file))
        return 0;
    expect_table(lua, script->client_file);
    check_names(lua, script, script->client_file, names, HOOK_COUNT + 1);
    for (int hook = 0; hook < HOOK_COUNT; hook++)
        script->hooks[hook] = take_function(lua, script, script->client_file, names[hook]);
    script_formats_take(lua, script);
    return 0;
}

static int run(struct script *script, lua_CFunction body, struct load *load, struct fault *fault)
{
    char failure[FAILURE_SIZE];
    if (vm_run(script->vm, body, load, SCRIPT_ROW_STEPS, failure, sizeof failure) == 0)
        return 0;
    failure[strcspn(failure, "\n")] = '\0';
    if (script->found) {
        script->found(script->found_user, failure, true);
        return 0;
    }
    return fault_set(fault, EXIT_CONFIGURATION, "%s", failure);
}

// ---- the folder ----

static void clear_handlers(struct script_table *table)
{
    for (int op = 0; op <= CHANGE_MESSAGE; op++)
        table->handlers[op] = LUA_NOREF;
    table->snapshot = LUA_NOREF;
}

// "trades.lua" is public.trades, "depot.bays.lua" is depot.bays.
static void name_table(struct script_table *table, const char *folder, const char *file)
{
    char *name = memory_copy(file, strlen(file) - 4);
    char *dot = strchr(name, '.');
    table->schema = dot ? memory_copy(name, (size_t)(dot - name)) : memory_text("public");
    table->table = memory_text(dot ? dot + 1 : name);
    table->file = memory_format("%s/tables/%s", folder, file);
    clear_handlers(table);
    free(name);
}

// `name` is that of the file below the folder.
static int add_table(struct script *script, const char *name, struct fault *fault)
{
    struct script_table *table = &script->tables[script->table_count];
    name_table(table, script->vm->folder, name + strlen(TABLES));
    char *full = memory_format("%s.%s", table->schema, table->table);
    bool twice = map_get(&script->by_name, full, strlen(full));
    map_put(&script->by_name, full, strlen(full), script->table_count++);
    free(full);
    if (twice)
        return fault_set(fault, EXIT_CONFIGURATION,
                         "%s:1: another file is the script of %s.%s already", table->file,
                         table->schema, table->table);
    struct load load = {script, name, table};
    return run(script, load_table_body, &load, fault);
}

static int load_tables(struct script *script, struct fault *fault)
{
    const struct bundle *bundle = script->bundle;
    int result = 0;
    script->tables = memory_new((bundle->count + 1) * sizeof *script->tables);
    for (size_t i = 0; i < bundle->count && result == 0; i++)
        if (strncmp(bundle->files[i].name, TABLES, strlen(TABLES)) == 0)
            result = add_table(script, bundle->files[i].name, fault);
    return result;
}

static struct script *script_new(struct bundle *bundle, const struct script_limits *limits,
                                 enum script_role role)
{
    struct script *script = memory_new(sizeof *script);
    const char *folder = bundle->folder;
    script->bundle = bundle;
    script->vm = vm_new(folder, limits->memory, limits->timeout / 2);
    if (script->vm) {
        script->vm->bundle = bundle;
        script->vm->shadow = role == SCRIPT_SHADOW;
    }
    script->limits = *limits;
    map_init(&script->by_name);
    buffer_init(&script->encoded, 4 * limits->max_event);
    buffer_init(&script->names, 64 << 20);
    clear_handlers(&script->messages);
    script->messages.file = memory_format("%s/messages.lua", folder);
    script->client_file = memory_format("%s/client.lua", folder);
    for (int hook = 0; hook < HOOK_COUNT; hook++)
        script->hooks[hook] = LUA_NOREF;
    return script;
}

static int start(struct script *script, struct fault *fault)
{
    if (!script->vm)
        return fault_set(fault, EXIT_INTERNAL, "LuaJIT could not be started: no memory.");
    return run(script, setup_body, NULL, fault);
}

static int load_folder(struct script *script, struct fault *fault)
{
    struct load messages = {script, "messages.lua", &script->messages};
    struct load client = {script, "client.lua", NULL};
    if (load_tables(script, fault) != 0)
        return -1;
    if (run(script, load_messages_body, &messages, fault) != 0)
        return -1;
    return run(script, load_client_body, &client, fault);
}

int script_load(struct script **result, const char *folder, const struct script_limits *limits,
                struct fault *fault)
{
    struct bundle *bundle;
    return bundle_read(&bundle, folder, fault) == 0
               ? script_load_bundle(result, bundle, limits, SCRIPT_LIVE, fault)
               : -1;
}

int script_load_bundle(struct script **result, struct bundle *bundle,
                       const struct script_limits *limits, enum script_role role,
                       struct fault *fault)
{
    struct script *script = script_new(bundle, limits, role);
    if (start(script, fault) == 0 && load_folder(script, fault) == 0) {
        *result = script;
        return 0;
    }
    script_free(script);
    return -1;
}

struct script *script_check(const char *folder, const struct script_limits *limits,
                            script_found *found, void *user, struct fault *fault)
{
    struct bundle *bundle;
    if (bundle_read(&bundle, folder, fault) != 0)
        return NULL;
    struct script *script = script_new(bundle, limits, SCRIPT_LIVE);
    int result = start(script, fault);
    if (result == 0 && !(script->scan = scan_new(script->vm)))
        result = fault_set(fault, EXIT_INTERNAL, "LuaJIT could not be started: no memory.");
    if (result == 0) {
        scan_bundle(script->scan, bundle, found, user);
        script->found = found;
        script->found_user = user;
        result = load_folder(script, fault);
    }
    if (result == 0)
        return script;
    script_free(script);
    return NULL;
}

static void release_table(struct script_table *table)
{
    free(table->schema);
    free(table->table);
    free(table->file);
}

void script_free(struct script *script)
{
    if (!script)
        return;
    scan_free(script->scan);
    vm_free(script->vm);
    for (size_t i = 0; i < script->table_count; i++)
        release_table(&script->tables[i]);
    release_table(&script->messages);
    bundle_free(script->bundle);
    for (size_t i = 0; i < script->format_count; i++)
        free(script->formats[i].name);
    free(script->tables);
    free(script->client_file);
    free(script->events);
    free(script->skipped);
    map_release(&script->by_name);
    buffer_release(&script->encoded);
    buffer_release(&script->names);
    free(script);
}

void script_interrupt(struct script *script)
{
    atomic_store_explicit(&script->vm->interrupted, true, memory_order_relaxed);
}

size_t script_table_count(const struct script *script)
{
    return script->table_count;
}

const char *script_table_schema(const struct script *script, size_t index)
{
    return script->tables[index].schema;
}

const char *script_table_name(const struct script *script, size_t index)
{
    return script->tables[index].table;
}

const char *script_table_file(const struct script *script, size_t index)
{
    return script->tables[index].file;
}

const char *script_name(const struct script *script, const char *file)
{
    return file + strlen(script->vm->folder) + 1;
}

uint64_t script_hash(const struct script *script)
{
    return script->bundle->hash;
}

void script_watch(struct script *script, struct watchdog *watchdog)
{
    script->vm->watchdog = watchdog;
    script->vm->site = &script->site;
}

void script_skip(struct script *script, const struct event_id *id)
{
    script->skipped =
        memory_resize(script->skipped, (script->skipped_count + 1) * sizeof *script->skipped);
    script->skipped[script->skipped_count++] = *id;
}

bool script_skips(const struct script *script, const struct event_id *id)
{
    for (size_t i = 0; i < script->skipped_count; i++) {
        const struct event_id *skipped = &script->skipped[i];
        if (skipped->lsn == id->lsn && skipped->change == id->change &&
            skipped->epoch == id->epoch && skipped->timeline == id->timeline &&
            skipped->xid == id->xid && skipped->stamp == id->stamp)
            return true;
    }
    return false;
}

size_t script_memory(const struct script *script)
{
    return script->vm->memory;
}

// ---- what `rowcast check` asks ----

bool script_refused(const struct script *script)
{
    return script->vm->refused;
}

bool script_mentions(const struct script *script, size_t table, const char *text)
{
    return scan_mentions(script->scan, script_name(script, script->tables[table].file), text);
}

bool script_handler_mentions(const struct script *script, size_t table, enum change_op op,
                             const char *text)
{
    lua_rawgeti(script->vm->lua, LUA_REGISTRYINDEX, script->tables[table].handlers[op]);
    bool found = scan_function_mentions(script->scan, script->vm->lua, text);
    lua_pop(script->vm->lua, 1);
    return found;
}

void script_reads(const struct script *script, size_t table, enum change_op op, bool old,
                  script_read *each, void *user)
{
    int handler = script->tables[table].handlers[op];
    if (handler == LUA_NOREF || (old && op == CHANGE_INSERT) || (!old && op == CHANGE_DELETE))
        return;
    lua_rawgeti(script->vm->lua, LUA_REGISTRYINDEX, handler);
    scan_reads(script->scan, script->vm->lua, op == CHANGE_UPDATE && old, each, user);
    lua_pop(script->vm->lua, 1);
}

void script_tell_missed(struct script *script, const struct script_missed *missed)
{
    script->vm->missed = missed;
}

// ---- config.lua ----

struct config {
    script_setting *each;
    void *user;
};

static void give(const struct config *config, lua_State *lua, const char *key, const char *text)
{
    config->each(config->user, key, text, bundle_line(vm_of(lua)->bundle, "config.lua", key));
}

static const char *setting_text(lua_State *lua, const char *key)
{
    const char *text =
        lua_isboolean(lua, -1) ? (lua_toboolean(lua, -1) ? "on" : "off") : lua_tostring(lua, -1);
    if (!text)
        luaL_error(lua, "%s/config.lua:1: '%s' is a %s; a string or a number is expected",
                   vm_of(lua)->folder, key, luaL_typename(lua, -1));
    return text;
}

static int config_body(lua_State *lua)
{
    struct config *config = lua_touserdata(lua, 1);
    sandbox_setup(lua);
    if (!loader_load(lua, "config.lua"))
        return 0;
    if (!lua_istable(lua, -1))
        return luaL_error(lua, "%s/config.lua:1: it returns a %s; a table of settings is expected",
                          vm_of(lua)->folder, luaL_typename(lua, -1));
    size_t count;
    int table = lua_gettop(lua);
    struct json_key *keys = json_keys(lua, table, &count);
    for (size_t i = 0; i < count; i++) {
        if (keys[i].is_number)
            return luaL_error(lua, "%s/config.lua:1: settings have names", vm_of(lua)->folder);
        lua_getfield(lua, table, keys[i].text); // [.., value]
        if (!lua_istable(lua, -1)) {
            give(config, lua, keys[i].text, setting_text(lua, keys[i].text));
            lua_pop(lua, 1);
            continue;
        }
        if (lua_objlen(lua, -1) == 0)
            return luaL_error(lua,
                              "%s/config.lua:1: '%s' is a table; a string, a number or a list is "
                              "expected",
                              vm_of(lua)->folder, keys[i].text);
        for (int element = 1; element <= (int)lua_objlen(lua, -1); element++) {
            lua_rawgeti(lua, -1, element);
            give(config, lua, keys[i].text, setting_text(lua, keys[i].text));
            lua_pop(lua, 1);
        }
        lua_pop(lua, 1);
    }
    return 0;
}

int script_config(const char *folder, script_setting *each, void *user, struct fault *fault)
{
    char failure[FAILURE_SIZE];
    struct config config = {each, user};
    struct bundle *bundle;
    if (bundle_read(&bundle, folder, fault) != 0)
        return -1;
    struct vm *vm = vm_new(folder, CONFIG_MEMORY, SCRIPT_TIMEOUT / 2);
    if (vm)
        vm->bundle = bundle;
    int result =
        vm ? vm_run(vm, config_body, &config, SCRIPT_ROW_STEPS, failure, sizeof failure) : 0;
    vm_free(vm);
    bundle_free(bundle);
    if (result == 0)
        return 0;
    failure[strcspn(failure, "\n")] = '\0';
    return fault_set(fault, EXIT_CONFIGURATION, "%s", failure);
}
