// SPDX-License-Identifier: MIT
// Tests of framing.c. The letters and numbers are rows of the list of hostile input.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/framing.h"

static const struct framing_limits limits = {.max_message = 1000, .max_fragments = 5};

#define WALK(...) walk((const unsigned char[]){__VA_ARGS__}, sizeof(unsigned char[]){__VA_ARGS__})
#define MASK 1, 2, 3, 4

static int walk(const unsigned char *bytes, size_t size)
{
    struct framing framing = {0};
    size_t good;

    return framing_walk(&framing, &limits, bytes, size, &good);
}

static void messages_pass(void **state)
{
    (void)state;
    assert_int_equal(WALK(0x81, 0x80, MASK), 0);
    assert_int_equal(WALK(0x82, 0x81, MASK, 'a'), 0);
    assert_int_equal(WALK(0x01, 0x80, MASK, 0x89, 0x80, MASK, 0x80, 0x80, MASK), 0);
    assert_int_equal(WALK(0x88, 0x80, MASK), FRAMING_CLOSE);
    assert_int_equal(WALK(0x88, 0x82, MASK, 0), 0);
    assert_int_equal(WALK(0x88, 0x82, MASK, 0, 0), FRAMING_CLOSE);
    assert_int_equal(WALK(0x81, 0xfe, 0, 126, MASK), 0);
}

static void what_breaks_the_protocol(void **state)
{
    (void)state;
    assert_int_equal(WALK(0x81, 0x00), 1002); // C1: no mask
    assert_int_equal(WALK(0xc1, 0x80), 1002); // C2
    assert_int_equal(WALK(0xa1, 0x80), 1002);
    assert_int_equal(WALK(0x91, 0x80), 1002);
    assert_int_equal(WALK(0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0), 1002); // C10
    assert_int_equal(WALK(0x81, 0xfe, 0, 125), 1002);                    // C13
    assert_int_equal(WALK(0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff), 1002);
    assert_int_equal(WALK(0x89, 0xfe), 1002); // C14
    assert_int_equal(WALK(0x89, 0xff), 1002);
    assert_int_equal(WALK(0x09, 0x80), 1002);
    assert_int_equal(WALK(0x80, 0x80), 1002); // C16
    assert_int_equal(WALK(0x01, 0x80, MASK, 0x81, 0x80), 1002);
    assert_int_equal(WALK(0x81, 0x80, MASK, 0x80, 0x80), 1002);
    assert_int_equal(WALK(0x88, 0x81), 1002);               // C19
    for (unsigned char opcode = 3; opcode < 16; opcode++) { // C15
        bool known = opcode == 8 || opcode == 9 || opcode == 10;
        assert_int_equal(WALK((unsigned char)(0x80 | opcode), 0x80), known ? 0 : 1002);
    }
}

static void what_is_too_big(void **state)
{
    (void)state;
    assert_int_equal(WALK(0x82, 0xfe, 1000 >> 8, 1000 & 0xff), 0);
    assert_int_equal(WALK(0x82, 0xfe, 1001 >> 8, 1001 & 0xff), 1009); // C11
    assert_int_equal(WALK(0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255), 1009);
    assert_int_equal(WALK(0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0), 1009);
}

static size_t put_frame(unsigned char *at, unsigned char first, size_t payload)
{
    size_t size = 2;

    at[0] = first;
    at[1] = payload < 126 ? (unsigned char)(0x80 | payload) : 0xfe;
    if (payload >= 126) {
        at[2] = (unsigned char)(payload >> 8);
        at[3] = (unsigned char)payload;
        size = 4;
    }
    memset(at + size, 7, 4 + payload);
    return size + 4 + payload;
}

static void the_sum_of_fragments_counts(void **state) // D4
{
    unsigned char bytes[2048];
    size_t size = put_frame(bytes, 0x02, 600);

    (void)state;
    size += put_frame(bytes + size, 0x00, 400);
    assert_int_equal(walk(bytes, size + put_frame(bytes + size, 0x80, 0)), 0);
    assert_int_equal(walk(bytes, size + put_frame(bytes + size, 0x80, 1)), 1009);
}

