// SPDX-License-Identifier: MIT
// Tests of clock.c.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rowcast/clock.h"

#define SECOND 1000000LL

static void assert_text(int64_t microseconds, const char *expected)
{
    char text[CLOCK_TEXT_SIZE];

    assert_int_equal(clock_text(microseconds, text), strlen(expected));
    assert_string_equal(text, expected);
}

static void times_are_written_with_the_digits_they_need(void **state)
{
    (void)state;
    assert_text(0, "1970-01-01T00:00:00.000Z");
    assert_text(123000, "1970-01-01T00:00:00.123Z");
    assert_text(123456, "1970-01-01T00:00:00.123456Z");
    assert_text(7, "1970-01-01T00:00:00.000007Z");
    assert_text(-1, "1969-12-31T23:59:59.999999Z");
    assert_text(-1000, "1969-12-31T23:59:59.999Z");
    assert_text(1762689600 * SECOND, "2025-11-09T12:00:00.000Z");
    assert_text(951782400 * SECOND, "2000-02-29T00:00:00.000Z");
    assert_text(951868800 * SECOND - 1, "2000-02-29T23:59:59.999999Z");
}

static void milliseconds_are_cut_not_rounded(void **state)
{
    char text[CLOCK_TEXT_SIZE];

    (void)state;
    assert_int_equal(clock_text_milliseconds(999999, text), 24);
    assert_string_equal(text, "1970-01-01T00:00:00.999Z");
    clock_text_milliseconds(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
}

static void years_are_clamped(void **state)
{
    (void)state;
    assert_text(-62167219200 * SECOND, "0000-01-01T00:00:00.000Z");
    assert_text(-62167219200 * SECOND - 1, "0000-01-01T00:00:00.000Z");
    assert_text(INT64_MIN, "0000-01-01T00:00:00.000Z");
    assert_text(253402300799 * SECOND + 999999, "9999-12-31T23:59:59.999999Z");
    assert_text(253402300800 * SECOND, "9999-12-31T23:59:59.999999Z");
    assert_text(INT64_MAX, "9999-12-31T23:59:59.999999Z");
}

// One time on every day of the years 0 to 9999, against the C library.
static void every_day_agrees_with_the_c_library(void **state)
{
    (void)state;
    for (int64_t day = -719528; day <= 2932896; day++) {
        time_t second = day * 86400 + (day * 7919 % 86400 + 86400) % 86400;
        int64_t back, microseconds = second * SECOND + 250000;
        char text[CLOCK_TEXT_SIZE], expected[64];
        struct tm tm;

        gmtime_r(&second, &tm);
        snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d.250Z", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        clock_text(microseconds, text);
        if (strcmp(text, expected) != 0)
            fail_msg("%s, expected %s", text, expected);
        if (clock_parse(text, &back) != 0 || back != microseconds)
            fail_msg("%s does not come back", text);
    }
}

static void assert_parsed(const char *text, int64_t expected)
{
    int64_t microseconds = -42;

    assert_int_equal(clock_parse(text, &microseconds), 0);
    assert_true(microseconds == expected);
}

static void fractions_and_zones_may_be_missing(void **state)
{
    (void)state;
    assert_parsed("1970-01-01T00:00:01Z", SECOND);
    assert_parsed("1970-01-01T00:00:01", SECOND);
    assert_parsed("1970-01-01T00:00:01.5", SECOND + 500000);
    assert_parsed("1970-01-01T00:00:01.05Z", SECOND + 50000);
    assert_parsed("1970-01-01T00:00:01.000001Z", SECOND + 1);
    assert_parsed("0000-01-01T00:00:00Z", -62167219200 * SECOND);
    assert_parsed("2000-02-29T00:00:00Z", 951782400 * SECOND);
}

static void what_is_no_time_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "now",
        "1970-01-01",
        "1970-01-01T",
        "1970-01-01T00:00",
        "1970-01-01T00:00:0",
        "1970-01-01 00:00:00Z",
        "1970-1-01T00:00:00Z",
        "1970-00-01T00:00:00Z",
        "1970-13-01T00:00:00Z",
        "1970-01-00T00:00:00Z",
        "1970-01-32T00:00:00Z",
        "1970-04-31T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:60Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00.",
        "1970-01-01T00:00:00.1234567Z",
        "1970-01-01T00:00:00z",
        "1970-01-01T00:00:00ZZ",
        "1970-01-01T00:00:00+00",
        " 1970-01-01T00:00:00Z",
        "+970-01-01T00:00:00Z",
        "-001-01-01T00:00:00Z",
        "11970-01-01T00:00:00Z",
    };
    int64_t microseconds;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (clock_parse(bad[i], &microseconds) != -EINVAL)
            fail_msg("%s was taken", bad[i]);
}

static void now_is_now(void **state)
{
    int64_t before = (int64_t)time(NULL) * SECOND, now = clock_now();

    (void)state;
    assert_true(now >= before - SECOND && now < before + 60 * SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_written_with_the_digits_they_need),
        cmocka_unit_test(milliseconds_are_cut_not_rounded),
        cmocka_unit_test(years_are_clamped),
        cmocka_unit_test(every_day_agrees_with_the_c_library),
        cmocka_unit_test(fractions_and_zones_may_be_missing),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(now_is_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
