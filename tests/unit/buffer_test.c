// SPDX-License-Identifier: MIT
// Tests of buffer.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "rowcast/buffer.h"
#include "rowcast/utf8.h"

static void assert_holds(const struct buffer *buffer, const char *text)
{
    assert_int_equal(buffer->size, strlen(text));
    assert_memory_equal(buffer->bytes, text, buffer->size);
}

static void appends_of_all_kinds_stand_in_order(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 1000);
    assert_null(buffer.bytes);
    buffer_append(&buffer, "ab", 2);
    buffer_append(&buffer, NULL, 0);
    buffer_append_text(&buffer, "cd");
    buffer_append_byte(&buffer, 'e');
    buffer_append_format(&buffer, "%d-%s", 42, "x");
    assert_holds(&buffer, "abcde42-x");
    assert_false(buffer.overflowed);
    assert_int_equal(buffer.wanted, 9);
    buffer_release(&buffer);
    assert_null(buffer.bytes);
    assert_int_equal(buffer.maximum, 1000);
}

static void a_buffer_grows_to_its_maximum_and_not_beyond(void **state)
{
    struct buffer buffer;

    (void)state;
    for (size_t maximum = 0; maximum < 2000; maximum += 37) {
        buffer_init(&buffer, maximum);
        for (size_t i = 0; i < maximum; i++)
            buffer_append_byte(&buffer, (char)i);
        assert_int_equal(buffer.size, maximum);
        assert_false(buffer.overflowed);
        assert_true(buffer.capacity <= maximum);
        buffer_append_byte(&buffer, 'x');
        assert_true(buffer.overflowed);
        assert_int_equal(buffer.size, maximum);
        assert_int_equal(buffer.wanted, maximum + 1);
        for (size_t i = 0; i < maximum; i++)
            assert_int_equal(buffer.bytes[i], (char)i);
        buffer_release(&buffer);
    }
}

static void behind_an_overflow_nothing_is_appended_but_counted(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 5);
    buffer_append_text(&buffer, "abc");
    buffer_append_text(&buffer, "def");
    assert_holds(&buffer, "abc");
    buffer_append_byte(&buffer, 'g');
    assert_holds(&buffer, "abc");
    assert_true(buffer.overflowed);
    assert_int_equal(buffer.wanted, 7);

    buffer_clear(&buffer);
    assert_false(buffer.overflowed);
    assert_int_equal(buffer.wanted, 0);
    buffer_append_text(&buffer, "12345");
    assert_holds(&buffer, "12345");
    assert_false(buffer.overflowed);
    buffer_release(&buffer);
}

static void reserved_room_is_the_callers_to_fill(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 400);
    buffer_append_text(&buffer, "a");
    char *place = buffer_reserve(&buffer, 300);
    assert_non_null(place);
    memset(place, 'b', 300);
    buffer.size += 200; // less than asked for
    buffer_append_text(&buffer, "c");
    assert_int_equal(buffer.size, 202);
    assert_int_equal(buffer.wanted, 202);
    assert_int_equal(buffer.bytes[201], 'c');

    buffer_reserve(&buffer, 10);
    buffer.size += 10;
    assert_null(buffer_reserve(&buffer, 189));
    assert_true(buffer.overflowed);
    assert_int_equal(buffer.wanted, 401);
    assert_null(buffer_reserve(&buffer, 1));
    assert_null(buffer_reserve(&buffer, SIZE_MAX - 402));
    buffer_release(&buffer);
}

static void reserving_nothing_gives_a_place(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 10);
    assert_non_null(buffer_reserve(&buffer, 0));
    assert_false(buffer.overflowed);
    buffer_release(&buffer);
}

static void long_formats_are_whole(void **state)
{
    struct buffer buffer;
    char longer[2000];

    (void)state;
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    buffer_init(&buffer, 2003); // exactly: no room for the NUL of printf
    buffer_append_format(&buffer, "<%s>%d", longer, 12);
    assert_int_equal(buffer.size, 2003);
    assert_false(buffer.overflowed);
    assert_memory_equal(buffer.bytes + 1998, "xx>12", 5);
    buffer_append_format(&buffer, "%s", longer);
    assert_true(buffer.overflowed);
    assert_int_equal(buffer.wanted, 4002);
    buffer_release(&buffer);
}

static void assert_json(const char *bytes, size_t size, const char *expected)
{
    struct buffer buffer;

    buffer_init(&buffer, 1000);
    buffer_append_json_string(&buffer, bytes, size);
    assert_holds(&buffer, expected);
    buffer_release(&buffer);
}

static void json_strings_are_escaped(void **state)
{
    (void)state;
    assert_json("", 0, "\"\"");
    assert_json(NULL, 0, "\"\"");
    assert_json("plain /text", 11, "\"plain /text\"");
    assert_json("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
    assert_json("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
    assert_json("\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\\u007f\"");
    assert_json("\xe2\x82\xac \xf0\x9f\x98\x80", 8, "\"\xe2\x82\xac \xf0\x9f\x98\x80\"");
}

static void each_byte_that_is_no_utf8_is_replaced(void **state)
{
    (void)state;
    assert_json("a\xff"
                "b",
                3,
                "\"a\xef\xbf\xbd"
                "b\"");
    assert_json("\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_json("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_json("x\xe2\x82", 3, "\"x\xef\xbf\xbd\xef\xbf\xbd\""); // cut short at the end
}

// What was valid comes back byte for byte from another JSON library; the rest comes back as text.
static void json_strings_can_be_read_back(void **state)
{
    struct buffer buffer;

    (void)state;
    srand(1);
    buffer_init(&buffer, 1000);
    for (int round = 0; round < 20000; round++) {
        char bytes[24];
        size_t size = (size_t)rand() % sizeof bytes;
        bool valid = true;

        for (size_t i = 0; i < size; i++)
            bytes[i] = (char)(rand() % 4 == 0 ? 0x80 + rand() % 0x80 : rand() % 0x80);
        for (size_t at = 0, length; valid && at < size; at += length)
            valid = (length = utf8_length(bytes + at, size - at)) > 0;

        buffer_clear(&buffer);
        buffer_append_json_string(&buffer, bytes, size);
        json_t *text =
            json_loadb(buffer.bytes, buffer.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(text);
        if (valid) {
            assert_int_equal(json_string_length(text), size);
            assert_memory_equal(json_string_value(text), bytes, size);
        }
        json_decref(text);
    }
    buffer_release(&buffer);
}

static void a_json_string_that_does_not_fit_is_counted(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 6);
    buffer_append_json_string(&buffer, "ab\ncdef", 7);
    assert_true(buffer.overflowed);
    assert_int_equal(buffer.wanted, 10);
    assert_holds(&buffer, "\"ab\\n");
    buffer_release(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_of_all_kinds_stand_in_order),
        cmocka_unit_test(a_buffer_grows_to_its_maximum_and_not_beyond),
        cmocka_unit_test(behind_an_overflow_nothing_is_appended_but_counted),
        cmocka_unit_test(reserved_room_is_the_callers_to_fill),
        cmocka_unit_test(reserving_nothing_gives_a_place),
        cmocka_unit_test(long_formats_are_whole),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(each_byte_that_is_no_utf8_is_replaced),
        cmocka_unit_test(json_strings_can_be_read_back),
        cmocka_unit_test(a_json_string_that_does_not_fit_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
