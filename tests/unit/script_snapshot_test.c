// SPDX-License-Identifier: MIT
// Tests of core/script/script_snapshot.c: what tables are asked for a topic.
#include "rowcast/script.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct script_limits LIMITS = {16 << 20, 1 << 20, SCRIPT_TIMEOUT};

struct fixture {
    char folder[64];
    struct script *script;
};

static int remove_entry(const char *path, const struct stat *status, int flag, struct FTW *where)
{
    (void)status, (void)flag, (void)where;
    return remove(path);
}

static int begin(void **state)
{
    char path[128];
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->folder, "/tmp/rowcast-snapshot-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(path, sizeof path, "%s/tables", fixture->folder);
    mkdir(path, 0755);
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    script_free(fixture->script);
    nftw(fixture->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

// A table script with an insert, and this as its snapshot.
static void write_table(const struct fixture *fixture, const char *table, const char *snapshot)
{
    char path[128];
    snprintf(path, sizeof path, "%s/tables/%s.lua", fixture->folder, table);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "return { insert = function(new) end, snapshot = %s }", snapshot);
    fclose(file);
}

static void load(struct fixture *fixture)
{
    struct fault fault;
    script_free(fixture->script);
    fixture->script = NULL;
    if (script_load(&fixture->script, fixture->folder, &LIMITS, &fault) != 0)
        fail_msg("%s", fault.text);
}

static void refused(struct fixture *fixture, const char *snapshot, const char *words)
{
    struct fault fault;
    struct script *script;
    write_table(fixture, "t", snapshot);
    if (script_load(&script, fixture->folder, &LIMITS, &fault) == 0)
        fail_msg("'%s' was taken", snapshot);
    if (!strstr(fault.text, words) || !strstr(fault.text, "/tables/t.lua:1: "))
        fail_msg("%s", fault.text);
    assert_int_equal(fault.code, EXIT_CONFIGURATION);
}

static struct script_queries *ask(struct fixture *fixture, const char *topic)
{
    char failure[512] = "";
    struct script_queries *queries =
        script_snapshot(fixture->script, topic, strlen(topic), failure, sizeof failure);
    if (!queries)
        fail_msg("%s", failure);
    return queries;
}

static void a_table_has_the_topic_as_its_argument(void **state)
{
    struct fixture *fixture = *state;
    write_table(fixture, "t", "{ where = 'a = $1', order = 'id', limit = 100, reverse = true }");
    load(fixture);
    struct script_queries *queries = ask(fixture, "market-1");
    assert_int_equal(queries->count, 1);
    const struct query *query = &queries->items[0];
    assert_string_equal(query->schema, "public");
    assert_string_equal(query->table, "t");
    assert_string_equal(query->where, "a = $1");
    assert_string_equal(query->order, "id");
    assert_int_equal(query->limit, 100);
    assert_true(query->reverse);
    assert_int_equal(query->argument_count, 1);
    assert_string_equal(query->arguments[0], "market-1");
    script_queries_free(queries);
}

static void a_function_chooses(void **state)
{
    struct fixture *fixture = *state;
    write_table(fixture, "depot.bays",
                "function(topic) local id = topic:match('^bay%-(.*)') "
                "if not id then return nil end "
                "return { where = 'id = $1 and $2 and n < $3 and o = $4', "
                "args = { id, true, 1.5, rowcast.null }, limit = 0 } end");
    load(fixture);
    struct script_queries *queries = ask(fixture, "market-1");
    assert_int_equal(queries->count, 0);
    script_queries_free(queries);
    queries = ask(fixture, "bay-7");
    const struct query *query = &queries->items[0];
    assert_string_equal(query->schema, "depot");
    assert_string_equal(query->table, "bays");
    assert_null(query->order);
    assert_int_equal(query->limit, 0);
    assert_false(query->reverse);
    assert_int_equal(query->argument_count, 4);
    assert_string_equal(query->arguments[0], "7");
    assert_string_equal(query->arguments[1], "t");
    assert_string_equal(query->arguments[2], "1.5");
    assert_null(query->arguments[3]);
    script_queries_free(queries);
}

static void a_function_may_want_all_rows(void **state)
{
    struct fixture *fixture = *state;
    write_table(fixture, "t", "function(topic) return {} end");
    load(fixture);
    struct script_queries *queries = ask(fixture, "x");
    assert_int_equal(queries->count, 1);
    assert_null(queries->items[0].where);
    assert_int_equal(queries->items[0].limit, QUERY_NO_LIMIT);
    assert_int_equal(queries->items[0].argument_count, 0);
    script_queries_free(queries);
}

static void tables_come_by_rank_then_name(void **state)
{
    struct fixture *fixture = *state;
    write_table(fixture, "b", "{ where = '$1', rank = 2 }");
    write_table(fixture, "d", "{ where = '$1' }");
    write_table(fixture, "a", "{ where = '$1', rank = 2 }");
    write_table(fixture, "c", "function() return { rank = -1.5 } end");
    write_table(fixture, "e", "nil");
    load(fixture);
    struct script_queries *queries = ask(fixture, "x");
    char order[8] = "";
    for (size_t i = 0; i < queries->count; i++)
        strcat(order, queries->items[i].table);
    assert_string_equal(order, "cdab");
    script_queries_free(queries);
}

static void mistakes_are_found_at_load(void **state)
{
    struct fixture *fixture = *state;
    refused(fixture, "7", "'snapshot' is a number; a table or a function is expected");
    refused(fixture, "{}", "must have a 'where' with $1 in it");
    refused(fixture, "{ where = 'a = 1' }", "must have a 'where' with $1 in it");
    refused(fixture, "{ where = 7 }", "has 'where' as a number");
    refused(fixture, "{ where = '' }", "not 1 to 4096 bytes");
    refused(fixture, "{ where = '$1', order = true }", "has 'order' as a boolean");
    refused(fixture, "{ where = '$1', limit = 1.5 }", "'limit' that is not a whole number");
    refused(fixture, "{ where = '$1', limit = -2 }", "'limit' that is not a whole number");
    refused(fixture, "{ where = '$1', limit = '9' }", "has 'limit' as a string");
    refused(fixture, "{ where = '$1', reverse = 1 }", "has 'reverse' as a number");
    refused(fixture, "{ where = '$1', rank = 0/0 }", "'rank' that is not a number");
    refused(fixture, "{ where = '$1', args = {} }", "args needs the form with a function");
    refused(fixture, "{ where = '$1', ordre = 'id' }", "has 'ordre', which is none of");
    refused(fixture, "{ '$1' }", "has '[number]', which is none of");
}

static void rows_need_an_insert(void **state)
{
    struct fixture *fixture = *state;
    char path[128];
    struct fault fault;
    struct script *script;
    snprintf(path, sizeof path, "%s/tables/t.lua", fixture->folder);
    FILE *file = fopen(path, "w");
    fputs("return { snapshot = { where = 'a = $1' } }", file);
    fclose(file);
    assert_int_equal(script_load(&script, fixture->folder, &LIMITS, &fault), -1);
    assert_non_null(strstr(fault.text, "it has 'snapshot' but no 'insert'"));
}

static void what_a_function_does_wrong_is_told_with_its_place(void **state)
{
    static const char *const wrong[][2] = {
        {"function() return 7 end", "the function returned a number; nil or a table"},
        {"function() return { whre = 'x' } end", "has 'whre'"},
        {"function() return { args = 7 } end", "has 'args' as a number"},
        {"function() return { args = { {} } } end", "has a table as an argument"},
        {"function() return { args = { 1/0 } } end", "an argument that is not finite"},
        {"function() return { args = { 'a\\0b' } } end", "with a NUL in it"},
        {"function(topic) return topic.x.y end", "attempt to index"},
        {"function() while true do end end", "ran for too long"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char failure[512] = "";
        write_table(fixture, "t", wrong[i][0]);
        load(fixture);
        assert_null(script_snapshot(fixture->script, "x", 1, failure, sizeof failure));
        if (!strstr(failure, wrong[i][1]) || !strstr(failure, "/tables/t.lua:1: "))
            fail_msg("%s: %s", wrong[i][0], failure);
    }
}

static void expect_message(void *user, const struct script_event *event)
{
    const char *expected = user;
    size_t size = strlen(expected), header = event->frame->size - size;
    assert_int_equal(header, size < 126 ? 2 : 4);
    assert_memory_equal(event->frame->bytes + header, expected, size);
    assert_string_equal(event->topics[0].name, "x");
    frame_unref(event->frame);
}

static void expect_no_failure(void *user, const struct change *change, const char *script,
                              const char *message)
{
    (void)user, (void)change, (void)script;
    fail_msg("%s", message);
}

static void rows_go_through_insert_and_say_what_they_are(void **state)
{
    struct fixture *fixture = *state;
    struct transaction *rows = transaction_new();
    struct relation *relation = relation_new(&rows->arena, "public", "t", 1);
    struct value value = {VALUE_TEXT, 1, "7"};
    struct row row = {relation, &value};
    struct event_id none = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/tables/t.lua", fixture->folder);
    FILE *file = fopen(path, "w");
    fputs("return { insert = function(new, ctx) local rows, reason = ctx.rows('t') "
          "return { type = 'e', topic = 'x', id = nil, row = new, op = ctx.op, rows = rows, "
          "why = reason:sub(1, 10) } end }",
          file);
    fclose(file);
    load(fixture);
    relation->columns[0] = (struct column){.name = "n", .name_size = 1, .type = COLUMN_INTEGER};
    rows->time = INT64_C(1762689600123000);
    struct change *change = transaction_add(rows);
    *change = (struct change){.op = CHANGE_SNAPSHOT, .relation = relation, .new_row = &row};
    char expected[] =
        "{\"type\":\"e\",\"snapshot\":true,\"timestamp\":\"2025-11-09T12:00:00.123Z\","
        "\"op\":\"snapshot\",\"row\":{\"n\":7},\"why\":\"a snapshot\"}";
    struct script_sink sink = {
        .event = expect_message, .failed = expect_no_failure, .user = expected};
    script_transaction(fixture->script, rows, &none, &sink);
    transaction_free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_table_has_the_topic_as_its_argument, begin, end),
        cmocka_unit_test_setup_teardown(a_function_chooses, begin, end),
        cmocka_unit_test_setup_teardown(a_function_may_want_all_rows, begin, end),
        cmocka_unit_test_setup_teardown(tables_come_by_rank_then_name, begin, end),
        cmocka_unit_test_setup_teardown(mistakes_are_found_at_load, begin, end),
        cmocka_unit_test_setup_teardown(rows_need_an_insert, begin, end),
        cmocka_unit_test_setup_teardown(rows_go_through_insert_and_say_what_they_are, begin, end),
        cmocka_unit_test_setup_teardown(what_a_function_does_wrong_is_told_with_its_place, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
