// SPDX-License-Identifier: MIT
// Tests of core/source/window.c.
#include "rowcast/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define FAR_AWAY (UINT64_C(1) << 40)

static void nothing_is_let_go_before_its_time(void **state)
{
    struct window window;
    (void)state;
    window_init(&window, 10000, FAR_AWAY);
    assert_int_equal(window_held(&window, 500, 0), 0);
    window_add(&window, 100, 0);
    window_add(&window, 200, 1000);
    assert_int_equal(window_held(&window, 500, 9999), 0);
    assert_int_equal(window_held(&window, 500, 10000), 100);
    assert_int_equal(window_held(&window, 500, 10999), 100);
    assert_int_equal(window_held(&window, 500, 11000), 200);
    assert_int_equal(window_held(&window, 500, 99999), 200);
}

static void the_server_never_holds_more_than_the_bound(void **state)
{
    struct window window;
    (void)state;
    window_init(&window, 1000000, 1000);
    for (uint64_t lsn = 10; lsn <= 5000; lsn += 10) {
        window_add(&window, lsn, (int64_t)lsn);
        uint64_t held = window_held(&window, lsn, (int64_t)lsn);
        if (held)
            assert_true(lsn - held <= 1000);
    }
    assert_true(window_held(&window, 5000, 5000) >= 4000);
    assert_true(window_held(&window, 5000, 5000) <= 4030);
}

// Other tables' WAL moves the server on while nothing is delivered: what is delivered may be let go.
static void a_server_that_moves_on_alone_frees_what_was_delivered(void **state)
{
    struct window window;
    (void)state;
    window_init(&window, 1000000, 1000);
    window_add(&window, 100, 0);
    assert_int_equal(window_held(&window, 1100, 1), 0);
    assert_int_equal(window_held(&window, 1101, 1), 100);
}

static void an_idle_moment_does_not_throw_the_window_away(void **state)
{
    struct window window;
    (void)state;
    window_init(&window, 10000, FAR_AWAY);
    window_add(&window, 100, 0);
    window_add(&window, 90000, 5000); // a keepalive's position ages like a transaction's
    assert_int_equal(window_held(&window, 90000, 12000), 100);
    assert_int_equal(window_held(&window, 90000, 15000), 90000);
}

static void positions_only_ascend(void **state)
{
    struct window window;
    (void)state;
    window_init(&window, 1000, FAR_AWAY);
    window_add(&window, 200, 0);
    window_add(&window, 100, 500);
    assert_int_equal(window_held(&window, 300, 99999), 200);
}

// Against a list of everything that was added: never too early, and not much too late.
static void it_follows_both_bounds_over_a_long_time(void **state)
{
    enum { STEPS = 20000 };
    static uint64_t lsns[STEPS];
    static int64_t times[STEPS];
    struct window window;
    uint64_t lsn = 0, last = 0;
    int64_t now = 0;
    (void)state;
    srand(7);
    window_init(&window, 60000, 1 << 20);
    for (int i = 0; i < STEPS; i++) {
        lsns[i] = lsn += 1 + (uint64_t)(rand() % (i % 5000 < 2500 ? 200 : 20000));
        times[i] = now += rand() % 50;
        window_add(&window, lsn, now);
        uint64_t held = window_held(&window, lsn, now);
        assert_true(held >= last && held <= lsn);
        last = held;
        if (held == 0)
            continue;
        int at = i;
        while (lsns[at] > held)
            at--;
        bool old = now - times[at] >= 60000,
             far = lsn - held >= (1 << 20) - 2 * 20000 - (1 << 12) * 2;
        assert_true(old || far);
        assert_true(lsn - held <= (1 << 20));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_let_go_before_its_time),
        cmocka_unit_test(the_server_never_holds_more_than_the_bound),
        cmocka_unit_test(a_server_that_moves_on_alone_frees_what_was_delivered),
        cmocka_unit_test(an_idle_moment_does_not_throw_the_window_away),
        cmocka_unit_test(positions_only_ascend),
        cmocka_unit_test(it_follows_both_bounds_over_a_long_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