static void the_number_of_fragments_counts(void **state) // D1, D3: empty ones, too
{
    unsigned char bytes[256];
    size_t size = put_frame(bytes, 0x02, 0);

    (void)state;
    for (int i = 0; i < 3; i++)
        size += put_frame(bytes + size, 0x00, 0);
    assert_int_equal(walk(bytes, size + put_frame(bytes + size, 0x80, 0)), 0);
    size += put_frame(bytes + size, 0x00, 0);
    assert_int_equal(walk(bytes, size + put_frame(bytes + size, 0x80, 0)), 1009);
}

static void control_frames_count_for_nothing(void **state)
{
    unsigned char bytes[4096];
    size_t size = put_frame(bytes, 0x02, 900);

    (void)state;
    for (int i = 0; i < 20; i++)
        size += put_frame(bytes + size, 0x89, 125);
    size += put_frame(bytes + size, 0x80, 100);
    size += put_frame(bytes + size, 0x82, 100); // the next message counts anew
    assert_int_equal(walk(bytes, size), 0);
}

static void the_good_ends_before_the_bad(void **state)
{
    const unsigned char bytes[] = {0x81, 0x81, MASK, 'a', 0x81, 0x81, MASK, 'b', 0x91, 0x80, MASK};
    struct framing framing = {0};
    size_t good;

    (void)state;
    assert_int_equal(framing_walk(&framing, &limits, bytes, sizeof bytes, &good), 1002);
    assert_int_equal(good, 14);
}

// Wherever the bytes are cut, the walk says the same, and rests exactly between messages.
static void cuts_do_not_matter(void **state)
{
    unsigned char bytes[512];
    bool boundary[512] = {[0] = true};
    size_t size = 0;

    (void)state;
    boundary[size += put_frame(bytes, 0x81, 3)] = true;
    boundary[size += put_frame(bytes + size, 0x89, 0)] = true;
    size += put_frame(bytes + size, 0x01, 130);
    size += put_frame(bytes + size, 0x8a, 2);
    size += put_frame(bytes + size, 0x00, 0);
    boundary[size += put_frame(bytes + size, 0x80, 1)] = true;
    for (size_t cut = 0; cut <= size; cut++) {
        struct framing framing = {0};
        size_t good;
        assert_int_equal(framing_walk(&framing, &limits, bytes, cut, &good), 0);
        assert_int_equal(good, cut);
        assert_int_equal(framing_rests(&framing), boundary[cut]);
        assert_int_equal(framing_walk(&framing, &limits, bytes + cut, size - cut, &good), 0);
        assert_int_equal(good, size - cut);
        assert_true(framing_rests(&framing));
    }
}

static void a_close_is_kept_back(void **state)
{
    const unsigned char bytes[] = {0x81, 0x81, MASK, 'a', 0x88, 0x83, MASK, 0, 0, 0, 0x81};
    const size_t before = 7, end = 16;

    (void)state;
    for (size_t cut = 0; cut <= end; cut++) {
        struct framing framing = {0};
        size_t good, more, size;
        int result = framing_walk(&framing, &limits, bytes, cut, &good);
        assert_int_equal(result, cut < end ? FRAMING_FINE : FRAMING_CLOSE);
        if (cut < end)
            result = framing_walk(&framing, &limits, bytes + cut, sizeof bytes - cut, &more);
        assert_int_equal(result, FRAMING_CLOSE);
        if (cut > before + 1) // until then the header may be another's
            assert_int_equal(good, before);
        const unsigned char *close = framing_close(&framing, &size);
        assert_int_equal(size, 3);
        assert_memory_equal(close, ((unsigned char[]){1, 2, 3}), 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_pass),
        cmocka_unit_test(what_breaks_the_protocol),
        cmocka_unit_test(what_is_too_big),
        cmocka_unit_test(the_sum_of_fragments_counts),
        cmocka_unit_test(the_number_of_fragments_counts),
        cmocka_unit_test(control_frames_count_for_nothing),
        cmocka_unit_test(the_good_ends_before_the_bad),
        cmocka_unit_test(cuts_do_not_matter),
        cmocka_unit_test(a_close_is_kept_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
