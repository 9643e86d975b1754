// SPDX-License-Identifier: MIT
// Tests of slice.c, with another decoder as the judge.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "../../core/source/slice.h"

static int read_text(struct slices *slices, const char *text, size_t size)
{
    char *exact = malloc(size + 1); // nothing may be read behind it
    memcpy(exact, text, size);
    int result = slices_read(slices, exact, size);
    free(exact);
    return result;
}

static void refused(const char *text, size_t byte, const char *wrong)
{
    struct slices slices;
    slices_init(&slices);
    assert_int_equal(read_text(&slices, text, strlen(text)), -1);
    assert_string_equal(slices.wrong, wrong);
    assert_int_equal(slices.byte, byte);
    slices_release(&slices);
}

static void members_stand_in_order_with_their_bytes(void **state)
{
    static const char text[] = " {\"a\" : -1.5e3, \"b\\n\":[ 1 ,{\"x\":[]}, \"y\" ],\"\":null } ";
    struct slices slices;
    const struct slice *member = NULL, *element = NULL;
    (void)state;
    slices_init(&slices);
    assert_int_equal(slices_read(&slices, text, strlen(text)), 0);
    const struct slice *object = slices.items;
    assert_int_equal(object->kind, SLICE_OBJECT);

    assert_true(slice_next(object, &member));
    assert_true(slice_is(slice_key(member), "a"));
    assert_int_equal(member->kind, SLICE_REAL);
    assert_int_equal(member->size, 6);
    assert_memory_equal(member->text, "-1.5e3", 6);

    assert_true(slice_next(object, &member));
    assert_true(slice_is(slice_key(member), "b\n"));
    assert_int_equal(member->kind, SLICE_ARRAY);
    assert_int_equal(member->size, strlen("[ 1 ,{\"x\":[]}, \"y\" ]"));
    assert_true(slice_next(member, &element));
    assert_int_equal(element->kind, SLICE_INTEGER);
    assert_true(slice_next(member, &element));
    assert_int_equal(element->kind, SLICE_OBJECT);
    assert_true(slice_next(member, &element));
    assert_true(slice_is(element, "y"));
    assert_false(slice_next(member, &element));

    assert_true(slice_next(object, &member));
    assert_true(slice_is(slice_key(member), ""));
    assert_int_equal(member->kind, SLICE_NULL);
    assert_false(slice_next(object, &member));
    assert_ptr_equal(slice_member(object, "a"), object + 2);
    assert_null(slice_member(object, "b"));
    slices_release(&slices);
}

static void what_is_deep_is_one_slice(void **state)
{
    static const char text[] = "[[[[[{\"a\":[1,2,3]},2],3]]]]";
    struct slices slices;
    (void)state;
    slices_init(&slices);
    assert_int_equal(slices_read(&slices, text, strlen(text)), 0);
    assert_int_equal(slices.count, SLICE_DEPTH + 2); // the arrays, and 3 in the fourth of them
    assert_memory_equal(slices.items[SLICE_DEPTH].text, "[{\"a\":[1,2,3]},2]", 17);
    assert_int_equal(slices.items[SLICE_DEPTH].size, 17);
    slices_release(&slices);
}

static void escapes_are_undone(void **state)
{
    static const char text[] =
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\ud83d\\ude00 \\u0000\xc3\xa9\"";
    static const char plain[] = "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 \0\xc3\xa9";
    char result[sizeof text];
    struct slices slices;
    (void)state;
    slices_init(&slices);
    assert_int_equal(slices_read(&slices, text, strlen(text)), 0);
    assert_int_equal(slice_unescape(slices.items, result), sizeof plain - 1);
    assert_memory_equal(result, plain, sizeof plain - 1);
    slices_release(&slices);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    refused("", 1, "a value is expected");
    refused("{\"a\":tru}", 6, "a value is expected");
    refused("[1 2]", 4, "a comma or ] is expected");
    refused("{\"a\":1 2}", 8, "a comma or } is expected");
    refused("{\"a\" 1}", 6, "a colon is expected");
    refused("{1:2}", 2, "a key in quotes is expected");
    refused("[1,]", 4, "a value is expected");
    refused("\"abc", 5, "a string has no end");
    refused("\"a\tb\"", 3, "a control character in a string is written \\n or \\u000a");
    refused("\"\\x\"", 2, "this escape says no character");
    refused("\"\\ud800\"", 2, "this escape says no character");
    refused("\"\xff\"", 2, "this is no UTF-8");
    refused("-", 2, "a digit is expected");
    refused("1.", 3, "a digit is expected");
    refused("01", 2, "something stands behind its end");
    refused("1e999", 6, "the number before is too large");
    refused("{} {}", 4, "something stands behind its end");
}

