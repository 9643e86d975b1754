// SPDX-License-Identifier: MIT
// Tests of core/base/flood.c: first said, then counted, then told.
#include "rowcast/flood.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int says(struct flood *flood, int times, int64_t now)
{
    int said = 0;
    for (int i = 0; i < times; i++)
        said += flood_says(flood, FLOOD_LINES, now);
    return said;
}

static void the_first_ones_are_said(void **state)
{
    (void)state;
    struct flood flood = {0};
    assert_int_equal(says(&flood, 1, 5000), 1);
    assert_int_equal(says(&flood, 100, 5100), FLOOD_LINES - 1);
}

static void the_others_are_told_as_a_number_once(void **state)
{
    (void)state;
    struct flood flood = {0};
    says(&flood, 100, 0);
    assert_int_equal(flood_ends(&flood, 999), 0);
    assert_int_equal(flood_ends(&flood, 1000), 100 - FLOOD_LINES);
    assert_int_equal(flood_ends(&flood, 1001), 0);
}

static void what_goes_on_is_said_ever_more_rarely(void **state)
{
    (void)state;
    struct flood flood = {0};
    int said = 0, told = 0;
    for (int64_t now = 0; now < 3600000; now += 100) { // ten a second, for an hour
        said += flood_says(&flood, FLOOD_LINES, now);
        told += flood_ends(&flood, now) > 0;
    }
    assert_in_range(told, 60, 70);
    assert_in_range(said, 60 * FLOOD_LINES, 70 * FLOOD_LINES);
}

static void none_is_lost(void **state)
{
    (void)state;
    struct flood flood = {0};
    uint64_t seen = 0, happened = 0;
    for (int64_t now = 0; now < 600000; now += 7, happened++)
        seen += flood_says(&flood, FLOOD_LINES, now) + flood_ends(&flood, now);
    seen += flood_ends(&flood, 700000);
    assert_int_equal(seen, happened);
}

static void a_quiet_interval_makes_it_new(void **state)
{
    (void)state;
    struct flood flood = {0};
    says(&flood, 10, 0);
    flood_ends(&flood, 1000);                      // the next interval is 2 s long
    assert_int_equal(flood_ends(&flood, 3000), 0); // and a quiet one
    says(&flood, 10, 4000);
    assert_int_equal(flood_ends(&flood, 5000), 10 - FLOOD_LINES);
}

static void nothing_is_told_of_nothing(void **state)
{
    (void)state;
    struct flood flood = {0};
    assert_int_equal(flood_ends(&flood, 1000000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_ones_are_said),
        cmocka_unit_test(the_others_are_told_as_a_number_once),
        cmocka_unit_test(what_goes_on_is_said_ever_more_rarely),
        cmocka_unit_test(none_is_lost),
        cmocka_unit_test(a_quiet_interval_makes_it_new),
        cmocka_unit_test(nothing_is_told_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
