// SPDX-License-Identifier: MIT
// Tests of pattern.c and of the functions that use it: they find what LuaJIT's own find, and complain as they do.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>

#include "rowcast/library.h"
#include "rowcast/pattern.h"
#include "rowcast/vm.h"

#define MEBI ((size_t)1 << 20)

// ---- the matcher alone ----

static enum pattern_result find(struct pattern *pattern, const char *subject, const char *text,
                                size_t limit, size_t *from, size_t *end)
{
    const char *at = subject, *behind = NULL;
    pattern_init(pattern, subject, strlen(subject), text, strlen(text), limit);
    enum pattern_result result = pattern_find(pattern, &at, &behind);
    *from = (size_t)(at - subject);
    *end = behind ? (size_t)(behind - subject) : 0;
    return result;
}

static void found(const char *subject, const char *text, size_t from, size_t end)
{
    struct pattern pattern;
    size_t at, behind;
    assert_int_equal(find(&pattern, subject, text, MEBI, &at, &behind), PATTERN_FOUND);
    assert_int_equal(at, from);
    assert_int_equal(behind, end);
}

static void wrong(const char *subject, const char *text, const char *sentence)
{
    struct pattern pattern;
    size_t at, behind;
    assert_int_equal(find(&pattern, subject, text, MEBI, &at, &behind), PATTERN_WRONG);
    assert_string_equal(pattern.wrong, sentence);
}

static void it_finds(void **state)
{
    (void)state;
    found("hello", "l+", 2, 4);
    found("hello", "l-o", 2, 5);
    found("hello", "", 0, 0);
    found("key = value", "(%w+)%s*=%s*(%w+)", 0, 11);
    found("THE (quick) fox", "%((%a+)%)", 4, 11);
    found("a(b(c)d)e", "%b()", 1, 8);
    found("THE fox", "%f[%a]%a+%f[%A]", 0, 3);
    found("x=='y'", "(['\"])y%1", 3, 6);
    found("abc", "c$", 2, 3);
    found("a]b", "[]]", 1, 2);
    found("a-b", "[a-]+", 0, 2);
}

static void it_captures(void **state)
{
    (void)state;
    struct pattern pattern;
    size_t at, behind;
    assert_int_equal(find(&pattern, "key=value", "()(%w+)=(%w*)()", MEBI, &at, &behind),
                     PATTERN_FOUND);
    assert_int_equal(pattern.capture_count, 4);
    assert_int_equal(pattern.captures[0].size, PATTERN_PLACE);
    assert_memory_equal(pattern.captures[1].at, "key", 3);
    assert_int_equal(pattern.captures[1].size, 3);
    assert_memory_equal(pattern.captures[2].at, "value", 5);
    assert_ptr_equal(pattern.captures[3].at, pattern.subject_end);
}

static void it_says_what_is_wrong(void **state)
{
    (void)state;
    wrong("a", "%", "malformed pattern (ends with '%')");
    wrong("a", "[a", "malformed pattern (missing ']')");
    wrong("a", "[]", "malformed pattern (missing ']')");
    wrong("a", "%f", "missing '[' after '%f' in pattern");
    wrong("a", "%bx", "unbalanced pattern");
    wrong("a", "%1", "invalid capture index");
    wrong("a", ")", "invalid pattern capture");
    wrong("a", "((((((((((((((((((((((((((((((((((", "too many captures");
}

static void it_gives_up_at_the_limit(void **state)
{
    (void)state;
    char subject[1001];
    memset(subject, 'a', 1000);
    subject[1000] = '\0';
    static const char *const bombs[] = {"a*a*a*a*a*b",   "a-a-a-a-a-b",   "a?a?a?a?a*a*a*b",
                                        "(a*)a*b",       "[a]*[a]*[a]*b", ".-.-.-.-b",
                                        "%a*%a*%a*%a*$b"};
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        struct pattern pattern;
        size_t at, behind;
        assert_int_equal(find(&pattern, subject, bombs[i], 100000, &at, &behind), PATTERN_STOPPED);
        assert_true(pattern.steps < 100000 + 2 * sizeof subject);
    }
}

