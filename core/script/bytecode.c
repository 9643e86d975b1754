// SPDX-License-Identifier: MIT
// LuaJIT's bytecode.
#include "rowcast/bytecode.h"

#include <lauxlib.h>
#include <stdio.h>

void bytecode_open(struct bytecode *code, lua_State *lua)
{
    code->lua = lua;
    lua_getglobal(lua, "require");
    lua_pushliteral(lua, "jit.util");
    lua_call(lua, 1, 1); // [.., util]
    lua_getfield(lua, -1, "funcbc");
    code->funcbc = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_getfield(lua, -1, "funck");
    code->funck = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_getfield(lua, -1, "funcinfo");
    code->funcinfo = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_pop(lua, 1);
}

bool bytecode_read(const struct bytecode *code, int index, int at, struct instruction *instruction)
{
    lua_State *lua = code->lua;
    lua_rawgeti(lua, LUA_REGISTRYINDEX, code->funcbc);
    lua_pushvalue(lua, index);
    lua_pushinteger(lua, at);
    lua_call(lua, 2, 2);
    bool found = lua_isnumber(lua, -2);
    uint32_t bits = (uint32_t)(int64_t)lua_tonumber(lua, -2);
    uint32_t mode = (uint32_t)(int64_t)lua_tonumber(lua, -1);
    lua_pop(lua, 2);
    *instruction = (struct instruction){.a = bits >> 8 & 255,
                                        .b = bits >> 24,
                                        .c = bits >> 16 & 255,
                                        .d = bits >> 16,
                                        .a_mode = mode & 7,
                                        .b_mode = mode >> 3 & 15,
                                        .c_mode = mode >> 7 & 15,
                                        .access = mode >> 11};
    return found;
}

bool bytecode_is_global(const struct instruction *instruction, enum access access)
{
    uint32_t wanted = access == ACCESS_READ ? OPERAND_TARGET : OPERAND_VARIABLE;
    return instruction->a_mode == wanted && instruction->b_mode == 0 &&
           instruction->c_mode == OPERAND_STRING && instruction->access == access;
}

bool bytecode_is_field_read(const struct instruction *instruction, uint32_t variable)
{
    return instruction->a_mode == OPERAND_TARGET && instruction->b_mode == OPERAND_VARIABLE &&
           instruction->c_mode == OPERAND_STRING && instruction->access == ACCESS_READ &&
           instruction->b == variable;
}

void bytecode_push_constant(const struct bytecode *code, int index, int number)
{
    lua_rawgeti(code->lua, LUA_REGISTRYINDEX, code->funck);
    lua_pushvalue(code->lua, index);
    lua_pushinteger(code->lua, number);
    lua_call(code->lua, 2, 1);
}

const char *bytecode_push_operand(const struct bytecode *code, int index, uint32_t operand)
{
    bytecode_push_constant(code, index, -(int)operand - 1);
    return lua_tostring(code->lua, -1);
}

void bytecode_place(const struct bytecode *code, int index, int at, char place[BYTECODE_PLACE_SIZE])
{
    lua_State *lua = code->lua;
    lua_rawgeti(lua, LUA_REGISTRYINDEX, code->funcinfo);
    lua_pushvalue(lua, index);
    lua_pushinteger(lua, at);
    lua_call(lua, 2, 1); // [.., info]
    lua_getfield(lua, -1, "source");
    lua_getfield(lua, -2, "currentline");
    const char *source = lua_tostring(lua, -2);
    snprintf(place, BYTECODE_PLACE_SIZE, "%s:%d", source + (*source == '@'),
             (int)lua_tointeger(lua, -1));
    lua_pop(lua, 3);
}
