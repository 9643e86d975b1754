// SPDX-License-Identifier: MIT
// Tests of core/base/floods.c: which floods are told apart.
#include "rowcast/floods.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/flood.h"

static bool says(struct floods *floods, const char *kind, const char *message)
{
    return floods_say(floods, kind, message, floods_place(message), FLOOD_LINES, 0);
}

static void add(void *user, const char *kind, const char *place, uint64_t count,
                int64_t milliseconds)
{
    (void)kind, (void)place, (void)milliseconds;
    *(uint64_t *)user += count;
}

static uint64_t told(struct floods *floods, int64_t now)
{
    uint64_t sum = 0;
    floods_tick(floods, now, add, &sum);
    return sum;
}

static void a_place_is_what_names_a_line(void **state)
{
    (void)state;
    assert_int_equal(floods_place("tables/a.lua:12: no"), strlen("tables/a.lua:12"));
    assert_int_equal(floods_place("a:b.lua:3: no"), strlen("a:b.lua:3"));
    assert_int_equal(floods_place("no\na.lua:3: no"), 0);
    assert_int_equal(floods_place(""), 0);
}

static void places_and_kinds_are_told_apart(void **state)
{
    (void)state;
    struct floods floods = {0};
    for (int i = 0; i < FLOOD_LINES; i++)
        assert_true(says(&floods, "a", "x.lua:1: no"));
    assert_false(says(&floods, "a", "x.lua:1: no"));
    assert_true(says(&floods, "a", "x.lua:2: no"));
    assert_true(says(&floods, "b", "x.lua:1: no"));
    assert_true(says(&floods, "a", "no"));
    assert_int_equal(told(&floods, FLOOD_FIRST_INTERVAL), 1);
    assert_int_equal(told(&floods, FLOOD_FIRST_INTERVAL), 0);
    floods_release(&floods);
}

static void places_that_never_end_are_bounded(void **state)
{
    (void)state;
    struct floods floods = {0};
    char message[32];
    int said = 0;
    for (int i = 0; i < 10000; i++) {
        snprintf(message, sizeof message, "x:%d: no", i);
        said += says(&floods, "a", message);
    }
    assert_int_equal(said, FLOODS_MAX_PLACES + FLOOD_LINES);
    assert_int_equal(told(&floods, FLOOD_FIRST_INTERVAL), 10000 - said);
    floods_release(&floods);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_what_names_a_line),
        cmocka_unit_test(places_and_kinds_are_told_apart),
        cmocka_unit_test(places_that_never_end_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
