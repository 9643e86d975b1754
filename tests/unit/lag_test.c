// SPDX-License-Identifier: MIT
// Tests of core/source/lag.c.
#include "rowcast/lag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void who_has_read_everything_is_not_behind(void **state)
{
    (void)state;
    struct lag lag = {0};
    assert_int_equal(lag_time(&lag, 0, 1000), 0);
    lag_mark(&lag, 100, 1000);
    assert_int_equal(lag_time(&lag, 100, 9000), 0);
    lag_mark(&lag, 100, 9000); // the log stands still
    assert_int_equal(lag_time(&lag, 100, 99000), 0);
}

static void the_time_is_that_of_the_oldest_end_not_reached(void **state)
{
    (void)state;
    struct lag lag = {0};
    lag_mark(&lag, 100, 1000);
    lag_mark(&lag, 200, 2000);
    lag_mark(&lag, 300, 3000);
    assert_int_equal(lag_time(&lag, 99, 3500), 2500);
    assert_int_equal(lag_time(&lag, 250, 3500), 500);
    assert_int_equal(lag_time(&lag, 300, 4000), 0);
    lag_mark(&lag, 400, 5000);
    assert_int_equal(lag_time(&lag, 300, 5500), 500);
}

static void a_reader_that_stands_still_is_behind_for_all_the_time(void **state)
{
    (void)state;
    struct lag lag = {0};
    for (int i = 1; i <= 10000; i++)
        lag_mark(&lag, (uint64_t)i, i * 1000);
    assert_int_equal(lag_time(&lag, 0, 10000000), 9999000);
    assert_true(lag.count <= LAG_MARKS);
}

// Forgetting marks may make the lag look smaller, by a part that is in proportion to it; never larger.
static void a_long_lag_is_known_less_exactly(void **state)
{
    (void)state;
    struct lag lag = {0};
    for (int i = 1; i <= 10000; i++)
        lag_mark(&lag, (uint64_t)i, i * 1000);
    int64_t time = lag_time(&lag, 4999, 10000000);
    assert_true(time <= 5000000);
    assert_true(time >= 4000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_read_everything_is_not_behind),
        cmocka_unit_test(the_time_is_that_of_the_oldest_end_not_reached),
        cmocka_unit_test(a_reader_that_stands_still_is_behind_for_all_the_time),
        cmocka_unit_test(a_long_lag_is_known_less_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
