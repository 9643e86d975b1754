// SPDX-License-Identifier: MIT
// The epoch of a stream's ids.
#include "rowcast/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rowcast/recorded.h"

static uint32_t epoch(const char *a, const char *b)
{
    const char *const parts[] = {a, b};
    return source_epoch(parts, 2);
}

static void epochs_differ_with_every_part(void **state)
{
    (void)state;
    assert_int_equal(epoch("7711", "rowcast"), epoch("7711", "rowcast"));
    assert_int_not_equal(epoch("7711", "rowcast"), epoch("7712", "rowcast"));
    assert_int_not_equal(epoch("7711", "rowcast"), epoch("7711", "other"));
    assert_int_not_equal(epoch("a", "bc"), epoch("ab", "c"));
    assert_int_not_equal(epoch("a", "b"), epoch("b", "a"));
}

// Clients keep ids across upgrades of rowcast: the hash may never change.
static void epochs_are_the_same_in_every_version(void **state)
{
    (void)state;
    assert_int_equal(epoch("7711", "rowcast"), 0x028660d5);
    assert_int_equal(recorded_identity().epoch, 0x577aff2f);
    assert_int_equal(recorded_identity().lineage.timeline, 0);
    assert_int_equal(recorded_identity().lsn, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(epochs_differ_with_every_part),
        cmocka_unit_test(epochs_are_the_same_in_every_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
