// SPDX-License-Identifier: MIT
// Tests of core/app/guard.c.
#include "rowcast/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MIB (INT64_C(1) << 20)

struct fixture {
    struct guard guard;
    struct health health;
    struct slot slot;
};

static int begin(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    guard_init(&fixture.guard, "s", 100 * MIB, 10 * MIB);
    *state = &fixture;
    return 0;
}

// Another answer of the server: so many MiB are kept.
static bool seen(struct fixture *fixture, enum slot_wal wal, uint64_t retained)
{
    fixture->slot.wal = wal;
    fixture->slot.retained = retained * MIB;
    fixture->slot.seen++;
    return guard_look(&fixture->guard, &fixture->slot, &fixture->health);
}

static void nothing_is_said_of_what_was_never_seen(void **state)
{
    struct fixture *fixture = *state;
    assert_false(guard_look(&fixture->guard, &fixture->slot, &fixture->health));
    assert_string_equal(fixture->health.slot, "");
}

static void what_lasts_is_said_until_it_is_over(void **state)
{
    struct fixture *fixture = *state;
    assert_true(seen(fixture, SLOT_WAL_RESERVED, 1));
    assert_string_equal(fixture->health.slot, "ok");
    assert_false(seen(fixture, SLOT_WAL_RESERVED, 150));
    assert_false(guard_look(&fixture->guard, &fixture->slot, &fixture->health)); // the same answer
    assert_true(seen(fixture, SLOT_WAL_RESERVED, 150));
    assert_true(fixture->health.slot_risky);
    assert_non_null(strstr(fixture->health.slot, "150.0 MiB"));
    assert_true(seen(fixture, SLOT_WAL_RESERVED, 160)); // the figures are kept up
    assert_non_null(strstr(fixture->health.slot, "160.0 MiB"));
    assert_false(seen(fixture, SLOT_WAL_RESERVED, 160));
    assert_true(seen(fixture, SLOT_WAL_RESERVED, 1));
    assert_false(fixture->health.slot_risky);
    assert_string_equal(fixture->health.slot, "ok");
}

static void what_is_over_at_once_is_not(void **state)
{
    struct fixture *fixture = *state;
    seen(fixture, SLOT_WAL_RESERVED, 1);
    for (int i = 0; i < 10; i++) {
        assert_false(seen(fixture, SLOT_WAL_RESERVED, 150));
        assert_false(seen(fixture, SLOT_WAL_RESERVED, 1));
    }
}

static void a_slot_about_to_be_lost_is_said_at_once(void **state)
{
    struct fixture *fixture = *state;
    assert_true(seen(fixture, SLOT_WAL_UNRESERVED, 50));
    assert_true(fixture->health.slot_risky);
    assert_true(seen(fixture, SLOT_WAL_LOST, 0));
    assert_string_equal(fixture->health.slot, "lost");
}

static void what_is_extended_does_not_degrade(void **state)
{
    struct fixture *fixture = *state;
    seen(fixture, SLOT_WAL_EXTENDED, 50);
    assert_true(seen(fixture, SLOT_WAL_EXTENDED, 50));
    assert_false(fixture->health.slot_risky);
    assert_non_null(strstr(fixture->health.slot, "more than max_wal_size"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_is_said_of_what_was_never_seen, begin),
        cmocka_unit_test_setup(what_lasts_is_said_until_it_is_over, begin),
        cmocka_unit_test_setup(what_is_over_at_once_is_not, begin),
        cmocka_unit_test_setup(a_slot_about_to_be_lost_is_said_at_once, begin),
        cmocka_unit_test_setup(what_is_extended_does_not_degrade, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
