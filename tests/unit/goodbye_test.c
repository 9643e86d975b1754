// SPDX-License-Identifier: MIT
// Tests of goodbye.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rowcast/goodbye.h"

static uint32_t due(uint32_t total, int64_t time, int64_t elapsed)
{
    struct goodbye goodbye;

    goodbye_begin(&goodbye, total, time, 1000);
    return goodbye_due(&goodbye, 1000 + elapsed);
}

static void few_are_told_at_once(void **state)
{
    (void)state;
    assert_int_equal(due(0, 10000, 0), 0);
    assert_int_equal(due(100, 10000, 0), 100);
    assert_int_equal(due(5, 10000, 5000), 5);
}

static void many_are_spread(void **state)
{
    (void)state;
    assert_int_equal(due(20000, 10000, 0), 100);
    assert_int_equal(due(20000, 10000, 3750), 10000);
    assert_int_equal(due(20000, 10000, 7500), 20000);
    assert_int_equal(due(20000, 10000, 60000), 20000);
}

static void a_long_time_is_not_used_up_for_nothing(void **state)
{
    (void)state;
    assert_int_equal(due(1000, 3600000, 500), 600);
    assert_int_equal(due(1000, 3600000, 900), 1000);
}

static void without_time_all_are_told(void **state)
{
    (void)state;
    assert_int_equal(due(20000, 0, 0), 20000);
    assert_int_equal(due(20000, 1, 0), 20000);
    assert_int_equal(due(20000, -5, 0), 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_are_told_at_once),
        cmocka_unit_test(many_are_spread),
        cmocka_unit_test(a_long_time_is_not_used_up_for_nothing),
        cmocka_unit_test(without_time_all_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
