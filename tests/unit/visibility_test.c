// SPDX-License-Identifier: MIT
// Tests of core/base/visibility.c.
#include "rowcast/visibility.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/buffer.h"

static struct visibility parsed(const char *text)
{
    struct visibility visibility;
    assert_int_equal(visibility_parse(&visibility, text), 0);
    return visibility;
}

static void a_snapshot_sees_what_was_over_when_it_was_taken(void **state)
{
    struct visibility visibility = parsed("10:20:12,15,19");
    (void)state;
    for (uint32_t xid = 3; xid < 12; xid++)
        assert_true(visibility_sees(&visibility, xid));
    assert_false(visibility_sees(&visibility, 12));
    assert_true(visibility_sees(&visibility, 13));
    assert_true(visibility_sees(&visibility, 14));
    assert_false(visibility_sees(&visibility, 15));
    assert_true(visibility_sees(&visibility, 18));
    assert_false(visibility_sees(&visibility, 19));
    for (uint32_t xid = 20; xid < 40; xid++)
        assert_false(visibility_sees(&visibility, xid));
    visibility_release(&visibility);
}

static void nothing_may_run(void **state)
{
    struct visibility visibility = parsed("727:727:");
    (void)state;
    assert_true(visibility_sees(&visibility, 726));
    assert_false(visibility_sees(&visibility, 727));
    visibility_release(&visibility);
}

// What a server printed near the wrap: the stream's 4294967294, 4294967295 and 3 are the transactions
// 4294967294, 4294967295 and 4294967299.
static void numbers_of_32_bits_wrap(void **state)
{
    struct visibility before = parsed("4294967295:4294967296:4294967295");
    struct visibility behind = parsed("4294967300:4294967300:");
    struct visibility across = parsed("4294967294:4294967301:4294967294,4294967299");
    (void)state;
    assert_true(visibility_sees(&before, 4294967294));
    assert_false(visibility_sees(&before, 4294967295));
    assert_false(visibility_sees(&before, 3));
    assert_true(visibility_sees(&behind, 4294967295));
    assert_true(visibility_sees(&behind, 3));
    assert_false(visibility_sees(&behind, 4));
    assert_false(visibility_sees(&across, 4294967294));
    assert_true(visibility_sees(&across, 4294967295));
    assert_false(visibility_sees(&across, 3));
    assert_true(visibility_sees(&across, 4));
    assert_false(visibility_sees(&across, 5));
    visibility_release(&before);
    visibility_release(&behind);
    visibility_release(&across);
}

static void the_nearest_number_counts(void **state)
{
    struct visibility visibility = parsed("12884901988:12884901988:"); // 3 * 2^32 + 100
    (void)state;
    assert_true(visibility_sees(&visibility, 99));
    assert_false(visibility_sees(&visibility, 100));
    assert_true(visibility_sees(&visibility, 100 + (1u << 31) + 1));
    assert_false(visibility_sees(&visibility, 100 + (1u << 31) - 1));
    visibility_release(&visibility);
}

static void many_may_run(void **state)
{
    struct buffer text;
    (void)state;
    buffer_init(&text, 8 << 20);
    buffer_append_text(&text, "1000:2000000:");
    for (uint32_t xid = 1000; xid < 1000 + 2 * 262143; xid += 2)
        buffer_append_format(&text, "%s%u", xid > 1000 ? "," : "", xid);
    buffer_append_byte(&text, '\0');
    struct visibility visibility = parsed(text.bytes);
    for (uint32_t xid = 1000; xid < 1000 + 2 * 262143; xid += 2) {
        assert_false(visibility_sees(&visibility, xid));
        assert_true(visibility_sees(&visibility, xid + 1));
    }
    visibility_release(&visibility);
    buffer_release(&text);
}

static void too_many_are_refused(void **state)
{
    struct visibility visibility;
    struct buffer text;
    (void)state;
    buffer_init(&text, 8 << 20);
    buffer_append_text(&text, "1:9000000:1");
    for (uint32_t i = 2; i <= VISIBILITY_MAX_RUNNING + 1; i++)
        buffer_append_format(&text, ",%u", i);
    buffer_append_byte(&text, '\0');
    assert_int_equal(visibility_parse(&visibility, text.bytes), -EINVAL);
    buffer_release(&text);
}

static void what_no_server_prints_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        ":",
        "10",
        "10:20",
        "10:20:x",
        "x:20:",
        "10::",
        ":20:",
        "10:20:11,",
        "10:20:,11",
        "10:20:11,,12",
        "10:20:12,11",
        "20:10:",
        "10:20:9",
        "10:20:20",
        "10:20:11 ",
        " 10:20:11",
        "10:20:11:",
        "10:20:-11",
        "-10:20:11",
        "10:20:11,11",
        "10:20:0x11",
        "10,20,11",
        "10:20:11;12",
        "1e1:20:11",
        "10:20\n:",
        "+10:20:11",
        "10:20:11:12",
        "10:18446744073709551616:",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct visibility visibility;
        if (visibility_parse(&visibility, texts[i]) != -EINVAL)
            fail_msg("'%s' was taken", texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_sees_what_was_over_when_it_was_taken),
        cmocka_unit_test(nothing_may_run),
        cmocka_unit_test(numbers_of_32_bits_wrap),
        cmocka_unit_test(the_nearest_number_counts),
        cmocka_unit_test(many_may_run),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(what_no_server_prints_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
