// SPDX-License-Identifier: MIT
// Tests of core/base/exposition.c.
#include "rowcast/exposition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect(struct buffer *out, const char *text)
{
    buffer_append_byte(out, '\0');
    assert_string_equal(out->bytes, text);
    buffer_release(out);
}

static void a_family_has_help_type_and_samples(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 4096);
    exposition_family(&out, "rows_total", "counter", "Rows.");
    exposition_count(&out, "rows_total", EXPOSITION_LABELS("table", "trades", "op", "insert"), 7);
    exposition_count(&out, "rows_total", NULL, UINT64_MAX);
    expect(&out, "# HELP rows_total Rows.\n# TYPE rows_total counter\n"
                 "rows_total{table=\"trades\",op=\"insert\"} 7\n"
                 "rows_total 18446744073709551615\n");
}

static void values_are_escaped(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 4096);
    exposition_count(&out, "x", EXPOSITION_LABELS("l", "a\\b\"c\nd}é"), 1);
    expect(&out, "x{l=\"a\\\\b\\\"c\\nd}é\"} 1\n");
}

static void numbers_are_short_and_exact(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 4096);
    exposition_number(&out, "x", NULL, 0.0005);
    exposition_number(&out, "x", NULL, 0.1 + 0.2);
    exposition_number(&out, "x", NULL, 0);
    exposition_number(&out, "x", NULL, 1762689600);
    expect(&out, "x 0.0005\nx 0.30000000000000004\nx 0\nx 1762689600\n");
}

static void a_histogram_is_cumulative(void **state)
{
    (void)state;
    static const struct histogram_bounds bounds = {2, {1000000, 2500000000}};
    struct histogram histogram = {0};
    struct buffer out;
    buffer_init(&out, 4096);
    histogram_observe(&histogram, &bounds, 500000);
    histogram_observe(&histogram, &bounds, 500000000);
    histogram_observe(&histogram, &bounds, 500000000);
    histogram_observe(&histogram, &bounds, 5000000000);
    exposition_histogram(&out, "x_seconds", EXPOSITION_LABELS("script", "a"), &histogram, &bounds);
    exposition_histogram(&out, "x_seconds", NULL, &histogram, &bounds);
    expect(&out, "x_seconds_bucket{script=\"a\",le=\"0.001\"} 1\n"
                 "x_seconds_bucket{script=\"a\",le=\"2.5\"} 3\n"
                 "x_seconds_bucket{script=\"a\",le=\"+Inf\"} 4\n"
                 "x_seconds_sum{script=\"a\"} 6.0005\n"
                 "x_seconds_count{script=\"a\"} 4\n"
                 "x_seconds_bucket{le=\"0.001\"} 1\n"
                 "x_seconds_bucket{le=\"2.5\"} 3\n"
                 "x_seconds_bucket{le=\"+Inf\"} 4\n"
                 "x_seconds_sum 6.0005\n"
                 "x_seconds_count 4\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_has_help_type_and_samples),
        cmocka_unit_test(values_are_escaped),
        cmocka_unit_test(numbers_are_short_and_exact),
        cmocka_unit_test(a_histogram_is_cumulative),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
