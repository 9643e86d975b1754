// SPDX-License-Identifier: MIT
// A WebSocket frame ready for the wire, shared by every receiver.
#include "rowcast/frame.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"
#include "rowcast/utf8.h"

#define FIN 0x80
#define LENGTH_16 126
#define LENGTH_64 127
#define CLOSE_REASON_MAX 123 // control frames carry 125 bytes, two of them the code

static struct frame *frame_with_room(size_t size)
{
    struct frame *frame = memory_resize(NULL, sizeof *frame + size);

    atomic_init(&frame->deflated, NULL);
    atomic_init(&frame->references, 1);
    frame->size = (uint32_t)size;
    return frame;
}

static void put_length(unsigned char *at, int bytes, size_t length)
{
    for (int i = bytes - 1; i >= 0; i--, length >>= 8)
        at[i] = (unsigned char)length;
}

// Writes the header, returns its size.
static size_t put_header(unsigned char header[FRAME_HEADER_MAX], enum frame_opcode opcode,
                         size_t size)
{
    header[0] = (unsigned char)(FIN | opcode);
    if (size < LENGTH_16) {
        header[1] = (unsigned char)size;
        return 2;
    }
    if (size <= UINT16_MAX) {
        header[1] = LENGTH_16;
        put_length(header + 2, 2, size);
        return 4;
    }
    header[1] = LENGTH_64;
    put_length(header + 2, 8, size);
    return 10;
}

struct frame *frame_new(enum frame_opcode opcode, const void *payload, size_t size)
{
    unsigned char header[FRAME_HEADER_MAX];
    size_t header_size = put_header(header, opcode, size);
    struct frame *frame = frame_with_room(header_size + size);

    memcpy(frame->bytes, header, header_size);
    if (size > 0)
        memcpy(frame->bytes + header_size, payload, size);
    return frame;
}

struct frame *frame_raw(const void *bytes, size_t size)
{
    struct frame *frame = frame_with_room(size);

    if (size > 0)
        memcpy(frame->bytes, bytes, size);
    return frame;
}

struct frame *frame_join(struct frame *const *frames, size_t count)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += frames[i]->size;
    struct frame *joined = frame_with_room(size);
    unsigned char *at = joined->bytes;
    for (size_t i = 0; i < count; i++) {
        memcpy(at, frames[i]->bytes, frames[i]->size);
        at += frames[i]->size;
    }
    return joined;
}

struct frame *frame_close(int code, const char *reason)
{
    unsigned char payload[2 + CLOSE_REASON_MAX];
    size_t size = reason != NULL ? utf8_cut(reason, strlen(reason), CLOSE_REASON_MAX) : 0;

    put_length(payload, 2, (size_t)code);
    if (size > 0)
        memcpy(payload + 2, reason, size);
    return frame_new(FRAME_CLOSE, payload, 2 + size);
}

const unsigned char *frame_payload(const struct frame *frame, size_t *size)
{
    size_t header = frame->bytes[1] < LENGTH_16 ? 2 : frame->bytes[1] == LENGTH_16 ? 4 : 10;

    *size = frame->size - header;
    return frame->bytes + header;
}

struct frame *frame_keep_deflated(struct frame *frame, struct frame *deflated)
{
    struct frame *kept = deflated != NULL ? deflated : frame, *before = NULL;

    if (atomic_compare_exchange_strong(&frame->deflated, &before, kept))
        return kept;
    frame_unref(deflated);
    return before;
}

struct frame *frame_ref(struct frame *frame)
{
    // Who has a reference can hand on another: nothing needs to be ordered by this.
    atomic_fetch_add_explicit(&frame->references, 1, memory_order_relaxed);
    return frame;
}

void frame_unref(struct frame *frame)
{
    if (frame == NULL ||
        atomic_fetch_sub_explicit(&frame->references, 1, memory_order_acq_rel) != 1)
        return;
    struct frame *deflated = atomic_load_explicit(&frame->deflated, memory_order_relaxed);
    if (deflated != frame)
        frame_unref(deflated);
    free(frame);
}
