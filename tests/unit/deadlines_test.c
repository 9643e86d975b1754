// SPDX-License-Identifier: MIT
// Tests of deadlines.c and list.h.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rowcast/deadlines.h"

static void they_come_due_in_order(void **state)
{
    struct deadlines deadlines;
    struct deadline a = {0}, b = {0}, c = {0};

    (void)state;
    deadlines_init(&deadlines, 100);
    assert_null(deadlines_due(&deadlines, 1000000));
    deadlines_start(&deadlines, &a, 0);
    deadlines_start(&deadlines, &b, 10);
    deadlines_start(&deadlines, &c, 10);
    assert_null(deadlines_due(&deadlines, 99));
    assert_ptr_equal(deadlines_due(&deadlines, 100), &a);
    assert_null(deadlines_due(&deadlines, 100));
    assert_ptr_equal(deadlines_due(&deadlines, 500), &b);
    assert_ptr_equal(deadlines_due(&deadlines, 500), &c);
    assert_null(deadlines_due(&deadlines, 500));
}

static void one_can_be_stopped_anywhere(void **state)
{
    struct deadlines deadlines;
    struct deadline a = {0}, b = {0}, c = {0};

    (void)state;
    deadlines_init(&deadlines, 1);
    deadline_stop(&a);
    deadlines_start(&deadlines, &a, 0);
    deadlines_start(&deadlines, &b, 0);
    deadlines_start(&deadlines, &c, 0);
    deadline_stop(&b);
    deadline_stop(&b);
    assert_ptr_equal(deadlines_due(&deadlines, 9), &a);
    deadline_stop(&c);
    assert_null(deadlines_due(&deadlines, 9));
}

static void one_can_begin_anew(void **state)
{
    struct deadlines first, second;
    struct deadline a = {0}, b = {0};

    (void)state;
    deadlines_init(&first, 10);
    deadlines_init(&second, 5);
    deadlines_start(&first, &a, 0);
    deadlines_start(&first, &b, 1);
    deadlines_start(&first, &a, 2);
    assert_ptr_equal(deadlines_due(&first, 11), &b);
    deadlines_start(&second, &a, 3);
    assert_null(deadlines_due(&first, 100));
    assert_ptr_equal(deadlines_due(&second, 8), &a);
    deadlines_start(&second, &a, 20); // after it was due
    assert_ptr_equal(deadlines_due(&second, 25), &a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_come_due_in_order),
        cmocka_unit_test(one_can_be_stopped_anywhere),
        cmocka_unit_test(one_can_begin_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
