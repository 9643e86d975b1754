// SPDX-License-Identifier: MIT
// Tests of core/script: what a script cannot do, and that the next row is fine afterwards.
#include "rowcast/script.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define KIB ((size_t)1024)

struct fixture {
    char folder[64];
    struct script *script;
    struct script_limits limits;
    char type[256];     // of the last event
    char failure[4096]; // the last one
    unsigned event_count, failure_count;
};

static int remove_entry(const char *path, const struct stat *status, int flag, struct FTW *where)
{
    (void)status, (void)flag, (void)where;
    return remove(path);
}

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->folder, "/tmp/rowcast-script-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->limits = (struct script_limits){16 << 20, 256 << 10, SCRIPT_TIMEOUT};
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    script_free(fixture->script);
    nftw(fixture->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

static void write_bytes(const struct fixture *fixture, const char *name, const char *bytes,
                        size_t size)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", fixture->folder, name);
    for (char *slash = strchr(path + strlen(fixture->folder) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void write_file(const struct fixture *fixture, const char *name, const char *text)
{
    write_bytes(fixture, name, text, strlen(text));
}

static int try_to_load(struct fixture *fixture, struct fault *fault)
{
    script_free(fixture->script);
    fixture->script = NULL;
    return script_load(&fixture->script, fixture->folder, &fixture->limits, fault);
}

static void load(struct fixture *fixture)
{
    struct fault fault;
    if (try_to_load(fixture, &fault) != 0)
        fail_msg("%s", fault.text);
}

static void load_fails(struct fixture *fixture, const char *sentence)
{
    struct fault fault = {0};
    assert_int_equal(try_to_load(fixture, &fault), -1);
    assert_int_equal(fault.code, EXIT_CONFIGURATION);
    if (!strstr(fault.text, sentence))
        fail_msg("'%s' is not in: %s", sentence, fault.text);
}

static void keep_event(void *user, const struct script_event *event)
{
    struct fixture *fixture = user;
    snprintf(fixture->type, sizeof fixture->type, "%s", event->type);
    fixture->event_count++;
    frame_unref(event->frame);
}

static void keep_failure(void *user, const struct change *change, const char *script,
                         const char *message)
{
    (void)change, (void)script;
    struct fixture *fixture = user;
    snprintf(fixture->failure, sizeof fixture->failure, "%s", message);
    fixture->failure_count++;
}

// Runs an insert of `id int` with this value.
static void run(struct fixture *fixture, const char *id)
{
    struct transaction *transaction = transaction_new();
    struct relation *relation = relation_new(&transaction->arena, "public", "t", 1);
    relation->columns[0] =
        (struct column){.name = "id", .name_size = 2, .type = COLUMN_INTEGER, .key = true};
    struct value value = {VALUE_TEXT, (uint32_t)strlen(id), id};
    struct row row = {relation, &value};
    struct change *change = transaction_add(transaction);
    change->op = CHANGE_INSERT;
    change->relation = relation;
    change->new_row = &row;
    transaction->whole = transaction->last = true;
    fixture->event_count = fixture->failure_count = 0;
    fixture->type[0] = fixture->failure[0] = '\0';
    struct event_id base = {.epoch = 1};
    struct script_sink sink = {.event = keep_event, .failed = keep_failure, .user = fixture};
    script_transaction(fixture->script, transaction, &base, &sink);
    transaction_free(transaction);
}

// Row 1 runs the body; every other row makes an event.
static void insert(struct fixture *fixture, const char *body)
{
    static char text[16384];
    snprintf(text, sizeof text,
             "return { insert = function(new, ctx) if new.id == 1 then\n%s\nend\n"
             "return { type = 'fine', topic = 'x' } end }",
             body);
    write_file(fixture, "tables/t.lua", text);
    load(fixture);
    run(fixture, "1");
}

static void the_next_row_is_fine(struct fixture *fixture)
{
    for (int i = 0; i < 3; i++) {
        run(fixture, "2");
        if (fixture->failure_count)
            fail_msg("%s", fixture->failure);
        assert_string_equal(fixture->type, "fine");
    }
}

// The body must end its row with this sentence, behind a position, and leave nothing behind.
static void stopped(struct fixture *fixture, const char *body, const char *sentence)
{
    insert(fixture, body);
    assert_int_equal(fixture->event_count, 0);
    assert_int_equal(fixture->failure_count, 1);
    if (!strstr(fixture->failure, sentence))
        fail_msg("'%s' is not in: %s", sentence, fixture->failure);
    if (!strstr(fixture->failure, ".lua:"))
        fail_msg("no position in: %s", fixture->failure);
    the_next_row_is_fine(fixture);
    run(fixture, "1"); // and again, in the same engine
    assert_int_equal(fixture->failure_count, 1);
    the_next_row_is_fine(fixture);
}

// The body returns an event whose type is this.
static void answers(struct fixture *fixture, const char *body, const char *type)
{
    insert(fixture, body);
    if (fixture->failure_count)
        fail_msg("%s", fixture->failure);
    assert_string_equal(fixture->type, type);
}

// The expression is true.
static void holds(struct fixture *fixture, const char *expression)
{
    char body[1024];
    snprintf(body, sizeof body, "return { type = tostring(%s), topic = 'x' }", expression);
    insert(fixture, body);
    if (fixture->failure_count || strcmp(fixture->type, "true") != 0)
        fail_msg("%s: %s%s", expression, fixture->type, fixture->failure);
}

// ---- time ----

#define TOO_LONG "stopped: it ran for too long"

static void a_loop_is_stopped(void **state)
{
    stopped(*state, "while true do end", TOO_LONG);
    stopped(*state, "repeat local x = 1 until false", TOO_LONG);
    stopped(*state, "local function f() return f() end return f()", TOO_LONG);
    stopped(*state, "for i = 1, math.huge do end", TOO_LONG);
}

static void pcall_does_not_go_on(void **state)
{
    stopped(*state, "while true do pcall(function() while true do end end) end", TOO_LONG);
    stopped(*state, "pcall(function() while true do end end) return { type = 'a', topic = 'x' }",
            TOO_LONG);
    stopped(*state,
            "local function f() return pcall(pcall, function() while true do end end) end "
            "while true do pcall(f) end",
            TOO_LONG);
    stopped(*state,
            "local function f() while true do pcall(error, {}) end end while true do pcall(f) end",
            TOO_LONG);
}

static void an_xpcall_handler_does_not_go_on(void **state)
{
    stopped(*state,
            "local function loop() while true do end end "
            "xpcall(loop, loop) return { type = 'a', topic = 'x' }",
            TOO_LONG);
    stopped(*state, "while true do xpcall(error, function() while true do end end) end", TOO_LONG);
    stopped(*state,
            "local function loop() while true do end end "
            "while true do xpcall(loop, print) end",
            TOO_LONG);
}

static void metamethods_and_callbacks_are_stopped(void **state)
{
    stopped(*state, "return setmetatable({}, { __index = function() while true do end end }).x",
            TOO_LONG);
    stopped(*state,
            "local mt = { __lt = function() while true do end end } "
            "return setmetatable({}, mt) < setmetatable({}, mt)",
            TOO_LONG);
    stopped(*state, "table.sort({ 1, 2, 3 }, function() while true do end end)", TOO_LONG);
    stopped(*state, "('x'):gsub('.', function() while true do end end)", TOO_LONG);
    stopped(*state, "tostring(setmetatable({}, { __tostring = function() while true do end end }))",
            TOO_LONG);
    stopped(*state,
            "return { type = 'a', topic = setmetatable({}, { __index = function() while true do "
            "end end }), x = setmetatable({}, { __index = function() while true do end end }).x }",
            TOO_LONG);
}

static void a_loop_while_loading_is_stopped(void **state)
{
    write_file(*state, "tables/t.lua", "while true do end");
    load_fails(*state, "/tables/t.lua:1: " TOO_LONG);
    write_file(*state, "tables/t.lua", "pcall(function() while true do end end) return {}");
    load_fails(*state, TOO_LONG);
    write_file(*state, "lib/loop.lua", "while true do end");
    write_file(*state, "tables/t.lua", "require 'loop' return {}");
    load_fails(*state, "/lib/loop.lua:1: " TOO_LONG);
}

// ---- stack ----

static void recursion_is_stopped(void **state)
{
    stopped(*state, "local function f(x) return 1 + f(x) end f(1)", "stack overflow");
    stopped(*state,
            "local t = setmetatable({}, {}) getmetatable(t).__index = "
            "function(t, k) return t[k .. 'x'] .. 'y' end return t.a",
            "");
    stopped(*state, "local function f() local ok, e = pcall(f) error(e) end f()", "");
}

// Recursion through C, whose stack must hold as well.
static void recursion_through_the_libraries_is_stopped(void **state)
{
    stopped(*state, "local f f = function() return ('x'):gsub('.', f) end f()", "");
    stopped(*state, "local f f = function() assert(xpcall(f, tostring)) end f()", "");
    stopped(*state, "local f f = function() table.sort({ 1, 2, 3 }, f) error('x') end f()", "");
    stopped(*state,
            "local t t = setmetatable({}, { __tostring = function() return tostring(t) end }) "
            "tostring(t)",
            "");
    stopped(*state,
            "local t t = setmetatable({}, { __tostring = function() print(t) return '' end }) "
            "print(t)",
            "");
    stopped(*state,
            "local t t = setmetatable({}, { __tostring = function() "
            "return string.format('%%s', t) end }) print(t)",
            "");
}

// ---- memory ----

#define TOO_MUCH "stopped: it took more than 16384 KiB of memory"

static void a_memory_bomb_is_stopped(void **state)
{
    stopped(*state, "local s = 'x' while true do s = s .. s end", TOO_MUCH);
    stopped(*state, "local t = {} for i = 1, 1e9 do t[i] = { i } end", TOO_MUCH);
    stopped(*state, "local t = {} for i = 1, 200 do t[i] = ('x'):rep(1e5) .. i end", TOO_MUCH);
    stopped(*state, "local t = {} for i = 1, 1e9 do t[#t + 1] = function() return t, i end end",
            TOO_MUCH);
}

#define TOO_LARGE "the result would be larger than 1 MiB"

static void libraries_make_no_huge_strings(void **state)
{
    stopped(*state, "return ('x'):rep(1e9)", TOO_LARGE);
    stopped(*state, "return ('x'):rep(2 ^ 20 + 1)", TOO_LARGE);
    stopped(*state, "return (''):rep(2 ^ 20, 'xy')", TOO_LARGE);
    stopped(*state, "local s = ('x'):rep(1e6) return table.concat({ s, s })", TOO_LARGE);
    stopped(*state, "return table.concat({ '', '', '' }, ('x'):rep(1e6))", TOO_LARGE);
    stopped(*state, "local s = ('x'):rep(1e6) return ('%s%s'):format(s, s)", TOO_LARGE);
    stopped(*state, "return (('x'):rep(2 ^ 20)):gsub('x', 'xy')", TOO_LARGE);
    stopped(*state, "return (('x'):rep(1e6)):gsub('.+', '%0%0')", TOO_LARGE);
    stopped(*state, "return (('x'):rep(1e3)):gsub('x', function() return ('y'):rep(1e4) end)",
            TOO_LARGE);
    holds(*state, "#(('x'):rep(2 ^ 20)) == 2 ^ 20");
    holds(*state, "#(('x'):rep(1e6) .. ('y'):rep(1e6)):sub(2) == 1999999");
}

// What no instruction counts: a library function that does much, an operator on large strings.
static void work_in_libraries_is_charged(void **state)
{
    static const char setup[] =
        "local s, n = ('x'):rep(2 ^ 20), {} for i = 1, 2e4 do n[i] = i end ";
    static const char *const bodies[] = {
        "while true do s:upper() end",
        "while true do s:reverse() end",
        "while true do s:sub(2) end",
        "while true do ('%s'):format(s) end",
        "while true do s:find('y', 1, true) end",
        "while true do s:gsub('y', '') end",
        "while true do s:byte(1, 7000) end",
        "while true do tonumber(s) end",
        "while true do table.concat(n, ',') end",
        "while true do table.insert(n, 1, 0) end",
        "while true do table.remove(n, 1) end",
        "while true do table.sort(n, rawequal) end",
        "while true do table.maxn(n) end",
        "while true do unpack(n, 1, 7000) end",
        "while true do next(n) end",
        "while true do for _ in pairs(n) do break end end",
        "while true do rowcast.extend(n, n) end",
        "s = '[' .. ('1,'):rep(1e5) .. '1]' while true do cjson.decode(s) end",
        "s = s:rep(1) local t = s .. s while true do local u = s .. t end",
        "s = s:upper() local a, b = s .. 'a', s .. 'b' while true do local c = a < b end",
        "for i = 1, 2e4 do n[i] = s end table.sort(n)",
    };
    char body[512];
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct fixture *fixture = *state;
        snprintf(body, sizeof body, "%s%s", setup, bodies[i]);
        insert(fixture, body);
        if (!strstr(fixture->failure, TOO_LONG))
            fail_msg("%s: %s", bodies[i], fixture->failure);
        the_next_row_is_fine(fixture);
    }
}

static void a_pattern_bomb_is_stopped(void **state)
{
    stopped(*state, "return (('a'):rep(1e5)):find(('a*'):rep(20) .. 'b')", TOO_LONG);
    stopped(*state, "return (('a'):rep(1e5)):match('.-.-.-b')", TOO_LONG);
    stopped(*state, "return (('a'):rep(1e5)):gsub('(a*)*b', '')", TOO_LONG);
    stopped(*state, "for x in (('('):rep(1e5)):gmatch('%b()') do end", TOO_LONG);
    stopped(*state, "pcall(string.find, ('a'):rep(1e5), ('a*'):rep(20) .. 'b')", TOO_LONG);
    stopped(*state, "return (('a'):rep(1e3)):find(('a?'):rep(300))", "pattern too complex");
    stopped(*state, "return ('a'):find('[')", "malformed pattern (missing ']')");
}

static void a_memory_bomb_in_a_pcall_is_stopped(void **state)
{
    stopped(*state, "while true do pcall(string.rep, 'x', 1e9) end", TOO_LONG);
    stopped(*state,
            "local keep = {} while true do "
            "pcall(function() while true do keep[#keep + 1] = { #keep } end end) end",
            "stopped: it ");
    answers(*state,
            "local ok, message = pcall(string.rep, 'x', 1e9) "
            "return { type = tostring(ok) .. ' ' .. message, topic = 'x' }",
            "false " TOO_LARGE ", the most that scripts make of text");
}

static void a_huge_event_is_stopped(void **state)
{
    stopped(*state,
            "local s, t = ('x'):rep(1e6), {} for i = 1, 2000 do t[i] = s end "
            "return { type = 'a', topic = 'x', t = t }",
            TOO_LONG);
    stopped(*state, "local t = {} t.t = t return { type = 'a', topic = 'x', t = t }",
            "nested deeper than 64");
}

static void many_rows_leave_no_memory_behind(void **state)
{
    struct fixture *fixture = *state;
    fixture->limits.memory = 2048 * KIB;
    insert(fixture, "error({})");
    for (int i = 0; i < 4000; i++)
        run(fixture, i % 10 ? "2" : "1");
    the_next_row_is_fine(fixture);
    assert_true(script_memory(fixture->script) < 2048 * KIB);
}

// Whatever is in use: garbage alone never counts as too much.
static void garbage_is_collected_in_time(void **state)
{
    struct fixture *fixture = *state;
    for (int used = 0; used <= 5000; used += 1000) { // KiB
        char body[256];
        snprintf(body, sizeof body,
                 "local kept, s = {}, ('x'):rep(1020) for i = 1, %d do kept[i] = s .. i end "
                 "for i = 1, 40000 do local t = s .. i end",
                 used);
        insert(fixture, body);
        run(fixture, "1");
        if (fixture->failure_count > 0)
            fail_msg("%d KiB in use: %s", used, fixture->failure);
    }
}

// ---- errors ----

static void every_kind_of_error_is_told(void **state)
{
    stopped(*state, "error('plain')", "/tables/t.lua:2: plain");
    stopped(*state, "error('bare', 0)", ": bare");
    stopped(*state, "error()", "the error raised is a nil value");
    stopped(*state, "error({ code = 1 })", "the error raised is a table value");
    stopped(*state, "error(new)", "the error raised is a userdata value");
    stopped(*state, "error(rowcast.null)", "the error raised is a userdata value");
    stopped(*state, "error(print)", "the error raised is a function value");
    stopped(*state, "error(true)", "the error raised is a boolean value");
    stopped(*state, "error(42)", "42");
    stopped(*state, "local x = nil; x.y = 1", "attempt to index");
    stopped(*state, "error(('x'):rep(1e6))", "xxxx");
    stopped(*state, "error('a\\nb:1: c\\0d', 0)", "a\nb:1: c");
}

static void error_objects_are_not_called(void **state)
{
    stopped(*state, "error(setmetatable({}, { __tostring = function() error('again') end }))",
            "the error raised is a table value");
    stopped(*state, "error(setmetatable({}, { __tostring = function() while true do end end }))",
            "the error raised is a table value");
    stopped(*state, "print(setmetatable({}, { __tostring = function() error('again') end }))",
            "again");
    stopped(*state, "print(setmetatable({}, { __tostring = function() return {} end }))",
            "'__tostring' must return a string");
    stopped(*state,
            "rowcast.log('info', setmetatable({}, { __tostring = function() return {} end }))",
            "'__tostring' must return a string");
}

static void xpcall_works_as_it_should(void **state)
{
    answers(*state,
            "local ok, a, b = xpcall(function(...) return ... end, print, 'a', 'b') "
            "return { type = tostring(ok) .. a .. b, topic = 'x' }",
            "trueab");
    answers(*state,
            "local ok, e = xpcall(function() error('no', 0) end, function(e) return e .. '!' end) "
            "return { type = tostring(ok) .. e, topic = 'x' }",
            "falseno!");
    stopped(*state, "xpcall(error, 5)", "function expected");
}

// ---- allocations that fail ----

static void running_out_of_memory_anywhere_is_survived(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault;
    unsigned loaded = 0, failed = 0, ran = 0, stopped_rows = 0;
    write_file(fixture, "lib/help.lua",
               "local t = {} for i = 1, 200 do t[i] = { name = 'n' .. i } end return t");
    write_file(fixture, "tables/t.lua",
               "local help = require 'help' return { insert = function(new, ctx) "
               "local list = {} for i = 1, 100 do list[i] = rowcast.extend(new, { n = i, "
               "h = help[i], s = ('y'):rep(i) }) end "
               "local n = #ctx.rows('t') "
               "for k, v in pairs({ a = 1, b = 2 }) do list[#list + 1] = { k, v } end "
               "return { { type = 'fine', topic = { 'x', 'y' }, list = list, n = n, "
               "d = cjson.null }, { type = 'fine', topic = 'x' } } end }");
    write_file(fixture, "client.lua",
               "return { message = function(client, payload) "
               "return { send = { type = 'echo', text = payload:rep(10) } } end }");
    write_file(fixture, "messages.lua", "return function(content) return nil end");
    for (size_t limit = 16 * KIB; limit < 1024 * KIB; limit += 12 * KIB) {
        fixture->limits.memory = limit;
        if (try_to_load(fixture, &fault) != 0) {
            if (!strstr(fault.text, "of memory") && !strstr(fault.text, "not enough memory"))
                fail_msg("%zu: %s", limit, fault.text);
            failed++;
            continue;
        }
        loaded++;
        for (int i = 0; i < 5; i++) {
            run(fixture, "1");
            assert_int_equal(fixture->failure_count + (fixture->event_count > 0), 1);
            ran += fixture->event_count > 0;
            stopped_rows += fixture->failure_count;
            struct script_client client = {.id = "1"};
            struct script_call call = {.hook = HOOK_MESSAGE, .payload = "hello", .payload_size = 5};
            char failure[1024];
            script_commands_free(
                script_client(fixture->script, &client, &call, failure, sizeof failure));
        }
    }
    assert_true(failed > 0 && loaded > 0 && ran > 0 && stopped_rows > 0);
}

// ---- the sandbox ----

static void what_must_not_exist_does_not(void **state)
{
    static const char *const names[] = {"io",
                                        "os",
                                        "debug",
                                        "package",
                                        "jit",
                                        "ffi",
                                        "bit",
                                        "coroutine",
                                        "load",
                                        "loadstring",
                                        "loadfile",
                                        "dofile",
                                        "getfenv",
                                        "setfenv",
                                        "rawset",
                                        "collectgarbage",
                                        "gcinfo",
                                        "newproxy",
                                        "module",
                                        "_G",
                                        "string.dump",
                                        "math.random",
                                        "math.randomseed",
                                        "table.foreach",
                                        "table.foreachi",
                                        "cjson.encode",
                                        "cjson.new",
                                        "cjson.decode_max_depth",
                                        "rowcast.now"};
    char expression[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(expression, sizeof expression, "%s == nil", names[i]);
        holds(*state, expression);
    }
    holds(*state, "pcall(require, 'ffi') == false and pcall(require, 'jit') == false");
    holds(*state, "pcall(require, 'string') == false and pcall(require, 'io') == false");
    holds(*state, "('x').dump == nil and ('x').rep ~= nil");
}

static void globals_cannot_be_set(void **state)
{
    stopped(*state, "count = 1", "the global 'count' cannot be set: scripts keep no state");
    stopped(*state, "pairs = nil", "the global 'pairs' cannot be set");
    write_file(*state, "tables/t.lua", "x = 1 return {}");
    load_fails(*state, "/tables/t.lua:1: the global 'x' cannot be set");
}

static void libraries_cannot_be_changed(void **state)
{
    stopped(*state, "string.rep = nil", "libraries and modules are read only");
    stopped(*state, "math.x = 1", "libraries and modules are read only");
    stopped(*state, "rowcast.null = 1", "libraries and modules are read only");
    stopped(*state, "cjson.decode = print", "libraries and modules are read only");
    stopped(*state, "setmetatable(string, {})", "protected metatable");
    stopped(*state, "setmetatable(rowcast.array({}), {})", "protected metatable");
    stopped(*state, "rowcast.array(string)", "this table is read only");
    stopped(*state, "rowcast.array(rowcast)", "this table is read only");
    stopped(*state, "table.insert(string, 'x')", "libraries and modules are read only");
    stopped(*state, "table.sort(string)", "libraries and modules are read only");
    holds(*state, "getmetatable('') == false and getmetatable(string) == false");
    holds(*state, "getmetatable(new) == false and getmetatable(ctx) == false");
    holds(*state, "getmetatable(rowcast.array({})) == false");
    holds(*state, "#rowcast.array(rowcast.array({ 1 })) == 1");
    holds(*state, "rawget(string, 'rep') == nil");
}

static void modules_cannot_be_changed(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "lib/m.lua", "return { one = 1, two = { 2 } }");
    write_file(fixture, "lib/list.lua", "return { 'a', 'b' }");
    write_file(fixture, "lib/class.lua",
               "local Class = {} Class.__index = Class function Class.new() return "
               "setmetatable({}, Class) end function Class:name() return 'class' end return Class");
    stopped(fixture, "require('m').one = 2", "libraries and modules are read only");
    stopped(fixture, "require('m').three = 3", "libraries and modules are read only");
    stopped(fixture, "table.insert(require('m'), 3)", "libraries and modules are read only");
    stopped(fixture, "setmetatable(require('m'), {})", "protected metatable");
    stopped(fixture, "local f, m = pairs(require('m')) m.one = 3", "libraries and modules");
    holds(fixture, "require('m').one == 1 and require('m').two[1] == 2");
    holds(fixture, "next(require('m')) == 'one' and #require('list') == 2");
    holds(fixture, "require('class').new():name() == 'class'");
    answers(fixture,
            "local t = '' for k in pairs(require('m')) do t = t .. k end "
            "return { type = t .. rowcast.extend(require('m'), {}).one, topic = 'x' }",
            "onetwo1");
}

static void no_address_is_shown(void **state)
{
    holds(*state, "tostring({}) == 'table' and tostring(print) == 'function'");
    holds(*state, "tostring(new) == 'row' and tostring(ctx) == 'userdata'");
    holds(*state, "tostring(rowcast.null) == 'null' and rowcast.null == cjson.null");
    holds(*state, "('%s %s'):format({}, print) == 'table function'");
    holds(*state, "string.format('%s', ctx) == 'userdata'");
    holds(*state, "string.format('%s', setmetatable({}, { __tostring = function() return 'mine' "
                  "end })) == 'mine'");
    holds(*state, "string.format('%5.1f|%-5s|%q|%%', 1.5, 'a', 'b') == '  1.5|a    |\"b\"|%'");
    stopped(*state, "string.format('%p', {})", "%p would differ in every process");
    stopped(*state, "string.format('%% %-20p', 'x')", "%p would differ");
    stopped(*state, "('\\0%p'):format('x')", "%p would differ");
    holds(*state, "not select(2, pcall(function() return {} .. 'x' end)):find('0x')");
    holds(*state, "not select(2, pcall(string.rep, {}, print)):find('0x')");
}

static void bytecode_is_refused(void **state)
{
    write_bytes(*state, "tables/t.lua", "\x1bLJ\x02\x02", 5);
    load_fails(*state, "attempt to load chunk with wrong mode");
}

static void require_opens_lib_alone_and_once(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "lib/deep/a.lua", "return { list = {} }");
    write_file(fixture, "lib/nothing.lua", "");
    write_file(fixture, "outside.lua", "return 1");
    holds(fixture, "require('deep.a') == require('lib.deep.a')");
    holds(fixture, "require('nothing') == true");
    static const char *const names[] = {
        "../outside", "lib/../outside", "/etc/passwd", ".a",     "a..b", "",
        "outside",    "lib.",           "deep/a",      "a\\\\b", "deep"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char body[256];
        snprintf(body, sizeof body, "require('%s')", names[i]);
        stopped(fixture, body, "' not found: ");
    }
    stopped(fixture, "require(('a'):rep(101))", "not found");
    stopped(fixture, "require({})", "string expected");
}