static void nesting_is_bounded(void **state)
{
    char text[2 * SLICE_MAX_DEPTH + 8];
    struct slices slices;
    (void)state;
    slices_init(&slices);
    for (size_t depth = SLICE_MAX_DEPTH; depth <= SLICE_MAX_DEPTH + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(slices_read(&slices, text, 2 * depth), depth > SLICE_MAX_DEPTH ? -1 : 0);
    }
    assert_string_equal(slices.wrong, "it is nested too deep");
    slices_release(&slices);
}

static bool unique(const char *text)
{
    struct slices slices;
    slices_init(&slices);
    assert_int_equal(slices_read(&slices, text, strlen(text)), 0);
    bool result = slice_keys_unique(slices.items);
    slices_release(&slices);
    return result;
}

static void keys_that_stand_twice_are_found(void **state)
{
    char text[8192] = "{";
    (void)state;
    assert_true(unique("{}"));
    assert_true(unique("{\"a\":{\"a\":1},\"b\":2}"));
    assert_false(unique("{\"a\":1,\"b\":2,\"a\":3}"));
    assert_false(unique("{\"a\":1,\"\\u0061\":2}"));
    for (int i = 0; i < 200; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "\"k%d\":1,", i);
    strcat(text, "\"k\":1}");
    assert_true(unique(text));
    strcpy(text + strlen(text) - 4, "\\u0031\":1}"); // k1 again
    assert_false(unique(text));
}

// ---- the judge ----

static const char *const pieces[] = {
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u",
    "d83d",
    "de00",
    "0",
    "-1",
    "1.5",
    "e+5",
    ".",
    "true",
    "null",
    "false",
    " ",
    "\"a\"",
    "\"b\":1",
    "\xc3\xa9",
    "\xff",
    "\t",
    "\n",
    "\x01",
    "/",
    "00",
    "9999",
    "\"\"",
    "\\u0000a",
    "[1,2]",
    "E400",
    "{\"x\":",
    "\"k\":",
    "\xed\xa0\x80",
    "\x7f",
    "-",
    "\\\"",
};

// The same verdict on every text, but for what only one of them minds.
static void judged(struct slices *slices, const char *text, size_t size)
{
    json_error_t error;
    size_t flags = JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL | JSON_DECODE_ANY;
    json_t *json = json_loadb(text, size, flags, &error);
    bool nul_key = !json && strstr(error.text, "NUL byte in object key");
    int result = read_text(slices, text, size);
    if (!nul_key && (result == 0) != (json != NULL))
        fail_msg("%.*s: %s, %s", (int)size, text, json ? "good" : error.text,
                 result == 0 ? "good" : slices->wrong);
    json_decref(json);
}

static void another_decoder_says_the_same(void **state)
{
    static const char line[] =
        "{\"lsn\":\"0/1\",\"xid\":7,\"changes\":[{\"op\":\"update\",\"table\":\"t\",\"new\":{\"a\":"
        "{\"b\":[1,\"\\\"\\u00e9\",-0.5e-7,true]},\"c\":null},\"unchanged\":[\"d\"]},[[]],{}]}";
    struct slices slices;
    char text[512];
    (void)state;
    slices_init(&slices);
    srand(7);
    for (int i = 0; i < 100000; i++) {
        size_t size = 0;
        for (int count = rand() % 12; count >= 0; count--) {
            const char *piece = pieces[(size_t)rand() % (sizeof pieces / sizeof *pieces)];
            memcpy(text + size, piece, strlen(piece));
            size += strlen(piece);
        }
        judged(&slices, text, size);
    }
    for (int i = 0; i < 50000; i++) { // a good text with a few bytes changed, left out or put in
        size_t size = strlen(line);
        memcpy(text, line, size);
        for (int changes = 1 + rand() % 3; changes > 0; changes--) {
            size_t at = (size_t)rand() % size;
            const char *piece = pieces[(size_t)rand() % (sizeof pieces / sizeof *pieces)];
            if (rand() % 2 == 0)
                memmove(text + at, text + at + 1, --size - at);
            else
                text[at] = piece[0];
        }
        judged(&slices, text, size);
    }
    slices_release(&slices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_stand_in_order_with_their_bytes),
        cmocka_unit_test(what_is_deep_is_one_slice),
        cmocka_unit_test(escapes_are_undone),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(keys_that_stand_twice_are_found),
        cmocka_unit_test(another_decoder_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
