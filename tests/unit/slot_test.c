// SPDX-License-Identifier: MIT
// Tests of core/source/slot.c.
#include "rowcast/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)
#define LIMIT (100 * MIB)

// A slot that keeps so many MiB, of which so many are acknowledged.
static struct slot slot_of(enum slot_wal wal, uint64_t retained, uint64_t acknowledged)
{
    struct slot slot = {.wal = wal, .server = 1000 * MIB, .safe_bytes = -1, .seen = 1};
    slot.retained = retained * MIB;
    slot.restart = slot.server - slot.retained;
    slot.confirmed = slot.restart + acknowledged * MIB;
    return slot;
}

static enum slot_risk risk_of(enum slot_wal wal, uint64_t retained, enum slot_risk before)
{
    struct slot slot = slot_of(wal, retained, 0);
    return slot_risk(&slot, LIMIT, before);
}

static void risks_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(risk_of(SLOT_WAL_RESERVED, 1, SLOT_SAFE), SLOT_SAFE);
    assert_int_equal(risk_of(SLOT_WAL_RESERVED, 99, SLOT_SAFE), SLOT_SAFE);
    assert_int_equal(risk_of(SLOT_WAL_RESERVED, 100, SLOT_SAFE), SLOT_OVER_LIMIT);
    assert_int_equal(risk_of(SLOT_WAL_EXTENDED, 50, SLOT_SAFE), SLOT_EXTENDED);
    assert_int_equal(risk_of(SLOT_WAL_EXTENDED, 150, SLOT_SAFE), SLOT_OVER_LIMIT);
    assert_int_equal(risk_of(SLOT_WAL_UNRESERVED, 150, SLOT_OVER_LIMIT), SLOT_UNRESERVED);
    assert_int_equal(risk_of(SLOT_WAL_LOST, 0, SLOT_UNRESERVED), SLOT_LOST);
    assert_int_equal(risk_of(SLOT_WAL_UNKNOWN, 0, SLOT_SAFE), SLOT_SAFE);
}

static void around_the_limit_nothing_flickers(void **state)
{
    (void)state;
    assert_int_equal(risk_of(SLOT_WAL_RESERVED, 95, SLOT_OVER_LIMIT), SLOT_OVER_LIMIT);
    assert_int_equal(risk_of(SLOT_WAL_RESERVED, 90, SLOT_OVER_LIMIT), SLOT_OVER_LIMIT);
    assert_int_equal(risk_of(SLOT_WAL_RESERVED, 89, SLOT_OVER_LIMIT), SLOT_SAFE);
    assert_int_equal(risk_of(SLOT_WAL_RESERVED, 95, SLOT_SAFE), SLOT_SAFE);
}

static void the_server_s_words_are_read(void **state)
{
    (void)state;
    assert_int_equal(slot_wal_parse(NULL), SLOT_WAL_UNKNOWN);
    assert_int_equal(slot_wal_parse("reserved"), SLOT_WAL_RESERVED);
    assert_int_equal(slot_wal_parse("extended"), SLOT_WAL_EXTENDED);
    assert_int_equal(slot_wal_parse("unreserved"), SLOT_WAL_UNRESERVED);
    assert_int_equal(slot_wal_parse("lost"), SLOT_WAL_LOST);
    assert_int_equal(slot_wal_parse("new in 2040"), SLOT_WAL_UNKNOWN);
}

static void expect_of(const struct slot *slot, enum slot_risk risk, const struct slot_terms *terms,
                      const char *sentence)
{
    struct buffer text;
    buffer_init(&text, 4096);
    slot_explain(slot, risk, terms, &text);
    buffer_append_byte(&text, '\0');
    assert_string_equal(text.bytes, sentence);
    buffer_release(&text);
}

static void expect(const struct slot *slot, enum slot_risk risk, bool read, const char *sentence)
{
    struct slot_terms terms = {"s", LIMIT, 20 * MIB, read, false};
    expect_of(slot, risk, &terms, sentence);
}

