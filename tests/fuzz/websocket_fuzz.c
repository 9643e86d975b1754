// SPDX-License-Identifier: MIT
// What a client sends: in pieces it leads to what it leads to as a whole, and nothing passes the limits.
#include "rowcast/websocket.h"

#include "fuzz.h"
#include "rowcast/buffer.h"
#include "rowcast/utf8.h"

#define MAX_MESSAGE 300

static int is_utf8(const char *bytes, size_t size)
{
    for (size_t at = 0, length; at < size; at += length)
        if ((length = utf8_length(bytes + at, size - at)) == 0)
            return 0;
    return 1;
}

static void on_message(void *user, const char *bytes, size_t size, bool binary)
{
    struct buffer *story = user;

    FUZZ_CHECK(size <= MAX_MESSAGE);
    FUZZ_CHECK(binary || is_utf8(bytes, size));
    buffer_append_format(story, binary ? "b%zu:" : "t%zu:", size);
    buffer_append(story, bytes, size);
}

static void on_output(void *user, struct frame *frame)
{
    struct buffer *story = user;

    FUZZ_CHECK(frame->size >= 2 && (frame->bytes[1] & 0x80) == 0); // a server does not mask
    buffer_append_format(story, "<%u:", frame->size);
    buffer_append(story, frame->bytes, frame->size);
    frame_unref(frame);
}

static void on_control(void *user)
{
    struct buffer *story = user;

    buffer_append_byte(story, 'c');
}

static const struct websocket_events events = {on_message, on_control, on_output};
static const struct framing_limits limits = {.max_message = MAX_MESSAGE, .max_fragments = 8};

// Feeds `size` bytes, `step` at a time. What they led to is in the story.
static void feed(struct buffer *story, const uint8_t *bytes, size_t size, size_t step,
                 struct compression *compression)
{
    struct websocket_pool pool;
    int code = 0;

    buffer_init(story, 1 << 24);
    websocket_pool_init(&pool, &limits, &events, compression);
    struct websocket *websocket = websocket_take(&pool, compression != NULL, story);
    for (size_t at = 0; at < size && code == 0; at += step) {
        size_t piece = size - at < step ? size - at : step;
        char *exact = fuzz_exact(bytes + at, piece);
        code = websocket_feed(websocket, exact, piece);
        free(exact);
    }
    buffer_append_format(story, "=%d,%d", code, code == 0 && websocket_rests(websocket));
    websocket_give(&pool, websocket);
    websocket_pool_release(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct buffer whole, pieces;

    if (size < 2)
        return 0;
    struct compression *compression = bytes[0] & 0x80 ? compression_new() : NULL;
    feed(&whole, bytes + 1, size - 1, size - 1, compression);
    feed(&pieces, bytes + 1, size - 1, 1 + bytes[0] % 16, compression);
    FUZZ_CHECK(whole.size == pieces.size && memcmp(whole.bytes, pieces.bytes, whole.size) == 0);
    buffer_release(&whole);
    buffer_release(&pieces);
    compression_free(compression);
    return 0;
}
