// SPDX-License-Identifier: MIT
// Tests of core/base/tally.c.
#include "rowcast/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void count(struct tally *tally, const char *name)
{
    ++*(uint64_t *)tally_at(tally, name, strlen(name));
}

static uint64_t counted(const struct tally *tally, const char *name)
{
    for (size_t i = 0; i < tally->count; i++)
        if (strcmp(tally->names[i], name) == 0)
            return *(const uint64_t *)tally->items[i];
    return 0;
}

static void each_name_has_its_own(void **state)
{
    (void)state;
    struct tally tally;
    tally_init(&tally, sizeof(uint64_t), 10);
    count(&tally, "trade");
    count(&tally, "vote");
    count(&tally, "trade");
    count(&tally, "");
    assert_int_equal(tally.count, 3);
    assert_int_equal(counted(&tally, "trade"), 2);
    assert_int_equal(counted(&tally, "vote"), 1);
    assert_int_equal(counted(&tally, ""), 1);
    assert_int_equal(*(const uint64_t *)tally_find(&tally, "vote", 4), 1);
    assert_null(tally_find(&tally, "votes", 5));
    tally_release(&tally);
}

static void beyond_the_bound_all_are_other(void **state)
{
    (void)state;
    struct tally tally;
    char name[16];
    tally_init(&tally, sizeof(uint64_t), 3);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 1000; i++) {
            snprintf(name, sizeof name, "%d", i);
            count(&tally, name);
        }
    assert_int_equal(tally.count, 4);
    assert_int_equal(counted(&tally, "2"), 2);
    assert_int_equal(counted(&tally, "other"), 2 * 997);
    assert_true(tally.numbers.count <= 6);
    tally_release(&tally);
}

static void a_name_that_is_other_is_the_same(void **state)
{
    (void)state;
    struct tally tally;
    tally_init(&tally, sizeof(uint64_t), 2);
    count(&tally, "other");
    count(&tally, "a");
    count(&tally, "b");
    count(&tally, "c");
    assert_int_equal(tally.count, 2);
    assert_int_equal(counted(&tally, "other"), 3);
    tally_release(&tally);
}

static void what_is_not_utf8_is_made_so_and_stays_one(void **state)
{
    (void)state;
    struct tally tally;
    tally_init(&tally, sizeof(uint64_t), 10);
    count(&tally, "\xff");
    count(&tally, "\xfe");
    count(&tally, "\xff");
    ++*(uint64_t *)tally_at(&tally, "a\0b", 3);
    assert_int_equal(tally.count, 2);
    assert_int_equal(counted(&tally, "\xef\xbf\xbd"), 3);
    assert_int_equal(counted(&tally, "a\xef\xbf\xbd"
                                     "b"),
                     1);
    tally_release(&tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_name_has_its_own),
        cmocka_unit_test(beyond_the_bound_all_are_other),
        cmocka_unit_test(a_name_that_is_other_is_the_same),
        cmocka_unit_test(what_is_not_utf8_is_made_so_and_stays_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
