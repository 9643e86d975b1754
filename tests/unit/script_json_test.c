// SPDX-License-Identifier: MIT
// Tests of core/script/json_read.c and json_write.c, as a script meets them.
#include "rowcast/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char folder[64];
    struct script *script;
    char json[16384]; // what the last event says as `v`, or the failure
};

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    char path[96];
    strcpy(fixture->folder, "/tmp/rowcast-script-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(path, sizeof path, "%s/tables", fixture->folder);
    mkdir(path, 0755);
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    char path[96];
    script_free(fixture->script);
    snprintf(path, sizeof path, "%s/tables/t.lua", fixture->folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/tables", fixture->folder);
    rmdir(path);
    rmdir(fixture->folder);
    free(fixture);
    return 0;
}

static void keep_event(void *user, const struct script_event *event)
{
    struct fixture *fixture = user;
    int length = event->frame->bytes[1] & 127;
    size_t header = length < 126 ? 2 : length == 126 ? 4 : 10, size = event->frame->size - header;
    assert_true(size < sizeof fixture->json);
    memcpy(fixture->json, event->frame->bytes + header, size);
    fixture->json[size] = '\0';
    frame_unref(event->frame);
    char *value = strstr(fixture->json, "\"v\":");
    if (value) {
        memmove(fixture->json, value + 4, strlen(value + 4) + 1);
        fixture->json[strlen(fixture->json) - 1] = '\0';
    } else {
        strcpy(fixture->json, "nil");
    }
}

static void keep_failure(void *user, const struct change *change, const char *script,
                         const char *message)
{
    (void)change, (void)script;
    struct fixture *fixture = user;
    snprintf(fixture->json, sizeof fixture->json, "%s", message);
}

static void load_body(struct fixture *fixture, const char *body)
{
    char path[96];
    struct fault fault;
    struct script_limits limits = {16 << 20, 64 << 10, SCRIPT_TIMEOUT};
    snprintf(path, sizeof path, "%s/tables/t.lua", fixture->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "return { insert = function(new) %s end }", body);
    fclose(file);
    script_free(fixture->script);
    fixture->script = NULL;
    if (script_load(&fixture->script, fixture->folder, &limits, &fault) != 0)
        fail_msg("%s", fault.text);
}

// Runs a row whose json column `v` is this, and returns the `v` of the event.
static const char *of_row(struct fixture *fixture, const char *json)
{
    struct transaction *transaction = transaction_new();
    struct relation *relation = relation_new(&transaction->arena, "public", "t", 1);
    relation->columns[0] = (struct column){.name = "v", .name_size = 1, .type = COLUMN_JSON};
    struct value value = {VALUE_TEXT, (uint32_t)strlen(json), json};
    struct row row = {relation, &value};
    struct change *change = transaction_add(transaction);
    change->op = CHANGE_INSERT;
    change->relation = relation;
    change->new_row = &row;
    transaction->whole = transaction->last = true;
    struct event_id base = {.epoch = 1};
    struct script_sink sink = {.event = keep_event, .failed = keep_failure, .user = fixture};
    strcpy(fixture->json, "no event");
    script_transaction(fixture->script, transaction, &base, &sink);
    transaction_free(transaction);
    return fixture->json;
}

static const char *of_body(struct fixture *fixture, const char *json, const char *body)
{
    load_body(fixture, body);
    return of_row(fixture, json);
}

// The JSON of a Lua expression.
static const char *written(struct fixture *fixture, const char *expression)
{
    char body[2048];
    snprintf(body, sizeof body, "return { type = 't', topic = 'x', v = %s }", expression);
    return of_body(fixture, "null", body);
}

// The JSON of a json column that was read.
static const char *read_back(struct fixture *fixture, const char *json)
{
    return of_body(fixture, json, "return { type = 't', topic = 'x', v = new.v }");
}

static void writes(struct fixture *fixture, const char *expression, const char *json)
{
    assert_string_equal(written(fixture, expression), json);
}

static void reads(struct fixture *fixture, const char *json, const char *expected)
{
    assert_string_equal(read_back(fixture, json), expected);
}

static void complains(const char *failure, const char *sentence)
{
    if (!strstr(failure, sentence))
        fail_msg("'%s' is not in: %s", sentence, failure);
}

// ---- numbers ----

static void integers_have_no_exponent_up_to_2_to_the_53(void **state)
{
    writes(*state, "0", "0");
    writes(*state, "-1", "-1");
    writes(*state, "1e15", "1000000000000000");
    writes(*state, "2^53", "9007199254740992");
    writes(*state, "-2^53", "-9007199254740992");
    writes(*state, "2^53 - 1", "9007199254740991");
    writes(*state, "-0", "0");
    writes(*state, "1e20", "1e+20");
}

static void other_numbers_are_the_shortest_that_reads_back(void **state)
{
    writes(*state, "0.1", "0.1");
    writes(*state, "0.1 + 0.2", "0.30000000000000004");
    writes(*state, "1 / 3", "0.3333333333333333");
    writes(*state, "-2.5e-7", "-2.5e-07");
    writes(*state, "1e300", "1e+300");
    writes(*state, "2^53 + 2", "9007199254740994");
    writes(*state, "5e-324", "5e-324");
    writes(*state, "1.7976931348623157e308", "1.7976931348623157e+308");
}

static void what_is_no_number_is_refused(void **state)
{
    complains(written(*state, "0 / 0"), "a number that is NaN cannot go into an event");
    complains(written(*state, "math.huge"), "a number that is infinite cannot go into an event");
    complains(written(*state, "{ { -math.huge } }"), "infinite");
    complains(written(*state, "{ [math.huge] = 1 }"), "infinite");
}

static void numbers_read_keep_what_a_double_holds(void **state)
{
    reads(*state, "[0, -0, 1.0, 1.5e3, 0.1, 1e-7]", "[0,0,1,1500,0.1,1e-07]");
    reads(*state, "9007199254740992", "9007199254740992");
    reads(*state, "-9007199254740991", "-9007199254740991");
    reads(*state, "123456789012345000000", "1.23456789012345e+20");
    reads(*state, "1e300", "1e+300");
    reads(*state, "0.000000000000000", "0");
}

static void numbers_beyond_a_double_read_as_strings(void **state)
{
    reads(*state, "9007199254740993", "\"9007199254740993\"");
    reads(*state, "-9007199254740993", "\"-9007199254740993\"");
    reads(*state, "90071992547409.93e2", "\"90071992547409.93e2\"");
    reads(*state, "9223372036854775807", "\"9223372036854775807\"");
    reads(*state, "0.12345678901234567890", "\"0.12345678901234567890\"");
    reads(*state, "[1e400, -1e400, 1e-400]", "[\"1e400\",\"-1e400\",\"1e-400\"]");
    reads(*state, "1.23456789012e-320", "\"1.23456789012e-320\"");
}

// ---- strings ----

static void strings_are_escaped(void **state)
{
    writes(*state, "'a\"\\\\/\\n\\t\\r\\b\\f\\1\\0z'",
           "\"a\\\"\\\\/\\n\\t\\r\\b\\f\\u0001\\u0000z\"");
    writes(*state, "'\\195\\188\\226\\130\\172\\240\\159\\152\\128'", "\"\u00fc\u20ac\U0001F600\"");
}

static void invalid_utf8_is_replaced(void **state)
{
    writes(*state, "'a\\255b'", "\"a\uFFFDb\"");
    writes(*state, "'\\195'", "\"\uFFFD\"");
    complains(written(*state, "'\\237\\160\\128'"), "\uFFFD"); // a surrogate
    complains(written(*state, "'\\192\\128'"), "\uFFFD");      // an overlong NUL
    writes(*state, "{ ['\\255'] = 1 }", "{\"\uFFFD\":1}");
}

static void escapes_are_read(void **state)
{
    reads(*state, "\"\\u00fc\\u20AC\\ud83d\\ude00\\/\\\"\\\\\\b\\f\\n\\r\\t\"",
          "\"\u00fc\u20ac\U0001F600/\\\"\\\\\\b\\f\\n\\r\\t\"");
    reads(*state, "\"a\\u0000b\"", "\"a\\u0000b\"");
    reads(*state, "[\"\\ud83d\",\"\\ude00\",\"\\ud83dx\",\"\\ud83d\\u0041\"]",
          "[\"\uFFFD\",\"\uFFFD\",\"\uFFFDx\",\"\uFFFDA\"]");
}

// ---- tables ----

static void an_empty_table_is_an_object_unless_it_is_an_array(void **state)
{
    writes(*state, "{}", "{}");
    writes(*state, "rowcast.array({})", "[]");
    writes(*state, "rowcast.array({ 1, 2 })", "[1,2]");
    writes(*state, "{ a = rowcast.array({ rowcast.array({}) }), b = { {} } }",
           "{\"a\":[[]],\"b\":[{}]}");
    reads(*state, "{\"a\":[],\"b\":{}}", "{\"a\":[],\"b\":{}}");
}

static void a_list_is_an_array(void **state)
{
    writes(*state, "{ 1, 'b', true, { 2 } }", "[1,\"b\",true,[2]]");
    writes(*state, "{ 1, rowcast.null, 3 }", "[1,null,3]");
    writes(*state, "{ rowcast.null }", "[null]");
    writes(*state, "{ [1] = 'a', x = 'b' }", "{\"1\":\"a\",\"x\":\"b\"}");
    writes(*state, "{ [2] = 'a' }", "{\"2\":\"a\"}");
    writes(*state, "{ [0] = 'z', 'a' }", "{\"0\":\"z\",\"1\":\"a\"}");
}

static void keys_are_sorted_bytewise_numbers_first(void **state)
{
    writes(*state, "{ b = 1, a = 1, B = 1, ab = 1, [''] = 1, [10] = 1, [9] = 1, [-1] = 1 }",
           "{\"-1\":1,\"9\":1,\"10\":1,\"\":1,\"B\":1,\"a\":1,\"ab\":1,\"b\":1}");
    reads(*state, "{\"z\":1,\"a\":{\"y\":1,\"b\":2}}", "{\"a\":{\"b\":2,\"y\":1},\"z\":1}");
    complains(written(*state, "{ [true] = 1 }"), "a table key that is a boolean has no order");
}

static void null_is_kept_and_nil_is_not(void **state)
{
    writes(*state, "{ a = rowcast.null, b = nil, c = cjson.null }", "{\"a\":null,\"c\":null}");
    writes(*state, "rowcast.null", "null");
    writes(*state, "nil", "nil");
    writes(*state, "false", "false");
}

static void what_json_cannot_say_is_refused(void **state)
{
    complains(written(*state, "print"), "a function cannot go into an event");
    complains(written(*state, "{ { function() end } }"), "a function cannot go into an event");
    complains(
        of_body(*state, "1", "local t = {} t.t = t return { type = 't', topic = 'x', v = t }"),
        "tables nested deeper than 64 cannot go into an event");
}

static void nesting_has_a_limit(void **state)
{
    static const char body[] = "local t = 1 for i = 1, %d do t = { t } end "
                               "return { type = 't', topic = 'x', v = t }";
    char text[256], json[256] = "";
    snprintf(text, sizeof text, body, 65);
    assert_int_equal(of_body(*state, "1", text)[0], '[');
    snprintf(text, sizeof text, body, 66);
    complains(of_body(*state, "1", text), "nested deeper than 64");
    memset(json, '[', 64);
    memset(json + 64, ']', 64);
    reads(*state, json, json);
    memset(json, '[', 65);
    memset(json + 65, ']', 65);
    complains(read_back(*state, json), "JSON nested deeper than 64");
}

static void what_is_no_json_is_refused_when_read(void **state)
{
    static const char *const texts[] = {
        "",    "{",     "[1",  "[1,]",       "{\"a\"}", "{\"a\":}",   "{a:1}",
        "tru", "nulll", "1 2", "\"a",        "\"\\",    "\"\\x\"",    "\"\\u12\"",
        "-",   "1.2.3", "]",   "{\"a\":1,}", "[1 2]",   "\"\\u12g4\""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        complains(read_back(*state, texts[i]), "not JSON at byte ");
}

static void the_last_of_two_equal_keys_counts_when_read(void **state)
{
    reads(*state, " { \"a\" : 1 , \"a\" : 2 } ", "{\"a\":2}");
}

static void cjson_decodes_what_clients_say(void **state)
{
    writes(*state, "cjson.decode('{\"a\":[1,null,\"x\"],\"b\":1.5}')",
           "{\"a\":[1,null,\"x\"],\"b\":1.5}");
    complains(written(*state, "cjson.decode('nope')"), "Expected value but found invalid token");
    complains(written(*state, "cjson.decode('NaN')"), "invalid");
    complains(written(*state, "cjson.decode(('['):rep(9) .. (']'):rep(9))"), "nested");
    writes(*state, "cjson.decode(('['):rep(8) .. '1' .. (']'):rep(8))", "[[[[[[[[1]]]]]]]]");
}

// The order of a set of keys is remembered by their addresses: those of rows before have gone, and others stand where
// they stood.
static void keys_of_other_rows_are_not_taken_for_those_of_this_one(void **state)
{
    load_body(*state, "local a, b, v = 'a' .. new.v, 'b' .. new.v, {} "
                      "for i = 1, 4 do v[i] = { [b] = 2, [a] = 1 } end "
                      "for i = 1, 60 do a = ('x'):rep(20000 + i) end " // so that they are collected
                      "return { type = 't', topic = 'x', v = v }");
    for (int row = 1000; row < 1300; row++) {
        char json[16], expected[400], one[64];
        snprintf(json, sizeof json, "%d", row);
        snprintf(one, sizeof one, "{\"a%d\":1,\"b%d\":2}", row, row);
        snprintf(expected, sizeof expected, "[%s,%s,%s,%s]", one, one, one, one);
        assert_string_equal(of_row(*state, json), expected);
    }
}

static void keys_are_in_order_in_whatever_order_they_are_set(void **state)
{
    const char *body = "local list = {} "
                       "for i = 1, 9 do "
                       "  local a, b, one, other = 'k' .. i % 3, 'a' .. i % 7, {}, {} "
                       "  one[a] = 1 one[b] = 2 other[b] = 2 other[a] = 1 "
                       "  list[i] = { one, other, { [7] = i, ['\"'] = 0 } } "
                       "end "
                       "return { type = 't', topic = 'x', v = list }";
    char expected[2048], *at = expected;
    for (int i = 1; i <= 9; i++) {
        char pair[64];
        snprintf(pair, sizeof pair, "{\"a%d\":2,\"k%d\":1}", i % 7, i % 3);
        at += sprintf(at, "%c[%s,%s,{\"7\":%d,\"\\\"\":0}]", i == 1 ? '[' : ',', pair, pair, i);
    }
    strcpy(at, "]");
    assert_string_equal(of_body(*state, "null", body), expected);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(integers_have_no_exponent_up_to_2_to_the_53),
        TEST(other_numbers_are_the_shortest_that_reads_back),
        TEST(what_is_no_number_is_refused),
        TEST(numbers_read_keep_what_a_double_holds),
        TEST(numbers_beyond_a_double_read_as_strings),
        TEST(strings_are_escaped),
        TEST(invalid_utf8_is_replaced),
        TEST(escapes_are_read),
        TEST(an_empty_table_is_an_object_unless_it_is_an_array),
        TEST(a_list_is_an_array),
        TEST(keys_are_sorted_bytewise_numbers_first),
        TEST(keys_of_other_rows_are_not_taken_for_those_of_this_one),
        TEST(keys_are_in_order_in_whatever_order_they_are_set),
        TEST(null_is_kept_and_nil_is_not),
        TEST(what_json_cannot_say_is_refused),
        TEST(nesting_has_a_limit),
        TEST(what_is_no_json_is_refused_when_read),
        TEST(the_last_of_two_equal_keys_counts_when_read),
        TEST(cjson_decodes_what_clients_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
