// SPDX-License-Identifier: MIT
// Tests of timelines.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../core/source/timelines.h"

static struct lineage read_of(uint32_t timeline, const char *text)
{
    struct lineage lineage = {.timeline = timeline, .count = 3};
    timelines_read(&lineage, text);
    return lineage;
}

static void each_line_is_an_ancestor(void **state)
{
    struct lineage lineage = read_of(4, "1\t0/3000060\tno recovery target specified\n\n"
                                        "3\t1A/FFFFFFF8\tbefore 2025-11-09 12:00:00+00\n");

    (void)state;
    assert_int_equal(lineage.timeline, 4);
    assert_int_equal(lineage.count, 2);
    assert_int_equal(lineage.ancestors[0].timeline, 1);
    assert_true(lineage.ancestors[0].end == 0x3000060);
    assert_int_equal(lineage.ancestors[1].timeline, 3);
    assert_true(lineage.ancestors[1].end == 0x1afffffff8);
}

static void a_last_line_may_be_without_its_end(void **state)
{
    (void)state;
    assert_int_equal(read_of(2, "1\t0/60").count, 1);
    assert_int_equal(read_of(2, "").count, 0);
}

static void what_is_no_ancestor_is_passed_over(void **state)
{
    (void)state;
    assert_int_equal(read_of(2, "# by hand\n1\t0/60\tx\nnonsense\n1\n").count, 1);
    assert_int_equal(read_of(2, "2\t0/60\tx\n3\t0/70\tx\n").count, 0);             // not before it
    assert_int_equal(read_of(5, "3\t0/60\tx\n2\t0/70\tx\n4\t0/50\tx\n").count, 1); // out of order
}

static void of_many_the_newest_are_kept(void **state)
{
    char text[4096];
    int size = 0;

    (void)state;
    for (int i = 1; i <= LINEAGE_MAX + 5; i++)
        size += snprintf(text + size, sizeof text - (size_t)size, "%d\t0/%X\tx\n", i, i * 16);
    struct lineage lineage = read_of(LINEAGE_MAX + 6, text);
    assert_int_equal(lineage.count, LINEAGE_MAX);
    assert_int_equal(lineage.ancestors[0].timeline, 6);
    assert_int_equal(lineage.ancestors[LINEAGE_MAX - 1].timeline, LINEAGE_MAX + 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_an_ancestor),
        cmocka_unit_test(a_last_line_may_be_without_its_end),
        cmocka_unit_test(what_is_no_ancestor_is_passed_over),
        cmocka_unit_test(of_many_the_newest_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