static void it_does_not_recurse_without_bound(void **state)
{
    (void)state;
    char text[1001];
    for (size_t i = 0; i < 1000; i += 2)
        memcpy(text + i, "a?", 2);
    text[1000] = '\0';
    char subject[501];
    memset(subject, 'a', 500);
    subject[500] = '\0';
    wrong(subject, text, "pattern too complex");
}

// ---- beside LuaJIT's own ----

// Random subjects and patterns, from a seed; `ours` and `theirs` are string libraries. Raises at the first difference.
static const char compare[] =
    "local ours, theirs, seed, count = ... \n"
    "local floor = math.floor \n"
    "local function random(n) seed = (seed * 16807) % 2147483647; return seed % n + 1 end \n"
    "local function pick(list) return list[random(#list)] end \n"
    "local bytes = { 'a', 'a', 'b', 'c', 'A', '0', '9', ' ', '(', ')', '[', ']', '-', '.', '%', '^', '$', '\\0', '\\n', '\\127', '\\200', '\\255', '_', 'ab' } \n"
    "local items = { 'a', 'b', 'c', '.', '%a', '%d', '%s', '%w', '%p', '%c', '%x', '%z', '%u', '%l', '%A', '%D', '%S', '%W', '%P', '%C', '%X', '%Z', '%U', '%L', '%g', '%G', "
    "  '%%', '%(', '%.', '%]', '%-', '[ab]', '[^ab]', '[a-c]', '[^%w]', '[%a_]', '[]]', '[^]]', '[a-]', '[]-a]', '[%a-z]', '[\\1-\\255]', '[%]]', '[%-a]', '[^%z]', 'A', '0', ' ', '\\200', '[\\200-\\255]', '-', '^', '$' } \n"
    "local repeats = { '', '', '', '', '*', '+', '-', '?' } \n"
    "local odd = { '(', ')', '()', '%1', '%2', '%0', '%9', '%b()', '%bab', '%baa', '%b', '%f[%a]', '%f[^%a]', '%f[%z]', '%f', '%f[', '[', '[^', '[a', '[%', ']', '%', '\\0', '(a', '%b(' } \n"
    "local function subject() local t = {} for i = 1, random(16) - 1 do t[i] = pick(bytes) end return theirs.rep(table.concat(t), random(40) == 1 and 30 or 1) end \n"
    "local function pattern() \n"
    "  local t, open = {}, 0 \n"
    "  if random(6) == 1 then t[1] = '^' end \n"
    "  for i = 1, random(7) - 1 do \n"
    "    local what = random(20) \n"
    "    if what == 1 then t[#t + 1] = pick(odd) \n"
    "    elseif what <= 3 then t[#t + 1] = '('; open = open + 1 \n"
    "    elseif what <= 5 and open > 0 then t[#t + 1] = ')'; open = open - 1 \n"
    "    elseif what == 6 then t[#t + 1] = '()' \n"
    "    elseif what == 7 then t[#t + 1] = '%' .. random(3) \n"
    "    else t[#t + 1] = pick(items) .. pick(repeats) end \n"
    "  end \n"
    "  if random(10) > 1 then t[#t + 1] = theirs.rep(')', open) end \n"
    "  if random(6) == 1 then t[#t + 1] = '$' end \n"
    "  return table.concat(t) \n"
    "end \n"
    "local function show(...) \n"
    "  local t = { ... } \n"
    "  for i = 1, select('#', ...) do t[i] = type(t[i]) .. ' ' .. tostring(t[i]) end \n"
    "  return table.concat(t, '|') \n"
    "end \n"
    "local function all(gmatch, s, p) \n"
    "  local t = {} \n"
    "  for a, b, c in gmatch(s, p) do t[#t + 1] = show(a, b, c) end \n"
    "  return table.concat(t, '\\n') \n"
    "end \n"
    "local function gather(...) return show(...) end \n"
    "local replacements = { '', 'x', '%0', '%1', '%2', '<%0%1>', '%%', '%', '%x', 5, { a = 'yes', b = false, ab = 7 }, { a = {} }, gather, function() end, function() return false end, function() return {} end } \n"
    "local starts = { 1, 1, 1, 2, 3, 0, -1, -3, 100, -100, 1.5, math.huge, -math.huge, '2' } \n"
    "local errors, hits = 0, 0 \n"
    "local function same(what, s, p, x, f, g, ...) \n"
    "  local a, b = show(pcall(f, ...)), show(pcall(g, ...)) \n"
    "  if theirs.sub(a, 1, 13) == 'boolean false' then errors = errors + 1 elseif a ~= 'boolean true|nil nil' then hits = hits + 1 end \n"
    "  if a ~= b then error(theirs.format('%s: %q %q %s\\nours: %s\\ntheirs: %s', what, s, p, show(x), b, a), 0) end \n"
    "end \n"
    "for i = 1, count do \n"
    "  local s, p = subject(), pattern() \n"
    "  local start, replacement = pick(starts), pick(replacements) \n"
    "  same('find', s, p, start, theirs.find, ours.find, s, p, start) \n"
    "  same('match', s, p, start, theirs.match, ours.match, s, p, start) \n"
    "  same('plain', s, p, start, theirs.find, ours.find, s, p, start, true) \n"
    "  same('gmatch', s, p, nil, function() return all(theirs.gmatch, s, p) end, function() return all(ours.gmatch, s, p) end) \n"
    "  same('gsub', s, p, replacement, theirs.gsub, ours.gsub, s, p, replacement, random(3) == 1 and random(4) - 2 or nil) \n"
    "  same('sub', s, p, start, theirs.sub, ours.sub, s, start, pick(starts)) \n"
    "  same('byte', s, p, start, theirs.byte, ours.byte, s, start, pick(starts)) \n"
    "  same('upper', s, p, nil, theirs.upper, ours.upper, s) \n"
    "  same('lower', s, p, nil, theirs.lower, ours.lower, s) \n"
    "  same('reverse', s, p, nil, theirs.reverse, ours.reverse, s) \n"
    "end \n"
    "return errors, hits \n";

