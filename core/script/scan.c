// SPDX-License-Identifier: MIT
// Looks at the bytecode of script files.
#include "rowcast/scan.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/buffer.h"
#include "rowcast/bytecode.h"
#include "rowcast/map.h"
#include "rowcast/memory.h"
#include "rowcast/suggest.h"

#define MAX_NAMES 256 // of the sandbox, for suggestions
#define KEY_SIZE 512
#define FINDING_SIZE 2048

struct scan {
    lua_State *lua;
    const char *folder;
    struct bytecode code;
    struct map known;     // "math", "math." (it has members), "math.floor"
    struct map mentions;  // "FILE\nTEXT", of all files of lib/ together "lib/\nTEXT"
    struct map written;   // globals of the file under way
    struct map mentioned; // constants of what is under way
    char *names[MAX_NAMES];
    size_t name_count;
    const char *file; // under way, below the folder
    script_found *found;
    void *user;
};

// ---- what the sandbox has ----

static void know(struct scan *scan, const char *library, const char *name)
{
    char key[KEY_SIZE];
    int size =
        snprintf(key, sizeof key, "%s%s%s", library ? library : "", library ? "." : "", name);
    map_put(&scan->known, key, (size_t)size, 1);
    if (*name && scan->name_count < MAX_NAMES)
        scan->names[scan->name_count++] = memory_copy(key, (size_t)size);
}

static bool is_known(const struct scan *scan, const char *library, const char *name)
{
    char key[KEY_SIZE];
    int size =
        snprintf(key, sizeof key, "%s%s%s", library ? library : "", library ? "." : "", name);
    return (size_t)size < sizeof key && map_get(&scan->known, key, (size_t)size);
}

// [.., stand-in] -> [.., table that it reads]; false: it is none, and stays.
static bool push_behind(lua_State *lua)
{
    if (!lua_istable(lua, -1) || !lua_getmetatable(lua, -1))
        return false;
    lua_pushliteral(lua, "__index");
    lua_rawget(lua, -2); // [stand-in, metatable, table]
    lua_replace(lua, -3);
    lua_pop(lua, 1);
    return lua_istable(lua, -1);
}

// [.., library]
static void know_members(struct scan *scan, lua_State *lua, const char *library)
{
    lua_pushnil(lua);
    while (lua_next(lua, -2)) {
        if (lua_type(lua, -2) == LUA_TSTRING)
            know(scan, library, lua_tostring(lua, -2));
        lua_pop(lua, 1);
    }
}

struct knowing {
    struct scan *scan;
    struct vm *vm;
};

static int know_sandbox(lua_State *lua)
{
    struct knowing *knowing = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, knowing->vm->environment);
    if (!push_behind(lua))
        return 0;
    know_members(knowing->scan, lua, NULL);
    lua_pushnil(lua);
    while (lua_next(lua, -2)) { // [.., globals, name, value]
        if (push_behind(lua)) {
            know_members(knowing->scan, lua, lua_tostring(lua, -2));
            know(knowing->scan, lua_tostring(lua, -2), ""); // "math.": a library
        }
        lua_pop(lua, 1);
    }
    return 0;
}

static int open_code(lua_State *lua)
{
    struct scan *scan = lua_touserdata(lua, 1);
    luaL_openlibs(lua);
    bytecode_open(&scan->code, lua);
    return 0;
}

struct scan *scan_new(struct vm *vm)
{
    struct scan *scan = memory_new(sizeof *scan);
    char failure[FINDING_SIZE];
    struct knowing knowing = {scan, vm};
    scan->folder = vm->folder;
    map_init(&scan->known);
    map_init(&scan->mentions);
    map_init(&scan->written);
    map_init(&scan->mentioned);
    scan->file = "";
    scan->lua = luaL_newstate();
    if (scan->lua && lua_cpcall(scan->lua, open_code, scan) == 0 &&
        vm_run(vm, know_sandbox, &knowing, SCRIPT_ROW_STEPS, failure, sizeof failure) == 0)
        return scan;
    scan_free(scan);
    return NULL;
}

