// SPDX-License-Identifier: MIT
// Tests of compression.c. The letters and numbers are rows of the list of hostile input.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "rowcast/compression.h"

static int set_up(void **state)
{
    *state = compression_new();
    return 0;
}

static int tear_down(void **state)
{
    compression_free(*state);
    return 0;
}

// The payload inflated, as a text that the caller frees; or NULL and the code.
static char *inflated(struct compression *compression, const void *bytes, size_t size,
                      size_t maximum, int *code)
{
    struct buffer message;
    char *exact = malloc(size ? size : 1), *text = NULL;

    memcpy(exact, bytes, size);
    buffer_init(&message, maximum);
    *code = compression_inflate(compression, exact, size, &message);
    if (*code == 0) {
        text = malloc(message.size + 1);
        memcpy(text, message.bytes ? message.bytes : "", message.size);
        text[message.size] = '\0';
    }
    buffer_release(&message);
    free(exact);
    return text;
}

static void assert_inflated(void **state, const void *bytes, size_t size, const char *expected)
{
    int code;
    char *text = inflated(*state, bytes, size, 1000, &code);

    assert_int_equal(code, 0);
    assert_string_equal(text, expected);
    free(text);
}

static void assert_refused(void **state, const void *bytes, size_t size, size_t maximum, int code)
{
    int seen;

    free(inflated(*state, bytes, size, maximum, &seen));
    assert_int_equal(seen, code);
}

static void the_examples_of_the_rfc_say_hello(void **state) // RFC 7692 section 7.2.3
{
    assert_inflated(state, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");
    assert_inflated(state, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11, "Hello");
    assert_inflated(state, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "Hello"); // C6: a last block
    assert_inflated(state, "\xf3\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");
    assert_inflated(state, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13, "Hello");
    assert_inflated(state, "\x00", 1, "");
    assert_inflated(state, "", 0, "");
}

static void garbage_is_refused(void **state) // C4
{
    assert_refused(state, "\xff\xff\xff\xff", 4, 1000, 1007);
    assert_refused(state, "\x06garbage", 8, 1000, 1007);
    assert_refused(state, "\xf2\x48\xcd", 3, 1000, 1007); // cut in the middle of a block
    assert_inflated(state, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello"); // and leaves nothing behind
}

static void a_frame_comes_back_as_it_was(void **state)
{
    char payload[3000];
    size_t size;
    int code;

    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = "{\"type\":\"trade\",\"market_id\":"[i % 27];
    struct frame *frame = frame_new(FRAME_TEXT, payload, sizeof payload);
    struct frame *deflated = compression_deflate(*state, frame);
    assert_non_null(deflated);
    assert_int_equal(deflated->bytes[0], 0x80 | FRAME_DEFLATED | FRAME_TEXT);
    assert_true(deflated->size < frame->size / 10);
    const unsigned char *bytes = frame_payload(deflated, &size);
    char *text = inflated(*state, bytes, size, sizeof payload, &code);
    assert_int_equal(code, 0);
    assert_memory_equal(text, payload, sizeof payload);
    free(text);
    frame_unref(deflated);
    frame_unref(frame);
}

static void what_does_not_shrink_stays(void **state)
{
    char noise[2000];
    uint32_t seed = 1;

    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)((seed = seed * 1664525 + 1013904223) >> 24);
    for (size_t size = 0; size <= sizeof noise; size += 50) {
        struct frame *frame = frame_new(FRAME_BINARY, noise, size);
        assert_null(compression_deflate(*state, frame));
        frame_unref(frame);
    }
}

static void the_maximum_is_exact(void **state) // C9
{
    char payload[1000];
    size_t size;
    int code;

    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (char)(i / 100);
    struct frame *frame = frame_new(FRAME_BINARY, payload, sizeof payload);
    struct frame *deflated = compression_deflate(*state, frame);
    const unsigned char *bytes = frame_payload(deflated, &size);
    char *text = inflated(*state, bytes, size, sizeof payload, &code);
    assert_int_equal(code, 0);
    assert_memory_equal(text, payload, sizeof payload);
    free(text);
    assert_refused(state, bytes, size, sizeof payload - 1, 1009);
    assert_refused(state, bytes, size, sizeof payload - 2, 1009);
    frame_unref(deflated);
    frame_unref(frame);
}

static void a_bomb_goes_off_at_the_maximum(void **state) // C8
{
    enum { ZEROS = 64 << 20 };
    uLong size = compressBound(ZEROS);
    unsigned char *zeros = calloc(1, ZEROS), *bomb = malloc(size);

    assert_int_equal(compress(bomb, &size, zeros, ZEROS), Z_OK);
    assert_refused(state, bomb + 2, size - 6, 16 << 10, 1009); // without zlib's own wrapping
    free(zeros);
    free(bomb);
}

static void the_first_compressed_form_is_kept(void **state)
{
    struct frame *frame = frame_new(FRAME_TEXT, "x", 1);
    struct frame *first = frame_new(FRAME_TEXT, "a", 1), *second = frame_new(FRAME_TEXT, "b", 1);

    (void)state;
    assert_ptr_equal(frame_keep_deflated(frame, first), first);
    assert_ptr_equal(frame_keep_deflated(frame, second), first);
    assert_ptr_equal(frame_keep_deflated(frame, NULL), first);
    frame_unref(frame);
    frame = frame_new(FRAME_TEXT, "x", 1);
    assert_ptr_equal(frame_keep_deflated(frame, NULL), frame);
    frame_unref(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_rfc_say_hello),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(a_frame_comes_back_as_it_was),
        cmocka_unit_test(what_does_not_shrink_stays),
        cmocka_unit_test(the_maximum_is_exact),
        cmocka_unit_test(a_bomb_goes_off_at_the_maximum),
        cmocka_unit_test(the_first_compressed_form_is_kept),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
