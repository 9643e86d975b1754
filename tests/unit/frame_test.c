// SPDX-License-Identifier: MIT
// Tests of frame.c; also run under ThreadSanitizer.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

#include "rowcast/frame.h"

static void assert_header(size_t payload_size, const unsigned char *header, size_t header_size)
{
    unsigned char *payload = calloc(1, payload_size + 1);

    for (size_t i = 0; i < payload_size; i++)
        payload[i] = (unsigned char)(i * 31);
    struct frame *frame = frame_new(FRAME_TEXT, payload, payload_size);
    assert_int_equal(frame->size, header_size + payload_size);
    assert_memory_equal(frame->bytes, header, header_size);
    assert_memory_equal(frame->bytes + header_size, payload, payload_size);
    frame_unref(frame);
    free(payload);
}

static void headers_are_as_short_as_they_must_be(void **state)
{
    (void)state;
    assert_header(0, (unsigned char[]){0x81, 0}, 2);
    assert_header(1, (unsigned char[]){0x81, 1}, 2);
    assert_header(125, (unsigned char[]){0x81, 125}, 2);
    assert_header(126, (unsigned char[]){0x81, 126, 0, 126}, 4);
    assert_header(65535, (unsigned char[]){0x81, 126, 0xff, 0xff}, 4);
    assert_header(65536, (unsigned char[]){0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}, 10);
    assert_header(0x123456, (unsigned char[]){0x81, 127, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56}, 10);
}

static void every_opcode_is_final_and_unmasked(void **state)
{
    static const enum frame_opcode opcodes[] = {FRAME_TEXT, FRAME_BINARY, FRAME_CLOSE, FRAME_PING,
                                                FRAME_PONG};

    (void)state;
    for (size_t i = 0; i < sizeof opcodes / sizeof *opcodes; i++) {
        struct frame *frame = frame_new(opcodes[i], NULL, 0);
        assert_int_equal(frame->size, 2);
        assert_int_equal(frame->bytes[0], 0x80 | opcodes[i]);
        assert_int_equal(frame->bytes[1], 0);
        frame_unref(frame);
    }
}

static void raw_bytes_stay_as_they_are(void **state)
{
    struct frame *frame = frame_raw("HTTP/1.1 101\r\n\r\n", 16);

    (void)state;
    assert_int_equal(frame->size, 16);
    assert_memory_equal(frame->bytes, "HTTP/1.1 101\r\n\r\n", 16);
    frame_unref(frame);
    frame = frame_raw(NULL, 0);
    assert_int_equal(frame->size, 0);
    frame_unref(frame);
}

static void a_close_carries_code_and_reason(void **state)
{
    struct frame *frame = frame_close(1001, "going away");

    (void)state;
    assert_int_equal(frame->size, 14);
    assert_memory_equal(frame->bytes, "\x88\x0c\x03\xe9going away", 14);
    frame_unref(frame);
    frame = frame_close(4100, NULL);
    assert_int_equal(frame->size, 4);
    assert_memory_equal(frame->bytes, "\x88\x02\x10\x04", 4);
    frame_unref(frame);
}

static void a_long_reason_is_cut_between_characters(void **state)
{
    char reason[200];

    (void)state;
    memset(reason, 'r', sizeof reason);
    reason[199] = '\0';
    struct frame *frame = frame_close(1000, reason);
    assert_int_equal(frame->size, 2 + 125);
    assert_int_equal(frame->bytes[1], 125);
    frame_unref(frame);

    memcpy(reason + 121, "\xe2\x82\xac", 3); // would end at 124
    frame = frame_close(1000, reason);
    assert_int_equal(frame->size, 2 + 2 + 121);
    frame_unref(frame);
}

static void joined_frames_lie_one_behind_the_other(void **state)
{
    struct frame *frames[] = {frame_new(FRAME_TEXT, "one", 3), frame_new(FRAME_BINARY, "two", 3)};
    struct frame *joined = frame_join(frames, 2);

    (void)state;
    assert_int_equal(joined->size, 10);
    assert_memory_equal(joined->bytes, "\x81\x03one\x82\x03two", 10);
    frame_unref(joined);
    frame_unref(frames[0]);
    frame_unref(frames[1]);
}

static void references_are_counted(void **state)
{
    struct frame *frame = frame_new(FRAME_TEXT, "x", 1);

    (void)state;
    assert_ptr_equal(frame_ref(frame), frame);
    frame_unref(frame);
    assert_int_equal(frame->bytes[2], 'x'); // still there: AddressSanitizer would tell
    frame_unref(frame);
    frame_unref(NULL);
}

// ---- two threads let go of the same frames ----

#define SHARED 20000

static struct frame *shared[SHARED];

static void read_and_let_go(void *argument)
{
    (void)argument;
    for (int i = 0; i < SHARED; i++) {
        struct frame *mine = frame_ref(shared[i]);
        if (shared[i]->bytes[2] != (unsigned char)i)
            abort();
        frame_unref(shared[i]);
        frame_unref(mine);
    }
}

static void threads_share_frames(void **state)
{
    uv_thread_t thread;

    (void)state;
    for (int i = 0; i < SHARED; i++) {
        shared[i] = frame_new(FRAME_TEXT, &(unsigned char){(unsigned char)i}, 1);
        frame_ref(shared[i]);
    }
    uv_thread_create(&thread, read_and_let_go, NULL);
    read_and_let_go(NULL);
    uv_thread_join(&thread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_as_short_as_they_must_be),
        cmocka_unit_test(every_opcode_is_final_and_unmasked),
        cmocka_unit_test(raw_bytes_stay_as_they_are),
        cmocka_unit_test(a_close_carries_code_and_reason),
        cmocka_unit_test(a_long_reason_is_cut_between_characters),
        cmocka_unit_test(joined_frames_lie_one_behind_the_other),
        cmocka_unit_test(references_are_counted),
        cmocka_unit_test(threads_share_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
