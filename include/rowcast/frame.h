// SPDX-License-Identifier: MIT
// A WebSocket frame ready for the wire (RFC 6455 section 5.2), shared by every receiver: immutable,
// atomically counted, header and payload in one allocation. Server frames carry no mask.
#ifndef ROWCAST_FRAME_H
#define ROWCAST_FRAME_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum frame_opcode {
    FRAME_TEXT = 0x1,
    FRAME_BINARY = 0x2,
    FRAME_CLOSE = 0x8,
    FRAME_PING = 0x9,
    FRAME_PONG = 0xa,
};

// Or-ed to the opcode of a message: RSV1, its payload is compressed (RFC 7692 section 6).
#define FRAME_DEFLATED 0x40

struct frame {
    // The same message compressed, for those who agreed to that: owned; the frame itself where that
    // is not smaller; NULL while nobody has asked.
    _Atomic(struct frame *) deflated;
    atomic_uint references;
    uint32_t size; // of bytes: header and payload
    unsigned char bytes[];
};

#define FRAME_HEADER_MAX 10

// Born with one reference, which the caller owns. Payloads are below 4 GiB.
struct frame *frame_new(enum frame_opcode opcode, const void *payload, size_t size);
// Bytes that are already on the wire's form (an HTTP answer, what wslay wrote).
struct frame *frame_raw(const void *bytes, size_t size);
struct frame *frame_close(int code,
                          const char *reason); // reason: up to 123 bytes, cut beyond; may be NULL

// The payload of an unmasked frame, which frame_new made.
const unsigned char *frame_payload(const struct frame *frame, size_t *size);

// Keeps the compressed form with the frame (takes it over; NULL: it would not be smaller), so that it
// is made once. Returns what others see: the first one given by any thread.
struct frame *frame_keep_deflated(struct frame *frame, struct frame *deflated);

// What lies in these, one behind the other: for who gets all of them.
struct frame *frame_join(struct frame *const *frames, size_t count);

struct frame *frame_ref(struct frame *frame);
void frame_unref(struct frame *frame); // NULL is fine

#endif
