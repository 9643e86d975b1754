// SPDX-License-Identifier: MIT
// Tests of event.c.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/event.h"

static const struct event_id sample = {0xdeadbeef, 1, 0x16b374d848, 0x2f1, 0xabcde, 3, 1};
static const char sample_text[] = "deadbeef-00000001-00000016b374d848-000002f1-abcde-00000003-0001";

static void ids_are_written_in_fixed_width(void **state)
{
    const struct event_id zero = {0};
    const struct event_id ones = {~0u, ~0u, ~0ull, ~0u, 0xfffff, ~0u, (uint16_t)~0u};
    char text[EVENT_ID_TEXT_SIZE];

    (void)state;
    event_id_text(&sample, text);
    assert_string_equal(text, sample_text);
    event_id_text(&zero, text);
    assert_string_equal(text, "00000000-00000000-0000000000000000-00000000-00000-00000000-0000");
    event_id_text(&ones, text);
    assert_string_equal(text, "ffffffff-ffffffff-ffffffffffffffff-ffffffff-fffff-ffffffff-ffff");
    assert_int_equal(strlen(text), EVENT_ID_TEXT_LENGTH);
}

static void ids_are_read_back(void **state)
{
    struct event_id id;

    (void)state;
    assert_int_equal(event_id_parse(sample_text, strlen(sample_text), &id), 0);
    assert_int_equal(id.epoch, sample.epoch);
    assert_int_equal(id.timeline, sample.timeline);
    assert_true(id.lsn == sample.lsn);
    assert_int_equal(id.xid, sample.xid);
    assert_int_equal(id.stamp, sample.stamp);
    assert_int_equal(id.change, sample.change);
    assert_int_equal(id.emit, sample.emit);
}

// Each place of the text takes its own kind of byte and no other.
static void anything_else_is_no_id(void **state)
{
    struct event_id id;
    char text[EVENT_ID_TEXT_SIZE + 1];

    (void)state;
    for (size_t at = 0; at < EVENT_ID_TEXT_LENGTH; at++) {
        for (int byte = 0; byte < 256; byte++) {
            bool hex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
            bool fits = sample_text[at] == '-' ? byte == '-' : hex;

            memcpy(text, sample_text, sizeof sample_text);
            text[at] = (char)byte;
            if ((event_id_parse(text, EVENT_ID_TEXT_LENGTH, &id) == 0) != fits)
                fail_msg("byte %02x at %zu", byte, at);
        }
    }
    for (size_t size = 0; size < EVENT_ID_TEXT_LENGTH; size++)
        assert_int_equal(event_id_parse(sample_text, size, &id), -EINVAL);
    memcpy(text, sample_text, sizeof sample_text);
    strcat(text, "0");
    assert_int_equal(event_id_parse(text, strlen(text), &id), -EINVAL);
    assert_int_equal(event_id_parse(NULL, 0, &id), -EINVAL);
}

static struct event_id random_id(void)
{
    return (struct event_id){
        .epoch = 7,
        .timeline = 1,
        .lsn = (uint64_t)(rand() % 3) << 33 | (uint64_t)(rand() % 3),
        .change = rand() % 4 == 0 ? EVENT_ID_LAST_CHANGE : (uint32_t)(rand() % 300),
        .emit = rand() % 4 == 0 ? EVENT_ID_LAST_EMIT : (uint16_t)(rand() % 300),
    };
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

// A transaction's xid is one with its lsn, so here the xid follows from it.
static void ids_sort_as_their_texts(void **state)
{
    (void)state;
    srand(3);
    for (int i = 0; i < 100000; i++) {
        struct event_id a = random_id(), b = random_id();
        char a_text[EVENT_ID_TEXT_SIZE], b_text[EVENT_ID_TEXT_SIZE];

        a.xid = (uint32_t)a.lsn * 977, b.xid = (uint32_t)b.lsn * 977;
        event_id_text(&a, a_text);
        event_id_text(&b, b_text);
        assert_int_equal(sign(event_id_compare(&a, &b)), sign(strcmp(a_text, b_text)));
    }
}

static void timeline_lsn_change_and_emit_order_ids(void **state)
{
    const struct event_id base = {1, 5, 5, 5, 5, 5, 5};
    struct event_id other = base;

    (void)state;
    assert_int_equal(event_id_compare(&base, &other), 0);
    other.epoch = 0, other.xid = 9, other.stamp = 9;
    assert_int_equal(event_id_compare(&base, &other), 0);
    other.emit = 6;
    assert_true(event_id_compare(&base, &other) < 0);
    other.change = 4;
    assert_true(event_id_compare(&base, &other) > 0);
    other.lsn = 6;
    assert_true(event_id_compare(&base, &other) < 0);
    other.timeline = 4;
    assert_true(event_id_compare(&base, &other) > 0);
}

static void a_position_is_no_event(void **state)
{
    struct event_id id = sample;

    (void)state;
    assert_false(event_id_is_position(&id));
    id.change = EVENT_ID_LAST_CHANGE;
    assert_false(event_id_is_position(&id));
    id.emit = EVENT_ID_LAST_EMIT;
    assert_true(event_id_is_position(&id));
}

static void a_lineage_says_where_a_commit_was(void **state)
{
    const struct lineage alone = {.timeline = 1};
    const struct lineage third = {7, 2, {{1, 100}, {4, 250}}};

    (void)state;
    assert_int_equal(lineage_at(&alone, 0), 1);
    assert_int_equal(lineage_at(&alone, UINT64_MAX), 1);
    assert_int_equal(lineage_at(&third, 0), 1);
    assert_int_equal(lineage_at(&third, 99), 1);
    assert_int_equal(lineage_at(&third, 100), 4);
    assert_int_equal(lineage_at(&third, 249), 4);
    assert_int_equal(lineage_at(&third, 250), 7);
}

static void type_hashes_never_change(void **state)
{
    (void)state;
    assert_true(event_type_hash("", 0) == 0xcbf29ce484222325u); // FNV-1a's published vectors
    assert_true(event_type_hash("a", 1) == 0xaf63dc4c8601ec8cu);
    assert_true(event_type_hash("foobar", 6) == 0x85944171f73967e8u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_written_in_fixed_width),
        cmocka_unit_test(ids_are_read_back),
        cmocka_unit_test(anything_else_is_no_id),
        cmocka_unit_test(ids_sort_as_their_texts),
        cmocka_unit_test(timeline_lsn_change_and_emit_order_ids),
        cmocka_unit_test(a_position_is_no_event),
        cmocka_unit_test(a_lineage_says_where_a_commit_was),
        cmocka_unit_test(type_hashes_never_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