static void a_slot_that_nobody_reads(void **state)
{
    (void)state;
    struct slot slot = slot_of(SLOT_WAL_RESERVED, 150, 0);
    expect(&slot, SLOT_OVER_LIMIT, false,
           "The replication slot \"s\" makes the server keep 150.0 MiB of WAL, and slot_limit is "
           "100.0 MiB. Nobody reads it. Start the router, or, if the slot is not needed, remove it "
           "with: rowcast db drop");
}

static void one_that_an_open_transaction_holds(void **state)
{
    (void)state;
    struct slot slot = slot_of(SLOT_WAL_EXTENDED, 150, 149);
    slot.safe_bytes = 5 * MIB;
    strcpy(slot.holder, "the transaction of PID 7 (user u)");
    strcpy(slot.remedy, "SELECT pg_terminate_backend(7);");
    expect(&slot, SLOT_EXTENDED, true,
           "The replication slot \"s\" makes the server keep 150.0 MiB of WAL, more than "
           "max_wal_size (it is lost when further 5.0 MiB are written). It holds what the "
           "transaction of PID 7 (user u) has written. Let that end, or end it with: SELECT "
           "pg_terminate_backend(7);");
    slot.holder[0] = '\0';
    slot.safe_bytes = -1;
    expect(&slot, SLOT_EXTENDED, true,
           "The replication slot \"s\" makes the server keep 150.0 MiB of WAL, more than "
           "max_wal_size. Its reader has acknowledged nearly all of it, and no transaction is "
           "open: the server lets go of it by itself, at once with: CHECKPOINT;");
}

static void one_whose_reader_is_behind(void **state)
{
    (void)state;
    struct slot slot = slot_of(SLOT_WAL_UNRESERVED, 150, 10);
    slot.lag_bytes = 120 * MIB;
    expect(&slot, SLOT_UNRESERVED, true,
           "The replication slot \"s\" makes the server keep 150.0 MiB of WAL, more than "
           "max_slot_wal_keep_size allows: it is lost at the next checkpoint. The router is 120.0 "
           "MiB behind. Look whether that shrinks with: rowcast db status; if it does not, more is "
           "written than scripts and network can take");
}

static void one_whose_reader_stands_still(void **state)
{
    (void)state;
    struct slot slot = slot_of(SLOT_WAL_RESERVED, 150, 10);
    struct slot_terms terms = {"s", LIMIT, 20 * MIB, true, true};
    slot.lag_bytes = 120 * MIB;
    expect_of(
        &slot, SLOT_OVER_LIMIT, &terms,
        "The replication slot \"s\" makes the server keep 150.0 MiB of WAL, and slot_limit is "
        "100.0 MiB. The stream is held at a row whose script fails. Mend the script and "
        "reload it (kill -HUP), or start with --on-error skip");
}

static void one_that_is_held_back_for_a_restart(void **state)
{
    (void)state;
    struct slot slot = slot_of(SLOT_WAL_RESERVED, 150, 10);
    slot.lag_bytes = 1;
    expect(&slot, SLOT_OVER_LIMIT, true,
           "The replication slot \"s\" makes the server keep 150.0 MiB of WAL, and slot_limit is "
           "100.0 MiB. The router holds 140.0 MiB of it back for a restart (replay_wal is 20.0 "
           "MiB). Let it hold less with --replay-wal (ROWCAST_REPLAY_WAL), or allow more with "
           "--slot-limit (ROWCAST_SLOT_LIMIT)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(risks_are_told_apart),
        cmocka_unit_test(around_the_limit_nothing_flickers),
        cmocka_unit_test(the_server_s_words_are_read),
        cmocka_unit_test(a_slot_that_nobody_reads),
        cmocka_unit_test(one_that_an_open_transaction_holds),
        cmocka_unit_test(one_whose_reader_is_behind),
        cmocka_unit_test(one_whose_reader_stands_still),
        cmocka_unit_test(one_that_is_held_back_for_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