static void require_refuses_what_is_no_file(void **state)
{
    struct fixture *fixture = *state;
    char from[160], to[160];
    write_file(fixture, "lib/x.lua", "return 1");
    write_file(fixture, "secret", "return 1");
    snprintf(from, sizeof from, "%s/secret", fixture->folder);
    snprintf(to, sizeof to, "%s/lib/link.lua", fixture->folder);
    assert_int_equal(symlink(from, to), 0);
    snprintf(to, sizeof to, "%s/lib/folder.lua", fixture->folder);
    assert_int_equal(mkdir(to, 0755), 0);
    stopped(fixture, "require('link')", "not a regular file of up to 1 MiB");
    stopped(fixture, "require('folder')", "not a regular file of up to 1 MiB");
    write_file(fixture, "elsewhere/x.lua", "return 1");
    snprintf(from, sizeof from, "%s/elsewhere", fixture->folder);
    snprintf(to, sizeof to, "%s/lib/linked", fixture->folder);
    assert_int_equal(symlink(from, to), 0);
    stopped(fixture, "require('linked.x')", "module 'linked.x' not found");
    snprintf(to, sizeof to, "%s/lib/pipe.lua", fixture->folder);
    assert_int_equal(mkfifo(to, 0600), 0);
    stopped(fixture, "require('pipe')", "not a regular file of up to 1 MiB");
}