void scan_free(struct scan *scan)
{
    if (!scan)
        return;
    if (scan->lua)
        lua_close(scan->lua);
    map_release(&scan->known);
    map_release(&scan->mentions);
    map_release(&scan->written);
    map_release(&scan->mentioned);
    for (size_t i = 0; i < scan->name_count; i++)
        free(scan->names[i]);
    free(scan);
}

// ---- globals ----

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names;
}

static const char *why_missing(const char *name)
{
    static const char *const clocks[] = {"os.time", "os.date", "os.clock", "os.difftime", NULL};
    static const char *const randoms[] = {"math.random", "math.randomseed", NULL};
    static const char *const others[] = {"os",         "io",       "debug",          "package",
                                         "jit",        "ffi",      "coroutine",      "load",
                                         "loadstring", "loadfile", "dofile",         "setfenv",
                                         "getfenv",    "_G",       "collectgarbage", "newproxy",
                                         "module",     "rawset",   "string.dump",    NULL};
    if (is_one_of(name, clocks))
        return "there is no clock, for the same rows make the same bytes on every instance and "
               "after each restart; ctx.time is the time of the commit";
    if (is_one_of(name, randoms))
        return "there is no randomness, for the same rows make the same bytes on every instance "
               "and after each restart; use what the row or ctx.lsn and ctx.index say";
    if (is_one_of(name, others) || strncmp(name, "os.", 3) == 0 || strncmp(name, "io.", 3) == 0)
        return "scripts have values in and values out, and nothing else of the machine";
    return NULL;
}

static void tell(const struct scan *scan, int index, int at, const char *format, const char *name,
                 const char *why)
{
    char place[BYTECODE_PLACE_SIZE], sentence[FINDING_SIZE / 2], finding[FINDING_SIZE];
    bytecode_place(&scan->code, index, at, place);
    snprintf(sentence, sizeof sentence, format, name, why);
    snprintf(finding, sizeof finding, "%s: %s", place, sentence);
    scan->found(scan->user, finding, false);
}

// Among the members of the library where it is one of those.
static const char *suggest_name(const struct scan *scan, const char *name)
{
    const char *dot = strchr(name, '.');
    size_t prefix = dot ? (size_t)(dot - name) + 1 : 0, count = 0;
    const char *names[MAX_NAMES];
    for (size_t i = 0; i < scan->name_count; i++)
        if (strncmp(scan->names[i], name, prefix) == 0 && !strchr(scan->names[i] + prefix, '.'))
            names[count++] = scan->names[i] + prefix;
    const char *near = suggest(name + prefix, names, count);
    return near ? near - prefix : NULL;
}

static void tell_missing(const struct scan *scan, int index, int at, const char *name)
{
    char near[KEY_SIZE] = "nothing sets it";
    const char *why = why_missing(name), *meant = suggest_name(scan, name);
    if (!why && meant)
        snprintf(near, sizeof near, "did you mean '%s'?", meant);
    tell(scan, index, at, "there is no '%s' in scripts: %s", name, why ? why : near);
}

// A global is read here: one that the sandbox lacks, or, by the next instruction, a member that its library lacks.
static void check_read(const struct scan *scan, int index, int at,
                       const struct instruction *instruction)
{
    lua_State *lua = scan->lua;
    struct instruction next;
    char whole[KEY_SIZE];
    const char *name = bytecode_push_operand(&scan->code, index, instruction->d);
    const char *member = NULL;
    if (bytecode_read(&scan->code, index, at + 1, &next) &&
        bytecode_is_field_read(&next, instruction->a))
        member = bytecode_push_operand(&scan->code, index, next.c);
    snprintf(whole, sizeof whole, "%s%s%s", name, member ? "." : "", member ? member : "");
    bool written = map_get(&scan->written, name, strlen(name));
    if (!written && !is_known(scan, NULL, name))
        tell_missing(scan, index, at, why_missing(whole) ? whole : name);
    else if (!written && member && is_known(scan, name, "") && !is_known(scan, name, member))
        tell_missing(scan, index, at + 1, whole);
    lua_pop(lua, member ? 2 : 1);
}

