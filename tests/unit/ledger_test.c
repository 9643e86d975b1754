// SPDX-License-Identifier: MIT
// Tests of ledger.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rowcast/ledger.h"

static void assert_met(const struct ledger *ledger, uint64_t place, uint32_t expected)
{
    uint32_t met;
    assert_true(ledger_find(ledger, place, &met));
    assert_int_equal(met, expected);
}

static void what_was_noted_is_found(void **state)
{
    struct ledger *ledger = ledger_new();
    uint32_t met;
    (void)state;
    assert_false(ledger_find(ledger, 7, &met));
    ledger_note(ledger, 7, 3);
    ledger_note(ledger, 8, 0);
    assert_met(ledger, 7, 3);
    assert_met(ledger, 8, 0);
    assert_false(ledger_find(ledger, 9, &met));
    ledger_free(ledger);
}

static void topics_of_one_event_add_up(void **state)
{
    struct ledger *ledger = ledger_new();
    (void)state;
    ledger_note(ledger, 1, 3);
    ledger_note(ledger, 1, 4);
    assert_met(ledger, 1, 7);
    ledger_free(ledger);
}

static void the_newest_are_kept(void **state)
{
    struct ledger *ledger = ledger_new();
    uint32_t met;
    (void)state;
    for (uint64_t place = 1; place <= LEDGER_EVENTS + 1; place++)
        ledger_note(ledger, place, (uint32_t)place);
    assert_false(ledger_find(ledger, 1, &met));
    assert_met(ledger, 2, 2);
    assert_met(ledger, LEDGER_EVENTS + 1, LEDGER_EVENTS + 1);
    ledger_free(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_noted_is_found),
        cmocka_unit_test(topics_of_one_event_add_up),
        cmocka_unit_test(the_newest_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