static void a_require_that_failed_may_be_tried_again(void **state)
{
    write_file(*state, "lib/broken.lua", "error('broken')");
    stopped(*state, "pcall(require, 'broken') require('lib.broken')", "/lib/broken.lua:1: broken");
}

static void require_in_a_circle_is_refused(void **state)
{
    write_file(*state, "lib/a.lua", "require 'b'");
    write_file(*state, "lib/b.lua", "require 'a'");
    write_file(*state, "tables/t.lua", "require 'a' return {}");
    load_fails(*state, "/lib/b.lua:1: module 'a' requires itself");
}

// ---- loading ----

static void an_unknown_name_is_refused_with_a_suggestion(void **state)
{
    write_file(*state, "tables/t.lua", "return { isnert = function() end }");
    load_fails(*state, "/tables/t.lua:1: nothing is called 'isnert' here; did you mean 'insert'?");
    write_file(*state, "tables/t.lua", "return { insert = 5 }");
    load_fails(*state, "/tables/t.lua:1: 'insert' is a number; a function is expected");
    write_file(*state, "tables/t.lua", "return { function() end }");
    load_fails(*state, "/tables/t.lua:1: nothing is called '[number]' here");
    write_file(*state, "tables/t.lua", "return 5");
    load_fails(*state, "/tables/t.lua:1: it returns a number; a table of functions is expected");
    write_file(*state, "tables/t.lua", "");
    load_fails(*state, "/tables/t.lua:1: it returns a nil");
    write_file(*state, "tables/t.lua", "return {}");
    write_file(*state, "client.lua", "return { mesage = function() end }");
    load_fails(*state, "/client.lua:1: nothing is called 'mesage' here; did you mean 'message'?");
    write_file(*state, "client.lua", "return {}");
    write_file(*state, "messages.lua", "return {}");
    load_fails(*state, "/messages.lua:1: it returns a table; a function is expected");
}