struct comparison {
    unsigned seed, count;
    double errors, hits;
};

static int compare_body(lua_State *lua)
{
    struct comparison *comparison = lua_touserdata(lua, 1);
    lua_pushcfunction(lua, luaopen_base);
    lua_call(lua, 0, 0);
    lua_pushcfunction(lua, luaopen_string);
    lua_pushliteral(lua, LUA_STRLIBNAME);
    lua_call(lua, 1, 0);
    lua_pushcfunction(lua, luaopen_table);
    lua_pushliteral(lua, LUA_TABLIBNAME);
    lua_call(lua, 1, 0);
    lua_pushcfunction(lua, luaopen_math);
    lua_pushliteral(lua, LUA_MATHLIBNAME);
    lua_call(lua, 1, 0);
    if (luaL_loadstring(lua, compare) != 0)
        return lua_error(lua);
    lua_newtable(lua); // ours
    library_add(lua, library_string, LUA_STRLIBNAME);
    library_add(lua, library_patterns, LUA_STRLIBNAME);
    lua_getglobal(lua, LUA_STRLIBNAME);
    lua_pushinteger(lua, (lua_Integer)comparison->seed);
    lua_pushinteger(lua, (lua_Integer)comparison->count);
    lua_call(lua, 4, 2);
    comparison->errors = lua_tonumber(lua, -2);
    comparison->hits = lua_tonumber(lua, -1);
    return 0;
}

// ROWCAST_TEST_LONG=yes tries a hundred times as many.
static void it_does_what_luajit_does(void **state)
{
    (void)state;
    const char *more = getenv("ROWCAST_TEST_LONG");
    unsigned rounds = more && strcmp(more, "yes") == 0 ? 1000 : 10;
    for (unsigned seed = 1; seed <= rounds; seed++) {
        struct comparison comparison = {.seed = seed * 7919, .count = 3000};
        char failure[8192] = "";
        struct vm *vm = vm_new("x", 64 * MEBI, 0);
        if (vm_run(vm, compare_body, &comparison, INT64_MAX, failure, sizeof failure) != 0)
            fail_msg("seed %u: %s", seed, failure);
        assert_true(comparison.errors > 1000 && comparison.hits > 1000);
        vm_free(vm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_finds),
        cmocka_unit_test(it_captures),
        cmocka_unit_test(it_says_what_is_wrong),
        cmocka_unit_test(it_gives_up_at_the_limit),
        cmocka_unit_test(it_does_not_recurse_without_bound),
        cmocka_unit_test(it_does_what_luajit_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