static void check_write(const struct scan *scan, int index, int at,
                        const struct instruction *instruction)
{
    const char *name = bytecode_push_operand(&scan->code, index, instruction->d);
    tell(scan, index, at,
         "the global '%s' is written: scripts keep no state, and share nothing; %s", name,
         is_known(scan, NULL, name) ? "it is one of the sandbox's, which are read only"
                                    : "write local before it");
    lua_pop(scan->lua, 1);
}

// ---- a file: each function in it, twice, for a global may be read before the place where it is written ----

typedef void visit(struct scan *scan, int index);

static void note_mention(struct scan *scan, const char *text, size_t size)
{
    char key[KEY_SIZE];
    bool common = strncmp(scan->file, "lib/", 4) == 0;
    map_put(&scan->mentioned, text, size, 1);
    int length = snprintf(key, sizeof key, "%s\n%s", common ? "lib/" : scan->file, text);
    if (size == strlen(text) && (size_t)length < sizeof key)
        map_put(&scan->mentions, key, (size_t)length, 1);
}

// [.., constant]: a string, or the keys and values of a table.
static void note_constant(struct scan *scan)
{
    lua_State *lua = scan->lua;
    size_t size;
    if (lua_type(lua, -1) == LUA_TSTRING) {
        const char *text = lua_tolstring(lua, -1, &size);
        note_mention(scan, text, size);
    } else if (lua_istable(lua, -1)) {
        lua_pushnil(lua);
        while (lua_next(lua, -2)) {
            note_constant(scan);
            lua_pop(lua, 1);
            note_constant(scan);
        }
    }
}

static void visit_constants(struct scan *scan, int index)
{
    for (int number = -1;; number--) {
        bytecode_push_constant(&scan->code, index, number);
        bool more = !lua_isnil(scan->lua, -1);
        note_constant(scan);
        lua_pop(scan->lua, 1);
        if (!more)
            return;
    }
}

static void visit_writes(struct scan *scan, int index)
{
    struct instruction instruction;
    for (int at = 1; bytecode_read(&scan->code, index, at, &instruction); at++) {
        if (!bytecode_is_global(&instruction, ACCESS_WRITE))
            continue;
        const char *name = bytecode_push_operand(&scan->code, index, instruction.d);
        map_put(&scan->written, name, strlen(name), 1);
        lua_pop(scan->lua, 1);
        check_write(scan, index, at, &instruction);
    }
}

static void visit_reads(struct scan *scan, int index)
{
    struct instruction instruction;
    for (int at = 1; bytecode_read(&scan->code, index, at, &instruction); at++)
        if (bytecode_is_global(&instruction, ACCESS_READ))
            check_read(scan, index, at, &instruction);
}

#define TYPE_PROTOTYPE                                                                             \
    (LUA_TTHREAD + 1) // what lua_type says of a function inside a function's constants

static void visit_all(struct scan *scan, int index, visit *each)
{
    each(scan, index);
    luaL_checkstack(scan->lua, 8, "functions nested too deep");
    for (int number = -1;; number--) {
        bytecode_push_constant(&scan->code, index, number);
        int type = lua_type(scan->lua, -1);
        if (type == TYPE_PROTOTYPE)
            visit_all(scan, lua_gettop(scan->lua), each);
        lua_pop(scan->lua, 1);
        if (type == LUA_TNIL)
            return;
    }
}

struct text {
    struct scan *scan;
    const char *path, *bytes;
    size_t size;
};

static int scan_text(lua_State *lua)
{
    struct text *text = lua_touserdata(lua, 1);
    struct scan *scan = text->scan;
    char *chunk = memory_format("@%s", text->path);
    int status = luaL_loadbufferx(lua, text->bytes, text->size, chunk, "t"); // [text, function]
    free(chunk);
    if (status != 0) {
        scan->found(scan->user, lua_tostring(lua, -1), false);
        return 0;
    }
    map_release(&scan->written);
    map_init(&scan->written);
    visit_all(scan, 2, visit_constants);
    visit_all(scan, 2, visit_writes);
    visit_all(scan, 2, visit_reads);
    return 0;
}

