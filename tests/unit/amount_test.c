// SPDX-License-Identifier: MIT
// Tests of core/base/amount.c.
#include "rowcast/amount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void reads_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {{"0", 0},          {"4096", 4096},   {"12B", 12},        {"16KiB", 16384},
                 {"1mib", 1 << 20}, {"1.5KiB", 1536}, {"4GiB", 4LL << 30}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t bytes = -1;
        assert_int_equal(amount_parse_size(cases[i].text, &bytes), 0);
        assert_int_equal(bytes, cases[i].bytes);
    }
}

static void reads_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t milliseconds;
    } cases[] = {{"200ms", 200}, {"30s", 30000}, {"10m", 600000}, {"2h", 7200000}, {"0.5s", 500}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t milliseconds = -1;
        assert_int_equal(amount_parse_duration(cases[i].text, &milliseconds), 0);
        assert_int_equal(milliseconds, cases[i].milliseconds);
    }
}

static void refuses_what_is_no_amount(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",     "x",     "-1KiB", "1kb", "1 KiB", "1.2.3s", "nan", "inf", "99999999999999999999GiB",
        "1e3s", "0x10s", "30"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t amount;
        assert_true(amount_parse_duration(texts[i], &amount) < 0);
        if (i + 1 < sizeof texts / sizeof *texts)
            assert_true(amount_parse_size(texts[i], &amount) < 0);
    }
}

static void refuses_what_is_no_whole_number(void **state)
{
    (void)state;
    int64_t number;
    assert_int_equal(amount_parse_number("-7", &number), 0);
    assert_int_equal(number, -7);
    assert_true(amount_parse_number("", &number) < 0);
    assert_true(amount_parse_number("7x", &number) < 0);
    assert_true(amount_parse_number("99999999999999999999", &number) < 0);
}

static void writes_the_largest_unit_that_fits(void **state)
{
    (void)state;
    char text[AMOUNT_TEXT_SIZE];
    amount_format_size(64 << 20, text);
    assert_string_equal(text, "64MiB");
    amount_format_size(1000, text);
    assert_string_equal(text, "1000B");
    amount_format_size(0, text);
    assert_string_equal(text, "0B");
    amount_format_duration(90000, text);
    assert_string_equal(text, "90s");
    amount_format_duration(3600000, text);
    assert_string_equal(text, "1h");
}

static void rounds_for_people(void **state)
{
    (void)state;
    char text[AMOUNT_TEXT_SIZE];
    amount_round_size(0, text);
    assert_string_equal(text, "0 B");
    amount_round_size(1023, text);
    assert_string_equal(text, "1023 B");
    amount_round_size(1536, text);
    assert_string_equal(text, "1.5 KiB");
    amount_round_size(INT64_C(5) << 40, text);
    assert_string_equal(text, "5.0 TiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_sizes),
        cmocka_unit_test(reads_durations),
        cmocka_unit_test(refuses_what_is_no_amount),
        cmocka_unit_test(refuses_what_is_no_whole_number),
        cmocka_unit_test(writes_the_largest_unit_that_fits),
        cmocka_unit_test(rounds_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