static void a_syntax_error_names_path_and_line(void **state)
{
    struct fixture *fixture = *state;
    char expected[128];
    write_file(fixture, "tables/t.lua", "return {\n  insert =\n}");
    snprintf(expected, sizeof expected, "%s/tables/t.lua:3: ", fixture->folder);
    load_fails(fixture, expected);
    write_file(fixture, "tables/t.lua", "return {}");
    write_file(fixture, "client.lua", "\n\nlocal = 1");
    snprintf(expected, sizeof expected, "%s/client.lua:3: ", fixture->folder);
    load_fails(fixture, expected);
}

static void an_error_while_loading_names_path_and_line(void **state)
{
    write_file(*state, "tables/t.lua", "\nerror('no')");
    load_fails(*state, "/tables/t.lua:2: no");
    write_file(*state, "tables/t.lua", "error({})");
    load_fails(*state, "/tables/t.lua:1: the error raised is a table value");
    write_file(*state, "tables/t.lua", "local s = 'x' while true do s = s .. s end");
    load_fails(*state, "/tables/t.lua:1: " TOO_MUCH);
}

static void a_missing_folder_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault;
    assert_int_equal(
        script_load(&fixture->script, "/tmp/rowcast/not/there", &fixture->limits, &fault), -1);
    assert_int_equal(fault.code, EXIT_CONFIGURATION);
    assert_non_null(strstr(fault.text, "'/tmp/rowcast/not/there' cannot be read: it does not "
                                       "exist"));
    write_file(fixture, "file", "");
    char path[128];
    snprintf(path, sizeof path, "%s/file", fixture->folder);
    assert_int_equal(script_load(&fixture->script, path, &fixture->limits, &fault), -1);
    assert_non_null(strstr(fault.text, "it is not a folder"));
}

