// SPDX-License-Identifier: MIT
// string.find, match, gmatch and gsub by our own matcher, which counts its steps.
#include <string.h>

#include "rowcast/library.h"
#include "rowcast/pattern.h"
#include "rowcast/vm.h"

#define SUBJECT 1 // places on the stack
#define PATTERN 2

static void open_pattern(lua_State *lua, struct pattern *pattern, int subject, int text)
{
    size_t subject_size, text_size;
    const char *subject_bytes = luaL_checklstring(lua, subject, &subject_size);
    const char *text_bytes = luaL_checklstring(lua, text, &text_size);
    int64_t left = vm_of(lua)->steps;
    pattern_init(pattern, subject_bytes, subject_size, text_bytes, text_size,
                 left > 0 ? (size_t)left : 0);
}

// Charges what was done since the last time.
static void settle(lua_State *lua, struct pattern *pattern)
{
    pattern->limit -= pattern->steps < pattern->limit ? pattern->steps : pattern->limit;
    vm_charge(lua, pattern->steps);
    pattern->steps = 0;
}

// Raises what is wrong; true if it was found.
static bool check(lua_State *lua, struct pattern *pattern, enum pattern_result result)
{
    if (result == PATTERN_WRONG)
        luaL_error(lua, "%s", pattern->wrong);
    settle(lua, pattern);
    return result == PATTERN_FOUND;
}

// ---- captures ----

// Pushes the capture; the whole match in place of the first one where there is none.
static void push_capture(lua_State *lua, const struct pattern *pattern, unsigned number,
                         const char *from, const char *end)
{
    if (number >= pattern->capture_count) {
        if (number > 0)
            luaL_error(lua, "invalid capture index");
        lua_pushlstring(lua, from, (size_t)(end - from));
        return;
    }
    const struct pattern_capture *capture = &pattern->captures[number];
    if (capture->size == PATTERN_OPEN)
        luaL_error(lua, "unfinished capture");
    if (capture->size == PATTERN_PLACE)
        lua_pushinteger(lua, capture->at - pattern->subject + 1);
    else
        lua_pushlstring(lua, capture->at, (size_t)capture->size);
}

// `whole`: the match itself if there are no captures.
static int push_captures(lua_State *lua, const struct pattern *pattern, const char *from,
                         const char *end, bool whole)
{
    unsigned count = pattern->capture_count == 0 && whole ? 1 : pattern->capture_count;
    luaL_checkstack(lua, (int)count, "too many captures");
    for (unsigned i = 0; i < count; i++)
        push_capture(lua, pattern, i, from, end);
    return (int)count;
}

// ---- find, match ----

static const char *check_start(lua_State *lua, const struct pattern *pattern)
{
    int64_t start = library_int(lua, 3, 1), length = pattern->subject_end - pattern->subject;
    start = start < 0 ? start + length : start - 1;
    start = start < 0 ? 0 : start > length ? length : start;
    return pattern->subject + start;
}

static int push_place(lua_State *lua, const struct pattern *pattern, const char *from,
                      const char *end)
{
    lua_pushinteger(lua, from - pattern->subject + 1);
    lua_pushinteger(lua, end - pattern->subject);
    return 2;
}

static int find_plain(lua_State *lua, const struct pattern *pattern, const char *from)
{
    size_t size, left = (size_t)(pattern->subject_end - from);
    const char *text = lua_tolstring(lua, PATTERN, &size);
    const char *found = memmem(from, left, text, size);
    vm_charge_bytes(lua, found ? (size_t)(found - from) + size : left);
    if (found)
        return push_place(lua, pattern, found, found + size);
    lua_pushnil(lua);
    return 1;
}

static enum pattern_result search(struct pattern *pattern, const char **from, const char **end)
{
    return pattern_take_anchor(pattern) ? pattern_match(pattern, *from, end)
                                        : pattern_find(pattern, from, end);
}

static int string_find(lua_State *lua)
{
    struct pattern pattern;
    const char *end;
    open_pattern(lua, &pattern, SUBJECT, PATTERN);
    const char *from = check_start(lua, &pattern);
    if (lua_toboolean(lua, 4) ||
        pattern_is_plain(lua_tostring(lua, PATTERN), lua_objlen(lua, PATTERN)))
        return find_plain(lua, &pattern, from);
    if (check(lua, &pattern, search(&pattern, &from, &end)))
        return push_place(lua, &pattern, from, end) +
               push_captures(lua, &pattern, from, end, false);
    lua_pushnil(lua);
    return 1;
}

static int string_match(lua_State *lua)
{
    struct pattern pattern;
    const char *end;
    open_pattern(lua, &pattern, SUBJECT, PATTERN);
    const char *from = check_start(lua, &pattern);
    if (check(lua, &pattern, search(&pattern, &from, &end)))
        return push_captures(lua, &pattern, from, end, true);
    lua_pushnil(lua);
    return 1;
}

// ---- gmatch ----

