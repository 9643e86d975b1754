// SPDX-License-Identifier: MIT
// Bounded reads of big-endian numbers and texts.
#include "wire.h"

#include <string.h>

struct wire wire_of(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    return (struct wire){.at = at, .end = at + size};
}

size_t wire_left(const struct wire *wire)
{
    return (size_t)(wire->end - wire->at);
}

void wire_refuse(struct wire *wire, const char *wrong)
{
    if (!wire->wrong)
        wire->wrong = wrong;
    wire->at = wire->end;
}

static void break_off(struct wire *wire)
{
    wire_refuse(wire, "it ends too early");
}

const char *wire_bytes(struct wire *wire, size_t size)
{
    if (size > wire_left(wire)) {
        break_off(wire);
        return NULL;
    }
    const unsigned char *bytes = wire->at;
    wire->at += size;
    return (const char *)bytes;
}

static uint64_t read_number(struct wire *wire, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)wire_bytes(wire, size);
    uint64_t number = 0;
    for (size_t i = 0; bytes && i < size; i++)
        number = number << 8 | bytes[i];
    return number;
}

uint8_t wire_u8(struct wire *wire)
{
    return (uint8_t)read_number(wire, 1);
}

uint16_t wire_u16(struct wire *wire)
{
    return (uint16_t)read_number(wire, 2);
}

uint32_t wire_u32(struct wire *wire)
{
    return (uint32_t)read_number(wire, 4);
}

uint64_t wire_u64(struct wire *wire)
{
    return read_number(wire, 8);
}

const char *wire_text(struct wire *wire)
{
    const unsigned char *nul = wire_left(wire) ? memchr(wire->at, 0, wire_left(wire)) : NULL;
    if (!nul) {
        break_off(wire);
        return "";
    }
    return wire_bytes(wire, (size_t)(nul - wire->at) + 1);
}

static void put_number(char *bytes, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(number >> (56 - 8 * i));
}

void wire_status(char status[WIRE_STATUS_SIZE], uint64_t written, uint64_t flushed, int64_t now,
                 bool ask)
{
    status[0] = 'r';
    put_number(status + 1, written);
    put_number(status + 9, flushed);
    put_number(status + 17, flushed); // applied
    put_number(status + 25, (uint64_t)(now - WIRE_EPOCH));
    status[33] = ask;
}
