// SPDX-License-Identifier: MIT
// Timestamps and array literals.
#include "rowcast/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// ---- timestamps ----

static void iso_is(const char *text, bool zone, const char *expected)
{
    char iso[VALUE_ISO_SIZE] = "untouched";
    size_t size = strlen(text);
    char *exact = malloc(size + 1); // on the heap, without a NUL to lean on
    memcpy(exact, text, size);
    size_t length = value_iso(exact, size, zone, iso);
    free(exact);
    if (!expected) {
        assert_int_equal(length, 0);
        return;
    }
    assert_string_equal(iso, expected);
    assert_int_equal(length, strlen(expected));
}

static void timestamps_become_iso(void **state)
{
    (void)state;
    iso_is("2025-11-09 12:00:00+00", true, "2025-11-09T12:00:00.000Z");
    iso_is("2025-11-09 12:00:00.5+00", true, "2025-11-09T12:00:00.500Z");
    iso_is("2025-11-09 12:00:00.123+00", true, "2025-11-09T12:00:00.123Z");
    iso_is("2025-11-09 12:00:00.1234+00", true, "2025-11-09T12:00:00.123400Z");
    iso_is("2025-11-09 12:00:00.123456+00", true, "2025-11-09T12:00:00.123456Z");
    iso_is("2025-11-09 12:00:00.000001+00:00", true, "2025-11-09T12:00:00.000001Z");
    iso_is("0001-01-01 00:00:00", false, "0001-01-01T00:00:00.000");
    iso_is("9999-12-31 23:59:59.999999", false, "9999-12-31T23:59:59.999999");
}

static void what_iso_cannot_say_stays(void **state)
{
    (void)state;
    iso_is("", true, NULL);
    iso_is("infinity", true, NULL);
    iso_is("-infinity", false, NULL);
    iso_is("0044-03-15 12:00:00+00 BC", true, NULL);
    iso_is("0044-03-15 12:00:00 BC", false, NULL);
    iso_is("10000-01-01 00:00:00+00", true, NULL);
    iso_is("2025-11-09 12:00:00+01", true, NULL); // not UTC: the session settings did not hold
    iso_is("2025-11-09 12:00:00", true, NULL);
    iso_is("2025-11-09 12:00:00+00", false, NULL);
    iso_is("2025-11-09 12:00:00.", false, NULL);
    iso_is("2025-11-09 12:00:00.1234567", false, NULL);
    iso_is("2025-11-09 12:00:0", false, NULL);
    iso_is("09.11.2025 12:00:00.5 CET", true, NULL);
}

// ---- arrays ----

// The tokens in short: { and } as they are, elements in <>, N for NULL, ! for what is no array.
static void tokens_are(const char *text, const char *expected)
{
    size_t size = strlen(text);
    char *exact = malloc(size + 1), *scratch = malloc(size + 1);
    memcpy(exact, text, size);
    char seen[256] = "";
    size_t at = 0;
    struct array_reader reader;
    array_reader_init(&reader, exact, size, scratch);
    for (bool more = true; more;) {
        enum array_token token = array_reader_next(&reader);
        more = token != ARRAY_END && token != ARRAY_BAD;
        if (token == ARRAY_ELEMENT)
            at += (size_t)snprintf(seen + at, sizeof seen - at, "<%.*s>", (int)reader.element_size,
                                   reader.element);
        else
            at += (size_t)snprintf(seen + at, sizeof seen - at, "%s",
                                   (const char *[]){"{", "}", "", "N", "", "!"}[token]);
    }
    assert_string_equal(seen, expected);
    assert_in_range(reader.scratch - scratch, 0, size);
    assert_int_equal(array_reader_next(&reader), strchr(seen, '!') ? ARRAY_BAD : ARRAY_END);
    free(exact);
    free(scratch);
}

static void arrays_are_walked(void **state)
{
    (void)state;
    tokens_are("{}", "{}");
    tokens_are("{1,NULL,3}", "{<1>N<3>}");
    tokens_are("{{1,2},{3,4}}", "{{<1><2>}{<3><4>}}");
    tokens_are("{{{{{{1}}}}}}", "{{{{{{<1>}}}}}}");
    tokens_are("[2:4]={1,2,3}", "{<1><2><3>}");
    tokens_are("[-1:0][2:3]={{1,2},{3,4}}", "{{<1><2>}{<3><4>}}");
    tokens_are(" { 1 , 2 } ", "{<1><2>}");
}

static void quotes_and_escapes_are_undone(void **state)
{
    (void)state;
    tokens_are("{\"a b\",\"c\\\"d\",NULL,\"NULL\"}", "{<a b><c\"d>N<NULL>}");
    tokens_are("{\"\",\"{\",\",\",\"\\\\\"}", "{<><{><,><\\>}");
    tokens_are("{null,nullx,\"null\"}", "{N<nullx><null>}");
    tokens_are("{a\\,b,c\\ }", "{<a,b><c >}");
    tokens_are("{a b}", "{<a b>}");
}

static void what_is_no_array_is_bad(void **state)
{
    (void)state;
    const char *const literals[] = {"",      "1",     "{",       "}",        "{1",     "{1,",
                                    "{1,}",  "{,1}",  "{1}2",    "{1}{2}",   "{\"a",   "{\"a\\",
                                    "{a\"b", "{a{b}", "{\"a\"b", "[1:2{1}",  "[1:2]",  "[x]={1}",
                                    "{{1}",  "{1}}",  "{a\\",    "{{1}{2}}", "{1 {2}}"};
    for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
        char scratch[32];
        struct array_reader reader;
        array_reader_init(&reader, literals[i], strlen(literals[i]), scratch);
        enum array_token token = ARRAY_OPEN;
        for (int steps = 0; token != ARRAY_BAD; steps++) {
            token = array_reader_next(&reader);
            if (token == ARRAY_END || steps == 20)
                fail_msg("taken for an array: %s", literals[i]);
        }
    }
    tokens_are("{{{{{{{1}}}}}}}", "{{{{{{!");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timestamps_become_iso),   cmocka_unit_test(what_iso_cannot_say_stays),
        cmocka_unit_test(arrays_are_walked),       cmocka_unit_test(quotes_and_escapes_are_undone),
        cmocka_unit_test(what_is_no_array_is_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
