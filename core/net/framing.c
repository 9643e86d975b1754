// SPDX-License-Identifier: MIT
// Walks the frame headers of a client in front of wslay (RFC 6455 sections 5.2, 5.4, 5.5).
#include "rowcast/framing.h"

#include <string.h>

#define FIN 0x80
#define RESERVED 0x70
#define DEFLATED 0x40 // RSV1
#define OPCODE 0x0f
#define MASKED 0x80
#define LENGTH 0x7f
#define LENGTH_16 126
#define LENGTH_64 127

#define CONTROL 0x8
#define CONTINUATION 0x0
#define BINARY 0x2
#define CLOSE 0x8
#define PONG 0xa

#define PROTOCOL_ERROR 1002
#define TOO_BIG 1009

// How many bytes of the header say what the frame is and how long; the mask follows.
static size_t length_end(const struct framing *framing)
{
    if (framing->size < 2)
        return 2;
    switch (framing->header[1] & LENGTH) {
    case LENGTH_16:
        return 4;
    case LENGTH_64:
        return 10;
    default:
        return 2;
    }
}

// The payload length, or UINT64_MAX if it is not written in the shortest way or has its top bit
// set.
static uint64_t length_of(const struct framing *framing)
{
    uint64_t length = 0;

    if (framing->size == 2)
        return framing->header[1] & LENGTH;
    for (size_t i = 2; i < framing->size; i++)
        length = length << 8 | framing->header[i];
    if (framing->size == 4)
        return length < LENGTH_16 ? UINT64_MAX : length;
    return length <= UINT16_MAX || length >> 63 != 0 ? UINT64_MAX : length;
}

// The first frame of a message says whether it is compressed.
static bool may_reserve(const struct framing *framing, uint8_t opcode, uint8_t reserved)
{
    bool first = opcode != CONTINUATION && !(opcode & CONTROL);

    return reserved == 0 || (framing->deflate && first && reserved == DEFLATED);
}

// What the first two bytes say already.
static int check_start(const struct framing *framing)
{
    uint8_t opcode = framing->header[0] & OPCODE;
    bool fin = framing->header[0] & FIN;

    if (!may_reserve(framing, opcode, framing->header[0] & RESERVED) ||
        !(framing->header[1] & MASKED))
        return PROTOCOL_ERROR;
    if (opcode & CONTROL) {
        uint8_t length = framing->header[1] & LENGTH;
        bool half_code = opcode == CLOSE && length == 1;
        return opcode > PONG || !fin || length > FRAMING_CLOSE_MAX || half_code ? PROTOCOL_ERROR
                                                                                : FRAMING_FINE;
    }
    bool continues = opcode == CONTINUATION;
    return opcode > BINARY || continues != framing->fragmented ? PROTOCOL_ERROR : FRAMING_FINE;
}

static int begin_data_frame(struct framing *framing, const struct framing_limits *limits,
                            uint64_t length)
{
    if ((framing->header[0] & OPCODE) != CONTINUATION) {
        framing->message = 0;
        framing->fragments = 0;
        framing->deflated = framing->header[0] & DEFLATED;
    }
    uint64_t maximum = framing->deflated ? limits->max_deflated : limits->max_message;
    // Neither side can wrap: `message` never exceeds the limit.
    if (length > maximum - framing->message || framing->fragments == limits->max_fragments)
        return TOO_BIG;
    framing->message += length;
    framing->fragments++;
    framing->fragmented = !(framing->header[0] & FIN);
    return FRAMING_FINE;
}

// The header is there up to its mask.
static int begin_frame(struct framing *framing, const struct framing_limits *limits)
{
    uint64_t length = length_of(framing);

    if (length == UINT64_MAX)
        return PROTOCOL_ERROR;
    if (!(framing->header[0] & CONTROL)) {
        int fault = begin_data_frame(framing, limits, length);
        if (fault != FRAMING_FINE)
            return fault;
    }
    framing->closing = (framing->header[0] & OPCODE) == CLOSE;
    framing->payload = length + FRAMING_MASK;
    framing->size = 0;
    return FRAMING_FINE;
}

static int take_header_byte(struct framing *framing, const struct framing_limits *limits,
                            unsigned char byte)
{
    framing->header[framing->size++] = byte;
    if (framing->size == 2) {
        int fault = check_start(framing);
        if (fault != FRAMING_FINE)
            return fault;
    }
    return framing->size == length_end(framing) ? begin_frame(framing, limits) : FRAMING_FINE;
}

// Payload that goes by. Returns how much of the bytes it is.
static size_t pass(struct framing *framing, const unsigned char *bytes, size_t size)
{
    size_t here = size < framing->payload ? size : (size_t)framing->payload;

    framing->payload -= here;
    if (framing->closing) {
        memcpy(framing->close + framing->close_size, bytes, here);
        framing->close_size = (uint8_t)(framing->close_size + here);
    }
    return here;
}

static void unmask_close(struct framing *framing)
{
    for (size_t i = FRAMING_MASK; i < framing->close_size; i++)
        framing->close[i] ^= framing->close[i % FRAMING_MASK];
}

int framing_walk(struct framing *framing, const struct framing_limits *limits,
                 const unsigned char *bytes, size_t size, size_t *good)
{
    size_t at = 0;

    *good = 0; // a header that began earlier may be at fault
    while (at < size) {
        if (framing->payload == 0) {
            int fault = take_header_byte(framing, limits, bytes[at++]);
            if (fault != FRAMING_FINE)
                return fault;
            continue;
        }
        at += pass(framing, bytes + at, size - at);
        if (!framing->closing) {
            *good = at;
        } else if (framing->payload == 0) {
            unmask_close(framing);
            return FRAMING_CLOSE;
        }
    }
    if (!framing->closing)
        *good = size;
    return FRAMING_FINE;
}

const unsigned char *framing_close(const struct framing *framing, size_t *size)
{
    *size = framing->close_size - FRAMING_MASK;
    return framing->close + FRAMING_MASK;
}

bool framing_rests(const struct framing *framing)
{
    return framing->size == 0 && framing->payload == 0 && !framing->fragmented;
}