static void scan_file(struct scan *scan, const struct bundle_file *file)
{
    char *path = memory_format("%s/%s", scan->folder, file->name);
    struct text text = {scan, path, file->bytes, file->size};
    scan->file = file->name;
    if (!file->why)
        lua_cpcall(scan->lua, scan_text, &text);
    lua_settop(scan->lua, 0);
    scan->file = "";
    free(path);
}

// Others in the folder itself are no scripts of the router.
static bool is_loaded(const char *name)
{
    static const char *const names[] = {"client.lua", "config.lua", "messages.lua", NULL};
    return strchr(name, '/') || is_one_of(name, names);
}

void scan_bundle(struct scan *scan, const struct bundle *bundle, script_found *found, void *user)
{
    scan->found = found;
    scan->user = user;
    for (size_t i = 0; i < bundle->count; i++)
        if (is_loaded(bundle->files[i].name))
            scan_file(scan, &bundle->files[i]);
}

bool scan_mentions(const struct scan *scan, const char *file, const char *text)
{
    char key[KEY_SIZE];
    int size, common = snprintf(key, sizeof key, "lib/\n%s", text);
    if ((size_t)common < sizeof key && map_get(&scan->mentions, key, (size_t)common))
        return true;
    size = snprintf(key, sizeof key, "%s\n%s", file, text);
    return (size_t)size < sizeof key && map_get(&scan->mentions, key, (size_t)size);
}

// ---- functions that are loaded: their code is looked at in our VM ----

static int append_code(lua_State *lua, const void *bytes, size_t size, void *user)
{
    (void)lua;
    buffer_append(user, bytes, size);
    return 0;
}

struct code {
    struct scan *scan;
    struct buffer bytes;
    lua_CFunction look; // [code, function]
    const void *wanted;
    int parameter;
    script_read *each;
    void *user;
    bool found;
};

static int look_at_code(lua_State *lua)
{
    struct code *code = lua_touserdata(lua, 1);
    if (luaL_loadbufferx(lua, code->bytes.bytes, code->bytes.size, "=function", "b") != 0)
        return 0;
    return code->look(lua);
}

static void with_code(struct scan *scan, lua_State *lua, struct code *code)
{
    code->scan = scan;
    buffer_init(&code->bytes, 4 * BUNDLE_MAX_FILE);
    if (lua_dump(lua, append_code, &code->bytes) == 0 && !code->bytes.overflowed)
        lua_cpcall(scan->lua, look_at_code, code);
    lua_settop(scan->lua, 0);
    buffer_release(&code->bytes);
}

static int look_for_mention(lua_State *lua)
{
    struct code *code = lua_touserdata(lua, 1);
    map_release(&code->scan->mentioned);
    map_init(&code->scan->mentioned);
    visit_all(code->scan, 2, visit_constants);
    code->found = map_get(&code->scan->mentioned, code->wanted, strlen(code->wanted));
    return 0;
}

bool scan_function_mentions(struct scan *scan, lua_State *lua, const char *text)
{
    struct code code = {.look = look_for_mention, .wanted = text};
    with_code(scan, lua, &code);
    return code.found;
}

// Up to where another value is put into the parameter.
static int look_for_reads(lua_State *lua)
{
    const struct code *code = lua_touserdata(lua, 1);
    struct instruction instruction;
    char place[BYTECODE_PLACE_SIZE];
    for (int at = 1; bytecode_read(&code->scan->code, 2, at, &instruction); at++) {
        if (bytecode_is_field_read(&instruction, (uint32_t)code->parameter)) {
            const char *name = bytecode_push_operand(&code->scan->code, 2, instruction.c);
            bytecode_place(&code->scan->code, 2, at, place);
            code->each(code->user, place, name);
            lua_pop(lua, 1);
        }
        if (instruction.a_mode == OPERAND_TARGET && instruction.a == (uint32_t)code->parameter)
            return 0;
    }
    return 0;
}

void scan_reads(struct scan *scan, lua_State *lua, int parameter, script_read *each, void *user)
{
    struct code code = {.look = look_for_reads, .parameter = parameter, .each = each, .user = user};
    with_code(scan, lua, &code);
}
