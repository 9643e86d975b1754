// SPDX-License-Identifier: MIT
// Tests of core/app/failures.c: what is said of failing rows, and how often.
#include "rowcast/failures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rowcast/flood.h"
#include "rowcast/log.h"

struct fixture {
    struct failures failures;
    struct transaction *transaction;
    int saved, file; // standard error goes into the file
};

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    char name[] = "/tmp/rowcast-failures-XXXXXX";
    failures_init(&fixture->failures);
    fixture->transaction = transaction_new();
    fixture->transaction->lsn = 0x16B3748;
    fixture->transaction->xid = 731;
    log_setup(LOG_INFO, true);
    fixture->file = mkstemp(name);
    unlink(name);
    fixture->saved = dup(STDERR_FILENO);
    dup2(fixture->file, STDERR_FILENO);
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    dup2(fixture->saved, STDERR_FILENO);
    close(fixture->saved);
    close(fixture->file);
    failures_release(&fixture->failures);
    transaction_free(fixture->transaction);
    free(fixture);
    return 0;
}

static char text[1 << 20];

// What was said since the last call.
static const char *said(struct fixture *fixture)
{
    ssize_t size = pread(fixture->file, text, sizeof text - 1, 0);
    text[size < 0 ? 0 : size] = '\0';
    ftruncate(fixture->file, 0);
    lseek(fixture->file, 0, SEEK_SET);
    return text;
}

static int lines(const char *log)
{
    int count = 0;
    for (; *log; log++)
        count += *log == '\n';
    return count;
}

static void fail_with(struct fixture *fixture, const struct change *change, const char *message,
                      int times)
{
    for (int i = 0; i < times; i++)
        failures_add(&fixture->failures, change, "s/tables/t.lua", message);
}

static struct change row_change(struct arena *arena, const char *keys)
{
    static const struct value values[] = {{VALUE_TEXT, 1, "7"}, {VALUE_TEXT, 1, "8"}};
    struct relation *relation = relation_new(arena, "public", "t", 2);
    relation->columns[0] = (struct column){.name = "id", .name_size = 2, .key = keys[0] == '*'};
    relation->columns[1] = (struct column){.name = "n", .name_size = 1, .key = keys[1] == '*'};
    struct row *row = arena_new(arena, sizeof *row);
    *row = (struct row){relation, values};
    return (struct change){.op = CHANGE_UPDATE, .index = 3, .relation = relation, .new_row = row};
}

static void says(struct fixture *fixture, const char *log, const char *part)
{
    dup2(fixture->saved, STDERR_FILENO);
    if (!strstr(log, part))
        fail_msg("'%s' is not in: %s", part, log);
    dup2(fixture->file, STDERR_FILENO);
}

static void the_row_is_named(void **state)
{
    struct fixture *fixture = *state;
    static const char *const cases[][2] = {{"* ", "\"key\":\"id=7\""},
                                           {" *", "\"key\":\"n=8\""},
                                           {"**", "\"key\":\"id=7\""},
                                           {"  ", "\"key\":\"id=7\""}};
    for (int i = 0; i < 4; i++) {
        char message[64];
        struct change change = row_change(&fixture->transaction->arena, cases[i][0]);
        snprintf(message, sizeof message, "s/tables/t.lua:%d: no\ntraceback", i + 1);
        failures_begin(&fixture->failures, fixture->transaction, false, 0);
        fail_with(fixture, &change, message, 1);
        const char *log = said(fixture);
        says(fixture, log, cases[i][1]);
        says(fixture, log, "\"table\":\"public.t\",\"op\":\"update\"");
        says(fixture, log, "\"lsn\":\"0/16B3748\",\"xid\":731,\"change\":3");
        says(fixture, log,
             ": no; this row made no event; ROWCAST_FAILED=FILE keeps such rows, for a spec\"");
    }
}

static void the_command_for_a_spec_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct change change = row_change(&fixture->transaction->arena, "* ");
    fixture->failures.spec = "rowcast new spec --from f.jsonl";
    failures_begin(&fixture->failures, fixture->transaction, true, 0);
    fail_with(fixture, &change, "t.lua:1: no", 1);
    says(fixture, said(fixture), "; as a spec: rowcast new spec --from f.jsonl:0/16B3748\"");
}

static void each_line_that_raises_is_said_on_its_own(void **state)
{
    struct fixture *fixture = *state;
    struct change change = row_change(&fixture->transaction->arena, "* ");
    failures_begin(&fixture->failures, fixture->transaction, true, 0);
    fail_with(fixture, &change, "s/tables/t.lua:1: bad 7", 100);
    fail_with(fixture, &change, "s/lib/x.lua:1: bad", 100);
    fail_with(fixture, &change, "without a place\nstack traceback:\n\ts/tables/t.lua:5: in", 100);
    assert_int_equal(lines(said(fixture)), 9);
    assert_int_equal(fixture->failures.total, 300);
    failures_tick(&fixture->failures, 1000);
    const char *log = said(fixture);
    assert_int_equal(lines(log), 3);
    says(fixture, log, "s/tables/t.lua:1: and 97 more rows failed within 1 s");
    says(fixture, log, "s/tables/t.lua: and 97 more");
}

static void many_places_are_few_lines(void **state)
{
    struct fixture *fixture = *state;
    struct change change = row_change(&fixture->transaction->arena, "* ");
    failures_begin(&fixture->failures, fixture->transaction, false, 0);
    for (int i = 0; i < 4 * FLOODS_MAX_PLACES; i++) {
        char message[64];
        snprintf(message, sizeof message, "s/tables/t.lua:%d: bad", i);
        fail_with(fixture, &change, message, 1);
    }
    assert_int_equal(lines(said(fixture)), FLOODS_MAX_PLACES + FLOOD_LINES);
}

static void a_transaction_tells_all_of_its_failures(void **state)
{
    struct fixture *fixture = *state;
    struct change change = row_change(&fixture->transaction->arena, "* ");
    failures_begin(&fixture->failures, fixture->transaction, false, 0);
    assert_null(failures_end(&fixture->failures));
    failures_begin(&fixture->failures, fixture->transaction, false, 0);
    fail_with(fixture, &change, "t.lua:1: \"a\"\ntraceback", 1);
    fail_with(fixture, &change, "t.lua:2: b", 1);
    assert_string_equal(failures_end(&fixture->failures),
                        "[{\"change\":3,\"message\":\"t.lua:1: \\\"a\\\"\"},"
                        "{\"change\":3,\"message\":\"t.lua:2: b\"}]");
    assert_string_equal(failures_first(&fixture->failures), "t.lua:1: \"a\"");
}

static void so_many_that_they_do_not_fit_are_cut_between_two(void **state)
{
    struct fixture *fixture = *state;
    struct change change = row_change(&fixture->transaction->arena, "* ");
    failures_begin(&fixture->failures, fixture->transaction, false, 0);
    fail_with(fixture, &change, "t.lua:1: a", 10000);
    const char *json = failures_end(&fixture->failures);
    assert_in_range(strlen(json), 60000, 65536);
    assert_string_equal(json + strlen(json) - 3, "\"}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_row_is_named, begin, end),
        cmocka_unit_test_setup_teardown(the_command_for_a_spec_is_named, begin, end),
        cmocka_unit_test_setup_teardown(each_line_that_raises_is_said_on_its_own, begin, end),
        cmocka_unit_test_setup_teardown(many_places_are_few_lines, begin, end),
        cmocka_unit_test_setup_teardown(a_transaction_tells_all_of_its_failures, begin, end),
        cmocka_unit_test_setup_teardown(so_many_that_they_do_not_fit_are_cut_between_two, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
