// SPDX-License-Identifier: MIT
// LuaJIT's bytecode, as its own jit.util shows it. What an operand is comes from the mode that LuaJIT says an instruction has, so
// that no number of an opcode must be known here. Internal to the script room.
#ifndef ROWCAST_BYTECODE_H
#define ROWCAST_BYTECODE_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#define BYTECODE_PLACE_SIZE 512 // "path:line"

struct bytecode {
    lua_State *lua;
    int funcbc, funck, funcinfo; // registry references: jit.util's
};

enum operand { OPERAND_TARGET = 1, OPERAND_VARIABLE = 3, OPERAND_STRING = 10 };
// The metamethod that goes with an access: index, newindex.
enum access { ACCESS_READ, ACCESS_WRITE };

struct instruction {
    uint32_t a, b, c, d;
    uint32_t a_mode, b_mode, c_mode, access;
};

// In a state that has LuaJIT's libraries, inside a protected call, as all the others.
void bytecode_open(struct bytecode *code, lua_State *lua);

// Instruction `at`, from 1, of the function (or prototype) at `index`. False: there are no more.
bool bytecode_read(const struct bytecode *code, int index, int at, struct instruction *instruction);

bool bytecode_is_global(const struct instruction *instruction, enum access access);
bool bytecode_is_field_read(const struct instruction *instruction, uint32_t variable);

// Pushes constant -1, -2, ... of the function at `index`; nil behind the last.
void bytecode_push_constant(const struct bytecode *code, int index, int number);
// Pushes the string that an operand names, which lives while it is there.
const char *bytecode_push_operand(const struct bytecode *code, int index, uint32_t operand);

// "path:line" of the instruction.
void bytecode_place(const struct bytecode *code, int index, int at,
                    char place[BYTECODE_PLACE_SIZE]);

#endif
