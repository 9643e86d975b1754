// SPDX-License-Identifier: MIT
// Tests of core/base/histogram.c.
#include "rowcast/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct histogram_bounds bounds = {3, {10, 100, 1000}};

static void a_bound_belongs_to_its_bucket(void **state)
{
    (void)state;
    struct histogram histogram = {0};
    const int64_t times[] = {0, 10, 11, 100, 1000, 1001, INT64_C(1) << 40};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        histogram_observe(&histogram, &bounds, times[i]);
    const uint64_t expected[] = {2, 2, 1, 2};
    for (int i = 0; i < 4; i++)
        assert_int_equal(counter_read(&histogram.buckets[i]), expected[i]);
    assert_int_equal(counter_read(&histogram.sum), 2122 + (UINT64_C(1) << 40));
}

static void clocks_that_differ_take_nothing_away(void **state)
{
    (void)state;
    struct histogram histogram = {0};
    histogram_observe(&histogram, &bounds, -5);
    assert_int_equal(counter_read(&histogram.buckets[0]), 1);
    assert_int_equal(counter_read(&histogram.sum), 0);
}

static void several_are_added(void **state)
{
    (void)state;
    struct histogram one = {0}, two = {0};
    histogram_observe(&one, &bounds, 5);
    histogram_observe(&two, &bounds, 50);
    histogram_observe(&two, &bounds, 5000);
    histogram_add(&one, &two);
    const uint64_t expected[] = {1, 1, 0, 1};
    for (int i = 0; i < 4; i++)
        assert_int_equal(counter_read(&one.buckets[i]), expected[i]);
    assert_int_equal(counter_read(&one.sum), 5055);
}

static void a_counter_may_go_back(void **state)
{
    (void)state;
    atomic_uint_least64_t counter = 0;
    counter_add(&counter, 7);
    counter_add(&counter, -(uint64_t)3);
    assert_int_equal(counter_read(&counter), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bound_belongs_to_its_bucket),
        cmocka_unit_test(clocks_that_differ_take_nothing_away),
        cmocka_unit_test(several_are_added),
        cmocka_unit_test(a_counter_may_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
