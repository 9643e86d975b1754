// SPDX-License-Identifier: MIT
// Reads PostgreSQL's big-endian messages. Never past the end: a read that does not fit returns zero
// or NULL and sets `wrong`, which stays set, so that a whole message is read and checked once.
// Private to this room.
#ifndef ROWCAST_SOURCE_WIRE_H
#define ROWCAST_SOURCE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire {
    const unsigned char *at, *end;
    const char *wrong; // what is, or NULL; then nothing is left
};

struct wire wire_of(const void *bytes, size_t size);
size_t wire_left(const struct wire *wire);
void wire_refuse(struct wire *wire, const char *wrong); // the first one counts

uint8_t wire_u8(struct wire *wire);
uint16_t wire_u16(struct wire *wire);
uint32_t wire_u32(struct wire *wire);
uint64_t wire_u64(struct wire *wire);
const char *wire_bytes(struct wire *wire, size_t size);
const char *wire_text(struct wire *wire); // with its NUL; "" where it does not fit

#define WIRE_EPOCH 946684800000000 // PostgreSQL's zero of time, in microseconds since 1970

// A standby status update: positions up to which all is written and flushed (0: not known), at `now` in microseconds.
#define WIRE_STATUS_SIZE 34
void wire_status(char status[WIRE_STATUS_SIZE], uint64_t written, uint64_t flushed, int64_t now,
                 bool ask);

#endif
