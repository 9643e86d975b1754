// SPDX-License-Identifier: MIT
// Tests of core/app/failed.c: each transaction once, whole or not at all, and never too much.
#include "rowcast/failed.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rowcast/log.h"

#define FAILURES "[{\"change\":0,\"message\":\"x.lua:1: no\"}]"

struct fixture {
    char folder[64], path[96];
    struct failed *failed;
    struct fault fault;
};

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->folder, "/tmp/rowcast-failed-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof fixture->path, "%s/rows", fixture->folder);
    log_setup(LOG_ERROR + 1, true); // what is said is for people
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    failed_close(fixture->failed);
    unlink(fixture->path);
    rmdir(fixture->folder);
    free(fixture);
    return 0;
}

static void open_file(struct fixture *fixture)
{
    failed_close(fixture->failed);
    if (failed_open(&fixture->failed, fixture->path, &fixture->fault) != 0)
        fail_msg("%s", fixture->fault.text);
}

static void write_message(struct fixture *fixture, uint64_t lsn, const char *content, size_t size)
{
    struct transaction *transaction = transaction_new();
    struct change *change = transaction_add(transaction);
    transaction->lsn = lsn;
    transaction->whole = transaction->last = true;
    change->op = CHANGE_MESSAGE;
    change->prefix = "rowcast";
    change->content = content;
    change->content_size = size;
    failed_write(fixture->failed, transaction, FAILURES);
    transaction_free(transaction);
}

static off_t size_of(const struct fixture *fixture)
{
    struct stat status;
    assert_int_equal(stat(fixture->path, &status), 0);
    return status.st_size;
}

static void put(const struct fixture *fixture, const char *bytes, size_t size)
{
    FILE *file = fopen(fixture->path, "w");
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void a_transaction_is_a_line(void **state)
{
    struct fixture *fixture = *state;
    char text[512] = "";
    open_file(fixture);
    write_message(fixture, 0x100000002, "a", 1);
    FILE *file = fopen(fixture->path, "r");
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_string_equal(text, "{\"lsn\":\"1/2\",\"xid\":0,\"time\":\"1970-01-01T00:00:00.000Z\","
                              "\"failed\":" FAILURES ",\"changes\":[{\"op\":\"message\","
                              "\"prefix\":\"rowcast\",\"content\":\"a\"}]}\n");
}

static void it_gets_in_once_also_over_restarts(void **state)
{
    struct fixture *fixture = *state;
    open_file(fixture);
    write_message(fixture, 1, "a", 1);
    off_t size = size_of(fixture);
    write_message(fixture, 1, "a", 1);
    open_file(fixture);
    write_message(fixture, 1, "a", 1);
    assert_int_equal(size_of(fixture), size);
    write_message(fixture, 2, "a", 1);
    assert_int_equal(size_of(fixture), 2 * size);
    assert_int_equal(failed_missing(fixture->failed), 0);
}

static void beyond_its_size_nothing_gets_in(void **state)
{
    struct fixture *fixture = *state;
    size_t size = FAILED_MAX_SIZE - 400;
    char *line = malloc(size);
    memset(line, ' ', size);
    line[0] = '{';
    line[size - 1] = '\n';
    put(fixture, line, size);
    free(line);
    open_file(fixture);
    write_message(fixture, 1, "a", 1);
    write_message(fixture, 2, "a", 1);
    write_message(fixture, 3, "a", 1);
    assert_true(size_of(fixture) <= FAILED_MAX_SIZE);
    assert_true(size_of(fixture) > (off_t)size);
    assert_true(failed_missing(fixture->failed) >= 1);
    truncate(fixture->path, 0); // somebody made room
    write_message(fixture, 4, "a", 1);
    assert_true(size_of(fixture) > 0);
}

// As on a full disk: a part would fit.
static void what_cannot_be_written_leaves_no_part(void **state)
{
    struct fixture *fixture = *state;
    char content[4096];
    memset(content, 'x', sizeof content);
    open_file(fixture);
    write_message(fixture, 1, "a", 1);
    off_t size = size_of(fixture);
    struct rlimit all, limit;
    getrlimit(RLIMIT_FSIZE, &all);
    limit = (struct rlimit){(rlim_t)size + 1000, all.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    write_message(fixture, 2, content, sizeof content);
    setrlimit(RLIMIT_FSIZE, &all);
    assert_int_equal(size_of(fixture), size);
    assert_int_equal(failed_missing(fixture->failed), 1);
    write_message(fixture, 2, content, sizeof content);
    assert_true(size_of(fixture) > size + 4096);
}

static void what_is_no_file_of_ours_is_not_touched(void **state)
{
    struct fixture *fixture = *state;
    const char *const texts[] = {"notes", "notes\n", "{\"lsn\":1}\nno"};
    for (int i = 0; i < 3; i++) {
        put(fixture, texts[i], strlen(texts[i]));
        assert_int_equal(failed_open(&fixture->failed, fixture->path, &fixture->fault), -1);
        assert_int_equal(fixture->fault.code, EXIT_CONFIGURATION);
        assert_int_equal(size_of(fixture), strlen(texts[i]));
    }
}

static void a_torn_end_goes(void **state)
{
    struct fixture *fixture = *state;
    static const char text[] = "{\"lsn\":\"0/1\"}\n{\"ls";
    put(fixture, text, sizeof text - 1);
    open_file(fixture);
    assert_int_equal(size_of(fixture), strchr(text, '\n') + 1 - text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_transaction_is_a_line, begin, end),
        cmocka_unit_test_setup_teardown(it_gets_in_once_also_over_restarts, begin, end),
        cmocka_unit_test_setup_teardown(beyond_its_size_nothing_gets_in, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_leaves_no_part, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_file_of_ours_is_not_touched, begin, end),
        cmocka_unit_test_setup_teardown(a_torn_end_goes, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