// Upvalues: subject, pattern, where the next match may begin.
static int next_match(lua_State *lua)
{
    struct pattern pattern;
    const char *end;
    open_pattern(lua, &pattern, lua_upvalueindex(1), lua_upvalueindex(2));
    size_t start = (size_t)lua_tointeger(lua, lua_upvalueindex(3));
    const char *from = pattern.subject + start;
    if (from > pattern.subject_end || !check(lua, &pattern, pattern_find(&pattern, &from, &end)))
        return 0;
    lua_pushinteger(lua, end - pattern.subject + (end == from));
    lua_replace(lua, lua_upvalueindex(3));
    return push_captures(lua, &pattern, from, end, true);
}

static int string_gmatch(lua_State *lua)
{
    luaL_checkstring(lua, SUBJECT);
    luaL_checkstring(lua, PATTERN);
    lua_settop(lua, 2);
    lua_pushinteger(lua, 0);
    lua_pushcclosure(lua, next_match, 3);
    return 1;
}

// ---- gsub ----

struct substitution {
    lua_State *lua;
    struct pattern pattern;
    luaL_Buffer result;
    size_t size; // of the result
};

static void add_bytes(struct substitution *sub, const char *bytes, size_t size)
{
    sub->size += size;
    library_check_size(sub->lua, (double)sub->size);
    vm_charge_bytes(sub->lua, size);
    luaL_addlstring(&sub->result, bytes, size);
}

// [.., value] -> [..]
static void add_value(struct substitution *sub)
{
    size_t size;
    lua_tolstring(sub->lua, -1, &size);
    sub->size += size;
    library_check_size(sub->lua, (double)sub->size);
    vm_charge_bytes(sub->lua, size);
    luaL_addvalue(&sub->result);
}

// The replacement text, with %0 to %9 filled in.
static void add_text(struct substitution *sub, const char *from, const char *end)
{
    size_t size;
    const char *text = lua_tolstring(sub->lua, 3, &size), *last = text + size;
    while (text < last) {
        const char *escape = memchr(text, '%', (size_t)(last - text));
        add_bytes(sub, text, (size_t)((escape ? escape : last) - text));
        if (!escape)
            return;
        char name = escape[1]; // at the end of the text its NUL
        text = escape + 2;
        if (name == '0') {
            add_bytes(sub, from, (size_t)(end - from));
        } else if (name >= '1' && name <= '9') {
            push_capture(sub->lua, &sub->pattern, (unsigned)(name - '1'), from, end);
            add_value(sub);
        } else {
            add_bytes(sub, &name, 1);
        }
    }
}

static void add_replacement(struct substitution *sub, const char *from, const char *end)
{
    lua_State *lua = sub->lua;
    switch (lua_type(lua, 3)) {
    case LUA_TFUNCTION:
        lua_pushvalue(lua, 3);
        lua_call(lua, push_captures(lua, &sub->pattern, from, end, true), 1);
        break;
    case LUA_TTABLE:
        push_capture(lua, &sub->pattern, 0, from, end);
        lua_gettable(lua, 3);
        break;
    default:
        add_text(sub, from, end);
        return;
    }
    if (!lua_toboolean(lua, -1)) {
        lua_pop(lua, 1);
        add_bytes(sub, from, (size_t)(end - from));
        return;
    }
    if (!lua_isstring(lua, -1))
        luaL_error(lua, "invalid replacement value (a %s)", luaL_typename(lua, -1));
    add_value(sub);
}

// Returns how many there were.
static int substitute(struct substitution *sub, int64_t limit)
{
    struct pattern *pattern = &sub->pattern;
    const char *at = pattern->subject, *end;
    bool anchored = pattern_take_anchor(pattern);
    int count = 0;
    while (count < limit) {
        bool found = check(sub->lua, pattern, pattern_match(pattern, at, &end));
        if (found) {
            count++;
            add_replacement(sub, at, end);
        }
        if (found && end > at)
            at = end;
        else if (at < pattern->subject_end)
            add_bytes(sub, at++, 1);
        else
            break;
        if (anchored)
            break;
    }
    add_bytes(sub, at, (size_t)(pattern->subject_end - at));
    return count;
}

static int string_gsub(lua_State *lua)
{
    struct substitution sub = {.lua = lua};
    open_pattern(lua, &sub.pattern, SUBJECT, PATTERN);
    int type = lua_type(lua, 3);
    if (type != LUA_TNUMBER && type != LUA_TSTRING && type != LUA_TTABLE && type != LUA_TFUNCTION)
        return luaL_argerror(lua, 3, "string/function/table expected");
    int64_t limit = lua_isnoneornil(lua, 4) ? INT64_MAX : library_int(lua, 4, 0);
    vm_check_depth(lua);
    luaL_buffinit(lua, &sub.result);
    int count = substitute(&sub, limit);
    luaL_pushresult(&sub.result);
    lua_pushinteger(lua, count);
    return 2;
}

const luaL_Reg library_patterns[] = {{"find", string_find},
                                     {"gmatch", string_gmatch},
                                     {"gsub", string_gsub},
                                     {"match", string_match},
                                     {NULL, NULL}};
