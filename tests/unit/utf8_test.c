// SPDX-License-Identifier: MIT
// Tests of utf8.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/utf8.h"

static size_t length(const char *text)
{
    return utf8_length(text, strlen(text));
}

static void characters_have_their_length(void **state)
{
    (void)state;
    assert_int_equal(length("a"), 1);
    assert_int_equal(length("\x7f"), 1);
    assert_int_equal(utf8_length("\0", 1), 1);
    assert_int_equal(length("\xc2\x80"), 2);
    assert_int_equal(length("\xdf\xbf"), 2);
    assert_int_equal(length("\xe0\xa0\x80"), 3);
    assert_int_equal(length("\xed\x9f\xbf"), 3);
    assert_int_equal(length("\xef\xbf\xbf"), 3);
    assert_int_equal(length("\xf0\x90\x80\x80"), 4);
    assert_int_equal(length("\xf4\x8f\xbf\xbf"), 4);
}

static void what_is_no_character_has_none(void **state)
{
    (void)state;
    assert_int_equal(utf8_length("", 0), 0);
    assert_int_equal(utf8_length(NULL, 0), 0);
    assert_int_equal(length("\x80"), 0);             // a continuation alone
    assert_int_equal(length("\xc0\xaf"), 0);         // overlong
    assert_int_equal(length("\xc1\xbf"), 0);         // overlong
    assert_int_equal(length("\xe0\x9f\xbf"), 0);     // overlong
    assert_int_equal(length("\xf0\x8f\xbf\xbf"), 0); // overlong
    assert_int_equal(length("\xed\xa0\x80"), 0);     // surrogate
    assert_int_equal(length("\xf4\x90\x80\x80"), 0); // beyond U+10FFFF
    assert_int_equal(length("\xf5\x80\x80\x80"), 0);
    assert_int_equal(length("\xff"), 0);
    assert_int_equal(length("\xe2\x82"), 0); // cut short
    assert_int_equal(length("\xe2\x82"
                            "a"),
                     0); // interrupted
    assert_int_equal(utf8_length("\xe2\x82\xac", 2), 0);
}

// Every sequence of up to three bytes against the encoder's arithmetic.
static void all_short_sequences_agree_with_the_definition(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 1u << 24; bits++) {
        unsigned char b[3] = {(unsigned char)(bits >> 16), (unsigned char)(bits >> 8),
                              (unsigned char)bits};
        size_t expected = 0;
        uint32_t two = (b[0] & 0x1fu) << 6 | (b[1] & 0x3fu);
        uint32_t three = (b[0] & 0x0fu) << 12 | (b[1] & 0x3fu) << 6 | (b[2] & 0x3fu);

        if (b[0] < 0x80)
            expected = 1;
        else if (b[0] >> 5 == 6 && b[1] >> 6 == 2 && two >= 0x80)
            expected = 2;
        else if (b[0] >> 4 == 14 && b[1] >> 6 == 2 && b[2] >> 6 == 2 && three >= 0x800 &&
                 (three < 0xd800 || three > 0xdfff))
            expected = 3;
        if (utf8_length((const char *)b, 3) != expected)
            fail_msg("%06x: %zu, expected %zu", bits, utf8_length((const char *)b, 3), expected);
    }
}

static void cuts_keep_characters_whole(void **state)
{
    const char *text = "a\xe2\x82\xac"
                       "b\xf0\x9f\x98\x80"; // a € b 😀
    size_t size = strlen(text);

    (void)state;
    assert_int_equal(size, 9);
    assert_int_equal(utf8_cut(text, size, 100), 9);
    assert_int_equal(utf8_cut(text, size, 9), 9);
    assert_int_equal(utf8_cut(text, size, 8), 5);
    assert_int_equal(utf8_cut(text, size, 6), 5);
    assert_int_equal(utf8_cut(text, size, 5), 5);
    assert_int_equal(utf8_cut(text, size, 4), 4);
    assert_int_equal(utf8_cut(text, size, 3), 1);
    assert_int_equal(utf8_cut(text, size, 2), 1);
    assert_int_equal(utf8_cut(text, size, 1), 1);
    assert_int_equal(utf8_cut(text, size, 0), 0);
    assert_int_equal(utf8_cut("\x80\x80\x80\x80\x80\x80", 6, 5), 5); // nothing to keep whole
}

static void plain_runs_end_at_the_first_special_byte(void **state)
{
    char text[40];

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        bool plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
        for (size_t at = 0; at < sizeof text; at++) {
            for (int after = 0; after < 3; after++) { // what stands behind must not matter
                memset(text, 'a', sizeof text);
                if (at + 1 < sizeof text)
                    text[at + 1] = "\x01\"a"[after];
                text[at] = (char)byte;
                size_t end = at + 1 < sizeof text && after < 2 ? at + 1 : sizeof text;
                assert_int_equal(utf8_plain(text, sizeof text), plain ? end : at);
                assert_int_equal(utf8_plain(text, at), at);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_have_their_length),
        cmocka_unit_test(what_is_no_character_has_none),
        cmocka_unit_test(all_short_sequences_agree_with_the_definition),
        cmocka_unit_test(cuts_keep_characters_whole),
        cmocka_unit_test(plain_runs_end_at_the_first_special_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