static void an_empty_folder_is_fine(void **state)
{
    struct fixture *fixture = *state;
    load(fixture);
    assert_int_equal(script_table_count(fixture->script), 0);
    for (int hook = 0; hook < HOOK_COUNT; hook++)
        assert_false(script_has_hook(fixture->script, hook));
    run(fixture, "1");
    assert_int_equal(fixture->event_count + fixture->failure_count, 0);
}

static void files_that_are_no_scripts_are_left_alone(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "tables/.hidden.lua", "error('x')");
    write_file(fixture, "tables/t.lua~", "error('x')");
    write_file(fixture, "tables/README.md", "hello");
    load(fixture);
    assert_int_equal(script_table_count(fixture->script), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_loop_is_stopped),
        TEST(pcall_does_not_go_on),
        TEST(an_xpcall_handler_does_not_go_on),
        TEST(metamethods_and_callbacks_are_stopped),
        TEST(a_loop_while_loading_is_stopped),
        TEST(recursion_is_stopped),
        TEST(recursion_through_the_libraries_is_stopped),
        TEST(a_memory_bomb_is_stopped),
        TEST(libraries_make_no_huge_strings),
        TEST(work_in_libraries_is_charged),
        TEST(a_pattern_bomb_is_stopped),
        TEST(a_memory_bomb_in_a_pcall_is_stopped),
        TEST(a_huge_event_is_stopped),
        TEST(many_rows_leave_no_memory_behind),
        TEST(garbage_is_collected_in_time),
        TEST(every_kind_of_error_is_told),
        TEST(error_objects_are_not_called),
        TEST(xpcall_works_as_it_should),
        TEST(running_out_of_memory_anywhere_is_survived),
        TEST(what_must_not_exist_does_not),
        TEST(globals_cannot_be_set),
        TEST(libraries_cannot_be_changed),
        TEST(modules_cannot_be_changed),
        TEST(no_address_is_shown),
        TEST(bytecode_is_refused),
        TEST(require_opens_lib_alone_and_once),
        TEST(require_refuses_what_is_no_file),
        TEST(a_require_that_failed_may_be_tried_again),
        TEST(require_in_a_circle_is_refused),
        TEST(an_unknown_name_is_refused_with_a_suggestion),
        TEST(a_syntax_error_names_path_and_line),
        TEST(an_error_while_loading_names_path_and_line),
        TEST(a_missing_folder_is_refused),
        TEST(an_empty_folder_is_fine),
        TEST(files_that_are_no_scripts_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
