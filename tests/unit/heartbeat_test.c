// SPDX-License-Identifier: MIT
// Tests of heartbeat.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/heartbeat.h"

enum { SLOTS = 1000 };

// Notes in `looks` how often each slot's turn came until `end`, ticking every `tick` milliseconds.
static void run(struct heartbeat *heartbeat, int64_t begin, int64_t end, int64_t tick, int *looks)
{
    uint32_t from, to;

    for (int64_t now = begin; now <= end; now += tick) {
        heartbeat_sweep(heartbeat, SLOTS, now, &from, &to);
        assert_true(from <= to && to <= SLOTS);
        for (; from < to; from++)
            looks[from]++;
    }
}

static void everyone_is_looked_at_once_an_interval(void **state)
{
    static const int64_t intervals[] = {200, 1000, 30000}, ticks[] = {1, 6, 7, 33, 250};

    (void)state;
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
        for (size_t j = 0; j < sizeof ticks / sizeof *ticks; j++) {
            struct heartbeat heartbeat;
            int looks[SLOTS] = {0};
            if (ticks[j] > intervals[i] / 4)
                continue;
            heartbeat_init(&heartbeat, intervals[i], 5);
            run(&heartbeat, 5, 5 + 10 * intervals[i], ticks[j], looks);
            for (int slot = 0; slot < SLOTS; slot++)
                assert_in_range(looks[slot], 9, 10);
        }
    }
}

static void a_tick_is_a_part_only(void **state)
{
    struct heartbeat heartbeat;
    uint32_t from, to;

    (void)state;
    heartbeat_init(&heartbeat, 30000, 0);
    heartbeat_sweep(&heartbeat, 30000, 1000, &from, &to);
    assert_int_equal(from, 0);
    assert_int_equal(to, 1000);
    heartbeat_sweep(&heartbeat, 30000, 1001, &from, &to);
    assert_int_equal(from, 1000);
    assert_int_equal(to, 1001);
    heartbeat_sweep(&heartbeat, 30000, 1001, &from, &to);
    assert_int_equal(from, to);
}

static void after_a_long_sleep_everyone_is_looked_at_once(void **state)
{
    struct heartbeat heartbeat;
    int looks[SLOTS] = {0};

    (void)state;
    heartbeat_init(&heartbeat, 1000, 0);
    run(&heartbeat, 3600000, 3600000, 1, looks);
    run(&heartbeat, 3600001, 3600010, 1, looks);
    for (int slot = 0; slot < SLOTS; slot++)
        assert_in_range(looks[slot], 1, slot < 20 ? 2 : 1);
}

static void newcomers_are_not_forgotten(void **state)
{
    struct heartbeat heartbeat;
    uint32_t from, to;

    (void)state;
    heartbeat_init(&heartbeat, 1000, 0);
    heartbeat_sweep(&heartbeat, 0, 500, &from, &to);
    assert_int_equal(from, to);
    heartbeat_sweep(&heartbeat, 1, 1000, &from, &to);
    assert_int_equal(from, 0);
    assert_int_equal(to, 1);
}

static void off_is_off(void **state)
{
    struct heartbeat heartbeat;
    uint32_t from, to;

    (void)state;
    heartbeat_init(&heartbeat, 0, 0);
    heartbeat_sweep(&heartbeat, SLOTS, 1000000, &from, &to);
    assert_int_equal(from, to);
}

static void two_silent_looks_end_it(void **state)
{
    struct pulse pulse = {.heard = true};

    (void)state;
    assert_int_equal(heartbeat_look(&pulse), HEARTBEAT_PING);
    assert_int_equal(heartbeat_look(&pulse), HEARTBEAT_PING);
    assert_int_equal(heartbeat_look(&pulse), HEARTBEAT_END);
}

static void any_sign_of_life_counts(void **state)
{
    struct pulse pulse = {0};

    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(heartbeat_look(&pulse), HEARTBEAT_PING);
        pulse.heard = true;
        assert_int_equal(heartbeat_look(&pulse), HEARTBEAT_PING);
    }
}

static void ticks_suit_the_interval(void **state)
{
    (void)state;
    assert_int_equal(heartbeat_tick(30000), 1000);
    assert_int_equal(heartbeat_tick(3600000), 1000);
    assert_int_equal(heartbeat_tick(200), 6);
    assert_int_equal(heartbeat_tick(10), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everyone_is_looked_at_once_an_interval),
        cmocka_unit_test(a_tick_is_a_part_only),
        cmocka_unit_test(after_a_long_sleep_everyone_is_looked_at_once),
        cmocka_unit_test(newcomers_are_not_forgotten),
        cmocka_unit_test(off_is_off),
        cmocka_unit_test(two_silent_looks_end_it),
        cmocka_unit_test(any_sign_of_life_counts),
        cmocka_unit_test(ticks_suit_the_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
