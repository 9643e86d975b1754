// SPDX-License-Identifier: MIT
// Tests of core/script: rows in, events out.
#include "rowcast/script.h"

#include <ftw.h>
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

#define MAX_COLUMNS 16
#define COMMIT_TIME INT64_C(1762689600123000) // 2025-11-09T12:00:00.123Z
#define FIRST_ID "0000002a-00000001-00000000016b3748-000002db-00000-00000000-0000"

// Values of rows beside texts; NULL is NULL.
static const char unchanged[] = "unchanged", absent[] = "absent";

struct fixture {
    char folder[64];
    struct script *script;
    struct script_limits limits;
    struct transaction *transaction;
    char events[64 * 1024]; // a line each, without id and timestamp
    char ids[4096];         // a line each
    char topics[8192];      // an event a line, with commas
    char failures[8192];
    unsigned event_count, failure_count;
    uint32_t last_size;
};

static int remove_entry(const char *path, const struct stat *status, int flag, struct FTW *where)
{
    (void)status, (void)flag, (void)where;
    return remove(path);
}

static void begin_transaction(struct fixture *fixture)
{
    transaction_free(fixture->transaction);
    fixture->transaction = transaction_new();
    fixture->transaction->lsn = 0x16b3748;
    fixture->transaction->xid = 731;
    fixture->transaction->time = COMMIT_TIME;
    fixture->transaction->whole = fixture->transaction->last = true;
}

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->folder, "/tmp/rowcast-script-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->limits = (struct script_limits){64 << 20, 1 << 20, SCRIPT_TIMEOUT};
    begin_transaction(fixture);
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    script_free(fixture->script);
    transaction_free(fixture->transaction);
    nftw(fixture->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

// ---- the folder ----

static void write_file(const struct fixture *fixture, const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/tables", fixture->folder);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/%s", fixture->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void load(struct fixture *fixture)
{
    struct fault fault;
    script_free(fixture->script);
    fixture->script = NULL;
    if (script_load(&fixture->script, fixture->folder, &fixture->limits, &fault) != 0)
        fail_msg("%s", fault.text);
}

// The table script "t" with one handler, whose body this is.
static void handler(struct fixture *fixture, const char *op, const char *body)
{
    static const char *const arguments[] = {"new, ctx", "new, old, ctx", "old, ctx", "ctx"};
    char text[8192];
    const char *names = arguments[0];
    for (int i = CHANGE_INSERT; i <= CHANGE_TRUNCATE; i++)
        if (strcmp(change_op_name(i), op) == 0)
            names = arguments[i];
    snprintf(text, sizeof text, "return { %s = function(%s)\n%s\nend }", op, names, body);
    write_file(fixture, "tables/t.lua", text);
    load(fixture);
}

// ---- the transaction ----

static enum column_type type_of(const char *name)
{
    static const char *const names[] = {"text", "int",         "float",    "bool",
                                        "json", "timestamptz", "timestamp"};
    for (enum column_type type = COLUMN_TEXT; type <= COLUMN_TIMESTAMP; type++)
        if (strncmp(names[type], name, strcspn(name, "[")) == 0 &&
            strlen(names[type]) == strcspn(name, "["))
            return type;
    fail_msg("no type '%s'", name);
    return COLUMN_TEXT;
}

// relation(f, "t", "id int, tags text[]")
static struct relation *relation_in(struct fixture *fixture, const char *schema, const char *table,
                                    const char *columns)
{
    struct arena *arena = &fixture->transaction->arena;
    struct relation *relation = relation_new(arena, schema, table, MAX_COLUMNS);
    char *rest = NULL, *words = arena_copy(arena, columns, strlen(columns));
    relation->column_count = 0;
    for (char *name = strtok_r(words, ", ", &rest); name; name = strtok_r(NULL, ", ", &rest)) {
        const char *type = strtok_r(NULL, ", ", &rest);
        relation->columns[relation->column_count++] = (struct column){
            .name = name,
            .name_size = (uint32_t)strlen(name),
            .type = type_of(type),
            .array = strchr(type, '[') != NULL,
        };
    }
    return relation;
}

static struct relation *relation(struct fixture *fixture, const char *columns)
{
    return relation_in(fixture, "public", "t", columns);
}

static struct row *row_of(struct fixture *fixture, const struct relation *relation,
                          const char *const *texts)
{
    struct arena *arena = &fixture->transaction->arena;
    struct value *values = arena_new(arena, MAX_COLUMNS * sizeof *values);
    struct row *row = arena_new(arena, sizeof *row);
    for (uint32_t i = 0; i < relation->column_count; i++) {
        if (texts[i] == unchanged)
            values[i].state = VALUE_UNCHANGED;
        else if (!texts[i])
            values[i].state = VALUE_NULL;
        else if (texts[i] != absent)
            values[i] = (struct value){VALUE_TEXT, (uint32_t)strlen(texts[i]), texts[i]};
    }
    *row = (struct row){relation, values};
    return row;
}

#define ROW(...) ((const char *const[]){__VA_ARGS__})

static void change(struct fixture *fixture, enum change_op op, const struct relation *relation,
                   const char *const *new_values, const char *const *old_values)
{
    struct change *added = transaction_add(fixture->transaction);
    added->op = op;
    added->index = fixture->transaction->change_count - 1;
    added->relation = relation;
    added->new_row = new_values ? row_of(fixture, relation, new_values) : NULL;
    added->old_row = old_values ? row_of(fixture, relation, old_values) : NULL;
}

// ---- what comes out ----

static void add(char *text, size_t size, const char *piece, size_t length)
{
    size_t used = strlen(text);
    assert_true(used + length + 2 < size);
    memcpy(text + used, piece, length);
    memcpy(text + used + length, "\n", 2);
}

static const char *payload_of(const struct frame *frame, size_t *size)
{
    int length = frame->bytes[1] & 127;
    size_t header = length < 126 ? 2 : length == 126 ? 4 : 10;
    *size = frame->size - header;
    return (const char *)frame->bytes + header;
}

static void keep_event(void *user, const struct script_event *event)
{
    struct fixture *fixture = user;
    size_t size;
    const char *payload = payload_of(event->frame, &size);
    char id[EVENT_ID_TEXT_SIZE], topics[8192] = "", text[64 * 1024];
    event_id_text(&event->id, id);
    add(fixture->ids, sizeof fixture->ids, id, strlen(id));
    for (uint32_t i = 0; i < event->topic_count; i++)
        snprintf(topics + strlen(topics), sizeof topics - strlen(topics), "%s%s", i ? "," : "",
                 event->topics[i].name);
    add(fixture->topics, sizeof fixture->topics, topics, strlen(topics));
    // {"type":"..","id":"..","timestamp":".." is the same for all; the test sees the rest.
    assert_true(size < sizeof text);
    memcpy(text, payload, size);
    text[size] = '\0';
    char *own = strstr(text, ",\"id\":\"");
    assert_non_null(own);
    assert_memory_equal(own + 7, id, strlen(id));
    char *rest = own + 7 + strlen(id) + 1;
    const char *stamp = ",\"timestamp\":\"2025-11-09T12:00:00.123Z\"";
    assert_memory_equal(rest, stamp, strlen(stamp));
    memmove(own, rest + strlen(stamp), strlen(rest + strlen(stamp)) + 1);
    add(fixture->events, sizeof fixture->events, text, strlen(text));
    fixture->event_count++;
    fixture->last_size = (uint32_t)size;
    frame_unref(event->frame);
}

static void keep_failure(void *user, const struct change *change, const char *script,
                         const char *message)
{
    struct fixture *fixture = user;
    assert_non_null(change);
    assert_non_null(strstr(script, fixture->folder));
    add(fixture->failures, sizeof fixture->failures, message, strlen(message));
    fixture->failure_count++;
}

static void run(struct fixture *fixture)
{
    struct event_id base = {.epoch = 42, .timeline = 1, .lsn = 0x16b3748, .xid = 731};
    struct script_sink sink = {.event = keep_event, .failed = keep_failure, .user = fixture};
    fixture->events[0] = fixture->ids[0] = fixture->topics[0] = fixture->failures[0] = '\0';
    fixture->event_count = fixture->failure_count = 0;
    script_transaction(fixture->script, fixture->transaction, &base, &sink);
}

// Runs one insert of an `id int` 7 through a handler with this body.
static void insert(struct fixture *fixture, const char *body)
{
    handler(fixture, "insert", body);
    begin_transaction(fixture);
    change(fixture, CHANGE_INSERT, relation(fixture, "id int"), ROW("7"), NULL);
    run(fixture);
}

// Runs one insert of one column `v` and returns what the event says about it, as JSON.
static const char *encoded(struct fixture *fixture, const char *type, const char *text,
                           const char *expression)
{
    static char shown[8192];
    char body[1024], columns[64];
    snprintf(body, sizeof body, "return { type = 't', topic = 'x', v = %s }", expression);
    snprintf(columns, sizeof columns, "v %s", type);
    handler(fixture, "insert", body);
    begin_transaction(fixture);
    change(fixture, CHANGE_INSERT, relation(fixture, columns), ROW(text), NULL);
    run(fixture);
    if (fixture->failure_count)
        return fixture->failures;
    if (strcmp(fixture->events, "{\"type\":\"t\"}\n") == 0)
        return "nil";
    snprintf(shown, sizeof shown, "%s", fixture->events + strlen("{\"type\":\"t\",\"v\":"));
    shown[strlen(shown) - 2] = '\0';
    return shown;
}

static void fails_with(struct fixture *fixture, const char *sentence)
{
    assert_int_equal(fixture->event_count, 0);
    if (!strstr(fixture->failures, sentence))
        fail_msg("'%s' is not in: %s", sentence, fixture->failures);
}

static void refused(struct fixture *fixture, const char *body, const char *sentence)
{
    insert(fixture, body);
    assert_int_equal(fixture->failure_count, 1);
    fails_with(fixture, sentence);
    fails_with(fixture, "/tables/t.lua:1: the function returned ");
}

static void gives(struct fixture *fixture, const char *body, const char *events)
{
    insert(fixture, body);
    if (fixture->failure_count)
        fail_msg("%s", fixture->failures);
    assert_string_equal(fixture->events, events);
}

// ---- what a handler returns ----

static void nothing_makes_no_event(void **state)
{
    gives(*state, "return nil", "");
    gives(*state, "", "");
    gives(*state, "return {}", "");
    gives(*state, "return false", "");
}

static void one_event_goes_out_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    gives(fixture, "return { type = 'trade', topic = 'm:1', zebra = 1, apple = { b = 2, a = 1 } }",
          "{\"type\":\"trade\",\"apple\":{\"a\":1,\"b\":2},\"zebra\":1}\n");
    assert_string_equal(fixture->topics, "m:1\n");
    assert_string_equal(fixture->ids, FIRST_ID "\n");
}

static void a_list_goes_out_in_order(void **state)
{
    struct fixture *fixture = *state;
    gives(fixture, "return { { type = 'b', topic = 'x' }, { type = 'a', topic = 'y' } }",
          "{\"type\":\"b\"}\n{\"type\":\"a\"}\n");
    assert_string_equal(fixture->ids, FIRST_ID
                        "\n0000002a-00000001-00000000016b3748-000002db-00000-00000000-0001\n");
}

static void what_is_no_event_is_refused(void **state)
{
    refused(*state, "return 'trade'", "a string; nil, an event or a list of events is expected");
    refused(*state, "return 42", "a number; nil, an event or a list of events is expected");
    refused(*state, "return { { type = 'a', topic = 'x' }, 5 }", "a list with a number in it");
    refused(*state, "return { nil, { type = 'a', topic = 'x' } }", "an event without 'type'");
}

static void a_refused_event_takes_its_siblings_along(void **state)
{
    refused(*state, "return { { type = 'a', topic = 'x' }, { type = 'b' } }",
            "an event without 'topic'");
}

static void a_type_is_a_string_of_1_to_128_bytes(void **state)
{
    refused(*state, "return { topic = 'x' }", "an event without 'type'");
    refused(*state, "return { topic = 'x', type = 5 }", "an event without 'type'");
    refused(*state, "return { topic = 'x', type = '' }", "'type' is not 1 to 128 bytes");
    refused(*state, "return { topic = 'x', type = ('a'):rep(129) }", "'type' is not 1 to 128");
    insert(*state, "return { topic = 'x', type = ('a'):rep(128) }");
    assert_int_equal(((struct fixture *)*state)->event_count, 1);
}

static void a_topic_is_a_string_of_1_to_255_bytes(void **state)
{
    struct fixture *fixture = *state;
    refused(fixture, "return { type = 'a' }", "an event without 'topic'");
    refused(fixture, "return { type = 'a', topic = 5 }", "an event without 'topic'");
    refused(fixture, "return { type = 'a', topic = '' }", "'topic' is not 1 to 255 bytes");
    refused(fixture, "return { type = 'a', topic = ('x'):rep(256) }", "'topic' is not 1 to 255");
    insert(fixture, "return { type = 'a', topic = ('x'):rep(255) }");
    assert_int_equal(fixture->event_count, 1);
    assert_int_equal(strlen(fixture->topics), 256);
}

static void topics_of_a_list_count_once_each(void **state)
{
    struct fixture *fixture = *state;
    gives(fixture, "return { type = 'a', topic = { 'x', 'y', 'x', 'xy', 'y' } }",
          "{\"type\":\"a\"}\n");
    assert_string_equal(fixture->topics, "x,y,xy\n");
}

static void a_topic_list_has_1_to_16_strings(void **state)
{
    struct fixture *fixture = *state;
    static const char list[] = "local list = {} for i = 1, %d do list[i] = 'topic' .. i end "
                               "list[#list + 1] = 'topic1' "
                               "return { type = 'a', topic = list }";
    char body[256];
    snprintf(body, sizeof body, list, 16);
    insert(fixture, body);
    assert_int_equal(fixture->event_count, 1);
    snprintf(body, sizeof body, list, 17);
    refused(fixture, body, "more than 16 topics");
    refused(fixture, "return { type = 'a', topic = {} }", "an empty list as 'topic'");
    refused(fixture, "return { type = 'a', topic = { 'x', 5 } }", "an event without 'topic'");
    refused(fixture, "return { type = 'a', topic = { 'x', '' } }", "'topic' is not 1 to 255");
}

static void what_the_core_adds_cannot_be_set(void **state)
{
    refused(*state, "return { type = 'a', topic = 'x', id = '1' }", "sets 'id'");
    refused(*state, "return { type = 'a', topic = 'x', timestamp = false }", "sets 'timestamp'");
    refused(*state, "return { type = 'a', topic = 'x', snapshot = true }", "sets 'snapshot'");
}

static void a_number_as_a_key_of_an_event_is_refused(void **state)
{
    insert(*state, "return { type = 'a', topic = 'x', [7] = 1 }");
    fails_with(*state, "a message has names as keys");
}

static void more_than_10000_events_are_refused(void **state)
{
    refused(*state,
            "local list = {} for i = 1, 10001 do list[i] = { type = 'a', topic = 'x' } end "
            "return list",
            "more than 10000 events");
}

static void ids_count_changes_and_emits(void **state)
{
    struct fixture *fixture = *state;
    handler(fixture, "insert",
            "if new.id == 2 then return nil end "
            "return { { type = 'a', topic = 'x' }, { type = 'b', topic = 'x' } }");
    const struct relation *t = relation(fixture, "id int");
    for (int i = 1; i <= 3; i++)
        change(fixture, CHANGE_INSERT, t, ROW(i == 1 ? "1" : i == 2 ? "2" : "3"), NULL);
    run(fixture);
    assert_string_equal(fixture->ids, FIRST_ID
                        "\n0000002a-00000001-00000000016b3748-000002db-00000-00000000-0001\n"
                        "0000002a-00000001-00000000016b3748-000002db-00000-00000002-0000\n"
                        "0000002a-00000001-00000000016b3748-000002db-00000-00000002-0001\n");
}

static void a_failed_row_leaves_the_others_alone(void **state)
{
    struct fixture *fixture = *state;
    handler(fixture, "insert",
            "if new.id == 1 then error('no') end return { type = 'a', topic = 'x', id2 = new.id }");
    const struct relation *t = relation(fixture, "id int");
    change(fixture, CHANGE_INSERT, t, ROW("1"), NULL);
    change(fixture, CHANGE_INSERT, t, ROW("2"), NULL);
    run(fixture);
    assert_int_equal(fixture->failure_count, 1);
    assert_non_null(strstr(fixture->failures, "/tables/t.lua:2: no"));
    assert_non_null(strstr(fixture->failures, "stack traceback:"));
    assert_string_equal(fixture->events, "{\"type\":\"a\",\"id2\":2}\n");
}

static void too_large_an_event_becomes_a_notice(void **state)
{
    struct fixture *fixture = *state;
    fixture->limits.max_event = 2000;
    insert(fixture, "return { type = 'a', topic = 'x', n = 1, ok = true, s = 'short', "
                    "long = ('y'):rep(1500), list = { ('z'):rep(1000) }, data = 'gone' }");
    assert_int_equal(fixture->failure_count, 0);
    assert_string_equal(
        fixture->events,
        "{\"type\":\"a\",\"data\":{\"too_large\":2686},\"n\":1,\"ok\":true,\"s\":\"short\"}\n");
    assert_string_equal(fixture->topics, "x\n");
}

static void a_notice_is_never_too_large_itself(void **state)
{
    struct fixture *fixture = *state;
    fixture->limits.max_event = 2000;
    insert(fixture, "local e = { type = 'a', topic = 'x' } "
                    "for i = 1, 20 do e['k' .. i] = ('y'):rep(900) end return e");
    assert_int_equal(fixture->failure_count, 0);
    assert_int_equal(fixture->event_count, 1);
    assert_true(fixture->last_size <= 2000);
    assert_non_null(strstr(fixture->events, "\"too_large\":"));
    assert_string_equal(fixture->events + strlen(fixture->events) - 2, "}\n");
}

// ---- columns ----

static void numbers_are_numbers(void **state)
{
    assert_string_equal(encoded(*state, "int", "7", "new.v + 1"), "8");
    assert_string_equal(encoded(*state, "int", "-2147483648", "new.v"), "-2147483648");
    assert_string_equal(encoded(*state, "float", "1.5", "new.v * 2"), "3");
    assert_string_equal(encoded(*state, "float", "0.1", "new.v"), "0.1");
    assert_string_equal(encoded(*state, "float", "1e+30", "new.v"), "1e+30");
}

static void numbers_beyond_are_texts(void **state)
{
    assert_string_equal(encoded(*state, "float", "NaN", "new.v"), "\"NaN\"");
    assert_string_equal(encoded(*state, "float", "Infinity", "new.v"), "\"Infinity\"");
    assert_string_equal(encoded(*state, "float", "-Infinity", "new.v"), "\"-Infinity\"");
    assert_string_equal(encoded(*state, "float", "-Infinity", "new"), "{\"v\":\"-Infinity\"}");
    assert_string_equal(encoded(*state, "text", "123456789012345678901234.50", "new.v"),
                        "\"123456789012345678901234.50\"");
}

static void booleans_are_booleans(void **state)
{
    assert_string_equal(encoded(*state, "bool", "t", "new.v == true"), "true");
    assert_string_equal(encoded(*state, "bool", "f", "new.v == false"), "true");
    assert_string_equal(encoded(*state, "bool", "f", "new"), "{\"v\":false}");
}

static void null_is_nil_when_read_and_null_in_a_row(void **state)
{
    assert_string_equal(encoded(*state, "int", NULL, "new.v == nil"), "true");
    assert_string_equal(encoded(*state, "int", NULL, "new.v"), "nil");
    assert_string_equal(encoded(*state, "int", NULL, "new"), "{\"v\":null}");
    assert_string_equal(encoded(*state, "json[]", NULL, "new"), "{\"v\":null}");
}

static void timestamps_are_iso(void **state)
{
    assert_string_equal(encoded(*state, "timestamptz", "2025-11-09 12:00:00.5+00", "new.v"),
                        "\"2025-11-09T12:00:00.500Z\"");
    assert_string_equal(encoded(*state, "timestamptz", "2025-11-09 12:00:00.123456+00", "new"),
                        "{\"v\":\"2025-11-09T12:00:00.123456Z\"}");
    assert_string_equal(encoded(*state, "timestamp", "2025-11-09 12:00:00", "new.v"),
                        "\"2025-11-09T12:00:00.000\"");
    assert_string_equal(encoded(*state, "timestamptz", "infinity", "new.v"), "\"infinity\"");
    assert_string_equal(encoded(*state, "timestamptz", "infinity", "new"), "{\"v\":\"infinity\"}");
    assert_string_equal(encoded(*state, "timestamp", "0044-03-15 12:00:00 BC", "new.v"),
                        "\"0044-03-15 12:00:00 BC\"");
}

static void json_that_nobody_touches_keeps_its_bytes(void **state)
{
    static const char text[] = "{ \"b\" : 1.0, \"a\":[ ] , \"n\":12345678901234567890,\"b\":2 }";
    char expected[128];
    snprintf(expected, sizeof expected, "{\"v\":%s}", text);
    assert_string_equal(encoded(*state, "json", text, "new"), expected);
}

static void json_is_a_table_when_read(void **state)
{
    static const char text[] =
        "{\"b\":1.0,\"a\":[],\"n\":12345678901234567890,\"o\":{},\"z\":null}";
    assert_string_equal(encoded(*state, "json", text, "new.v"),
                        "{\"a\":[],\"b\":1,\"n\":\"12345678901234567890\",\"o\":{},\"z\":null}");
    assert_string_equal(encoded(*state, "json", "[1,{\"x\":[true,\"s\"]}]", "new.v[2].x[2]"),
                        "\"s\"");
    assert_string_equal(encoded(*state, "json", "null", "new.v == rowcast.null"), "true");
}

static void arrays_are_lists(void **state)
{
    assert_string_equal(encoded(*state, "int[]", "{1,NULL,3}", "new.v"), "[1,null,3]");
    assert_string_equal(encoded(*state, "int[]", "{1,NULL,3}", "new"), "{\"v\":[1,null,3]}");
    assert_string_equal(encoded(*state, "int[]", "{1,NULL,3}", "new.v[2] == rowcast.null"), "true");
    assert_string_equal(encoded(*state, "int[]", "{NULL,NULL}", "#new.v"), "2");
    assert_string_equal(encoded(*state, "int[]", "{}", "new.v"), "[]");
    assert_string_equal(encoded(*state, "int[]", "{{1,2},{3,4}}", "new.v"), "[[1,2],[3,4]]");
    assert_string_equal(encoded(*state, "int[]", "{{1,2},{3,4}}", "new.v[2][1]"), "3");
    assert_string_equal(encoded(*state, "bool[]", "{t,f}", "new.v"), "[true,false]");
    assert_string_equal(encoded(*state, "float[]", "{NaN,1.5}", "new.v"), "[\"NaN\",1.5]");
    assert_string_equal(encoded(*state, "text[]", "{a,\"b c\",\"NULL\",\"q\\\"\\\\\"}", "new.v"),
                        "[\"a\",\"b c\",\"NULL\",\"q\\\"\\\\\"]");
    assert_string_equal(encoded(*state, "json[]", "{\"{\\\"a\\\": [1]}\"}", "new.v"),
                        "[{\"a\":[1]}]");
    assert_string_equal(encoded(*state, "timestamptz[]", "{\"2025-11-09 12:00:00+00\"}", "new.v"),
                        "[\"2025-11-09T12:00:00.000Z\"]");
}

static void what_is_no_array_literal_stays_text(void **state)
{
    static const char *const texts[] = {"",     "1",
                                        "{1",   "1,2}",
                                        "{1}}", "{1,,2}",
                                        "{1}x", "[0:1]{1",
                                        "{{1}", "{\\",
                                        "}",    "{1,}",
                                        "NULL", "{{{{{{{{{{{{{{{{{{{{1}}}}}}}}}}}}}}}}}}}}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char expected[128];
        snprintf(expected, sizeof expected, "\"%s%s\"", texts[i],
                 strchr(texts[i], '\\') ? "\\" : "");
        assert_string_equal(encoded(*state, "int[]", texts[i], "new.v"), expected);
    }
}

static void a_column_that_is_not_there_reads_nil(void **state)
{
    assert_string_equal(encoded(*state, "int", "1", "new.w"), "nil");
    assert_string_equal(encoded(*state, "int", "1", "new[1]"), "nil");
    assert_string_equal(encoded(*state, "int", "1", "new[rowcast.null]"), "nil");
}

// ---- rows ----

static void whole_rows_keep_nulls_and_leave_out_what_did_not_come(void **state)
{
    struct fixture *fixture = *state;
    handler(fixture, "update",
            "return { type = 'u', topic = 'x', new = new, old = old, unchanged = ctx.unchanged, "
            "read = { new.big == nil, old.note == nil } }");
    change(fixture, CHANGE_UPDATE, relation(fixture, "id int, note text, big text"),
           ROW("1", NULL, unchanged), ROW("1", absent, absent));
    run(fixture);
    assert_string_equal(fixture->events,
                        "{\"type\":\"u\",\"new\":{\"id\":1,\"note\":null},\"old\":{\"id\":1},"
                        "\"read\":[true,true],\"unchanged\":[\"big\"]}\n");
}

static void old_is_nil_without_an_identity(void **state)
{
    struct fixture *fixture = *state;
    handler(fixture, "update", "return { type = 'u', topic = 'x', none = old == nil }");
    change(fixture, CHANGE_UPDATE, relation(fixture, "id int"), ROW("1"), NULL);
    run(fixture);
    assert_string_equal(fixture->events, "{\"type\":\"u\",\"none\":true}\n");
}

static void a_delete_gets_the_old_row(void **state)
{
    struct fixture *fixture = *state;
    handler(fixture, "delete", "return { type = 'd', topic = 'x', row = old, op = ctx.op }");
    change(fixture, CHANGE_DELETE, relation(fixture, "id int, v text"), NULL, ROW("1", absent));
    run(fixture);
    assert_string_equal(fixture->events, "{\"type\":\"d\",\"op\":\"delete\",\"row\":{\"id\":1}}\n");
}

static void a_truncate_gets_ctx_alone(void **state)
{
    struct fixture *fixture = *state;
    handler(fixture, "truncate",
            "return { type = 'x', topic = 'x', op = ctx.op, unchanged = ctx.unchanged }");
    change(fixture, CHANGE_TRUNCATE, relation(fixture, "id int"), NULL, NULL);
    run(fixture);
    assert_string_equal(fixture->events, "{\"type\":\"x\",\"op\":\"truncate\",\"unchanged\":[]}\n");
}

static void rows_cannot_be_written_or_called_by_their_metatable(void **state)
{
    insert(*state, "new.id = 8");
    fails_with(*state, "rows are read only");
    gives(*state,
          "return { type = tostring(new), topic = 'x', a = getmetatable(new), b = type(new) }",
          "{\"type\":\"row\",\"a\":false,\"b\":\"userdata\"}\n");
}

static void pairs_walks_columns_in_order_without_nulls(void **state)
{
    struct fixture *fixture = *state;
    handler(fixture, "insert",
            "local seen = {} for key, value in pairs(new) do "
            "seen[#seen + 1] = key .. '=' .. tostring(value) end "
            "return { type = 't', topic = 'x', seen = seen }");
    change(fixture, CHANGE_INSERT, relation(fixture, "z int, a text, m bool, b int"),
           ROW("1", NULL, "f", "2"), NULL);
    run(fixture);
    assert_string_equal(fixture->events,
                        "{\"type\":\"t\",\"seen\":[\"z=1\",\"m=false\",\"b=2\"]}\n");
}

static void pairs_walks_tables_numbers_first_then_strings(void **state)
{
    gives(*state,
          "local t, seen = { b = 1, a = 1, [10] = 1, [2] = 1, [-1.5] = 1, B = 1, [''] = 1 }, {} "
          "for key in pairs(t) do seen[#seen + 1] = tostring(key) end "
          "return { type = table.concat(seen, ' '), topic = 'x' }",
          "{\"type\":\"-1.5 2 10  B a b\"}\n");
    gives(*state,
          "local t, seen = { b = 1, a = 1 }, '' local key = next(t) "
          "while key do seen = seen .. key key = next(t, key) end "
          "return { type = seen, topic = 'x', empty = next({}) == nil }",
          "{\"type\":\"ab\",\"empty\":true}\n");
    insert(*state, "for key in pairs({ [true] = 1 }) do end");
    fails_with(*state, "a table key that is a boolean has no order");
}

static void what_is_removed_during_pairs_is_skipped(void **state)
{
    gives(*state,
          "local t, seen = { a = 1, b = 2, c = 3 }, '' "
          "for key in pairs(t) do seen = seen .. key t.b = nil t[key] = nil end "
          "return { type = seen, topic = 'x' }",
          "{\"type\":\"ac\"}\n");
}

static void extend_replaces_in_place_and_adds_behind(void **state)
{
    struct fixture *fixture = *state;
    handler(fixture, "insert",
            "local row = rowcast.extend(new, { a = 'A', zz = 1, b2 = { 1 }, n = rowcast.null }) "
            "local keys = {} for key in pairs(row) do keys[#keys + 1] = key end "
            "return { type = 't', topic = 'x', row = row, keys = keys, a = row.a, c = row.c, "
            "zz = row.zz, n = row.n == nil, plain = new }");
    change(fixture, CHANGE_INSERT, relation(fixture, "c int, a text, n int, u int"),
           ROW("1", "2", "3", NULL), NULL);
    run(fixture);
    assert_string_equal(
        fixture->events,
        "{\"type\":\"t\",\"a\":\"A\",\"c\":1,\"keys\":[\"c\",\"a\",\"b2\",\"zz\"],\"n\":true,"
        "\"plain\":{\"c\":1,\"a\":\"2\",\"n\":3,\"u\":null},"
        "\"row\":{\"c\":1,\"a\":\"A\",\"n\":null,\"u\":null,\"b2\":[1],\"zz\":1},\"zz\":1}\n");
}

static void extend_fills_in_what_did_not_come(void **state)
{
    struct fixture *fixture = *state;
    handler(fixture, "update",
            "return { type = 't', topic = 'x', row = rowcast.extend(new, { big = 'b' }) }");
    change(fixture, CHANGE_UPDATE, relation(fixture, "id int, big text, v int"),
           ROW("1", unchanged, "2"), NULL);
    run(fixture);
    assert_string_equal(fixture->events,
                        "{\"type\":\"t\",\"row\":{\"id\":1,\"v\":2,\"big\":\"b\"}}\n");
}

static void extend_works_twice_and_on_tables(void **state)
{
    gives(*state,
          "local row = rowcast.extend(rowcast.extend(new, { x = 1, y = 1 }), { y = 2, z = nil }) "
          "return { type = 't', topic = 'x', row = row, "
          "table = rowcast.extend({ a = 1, b = 1 }, { b = 2 }) }",
          "{\"type\":\"t\",\"row\":{\"id\":7,\"x\":1,\"y\":2},\"table\":{\"a\":1,\"b\":2}}\n");
}

static void extend_checks_what_it_gets(void **state)
{
    insert(*state, "rowcast.extend(5, {})");
    fails_with(*state, "a row or a table expected");
    insert(*state, "rowcast.extend(new, 5)");
    fails_with(*state, "table expected, got number");
    insert(*state, "return { type = 't', topic = 'x', r = rowcast.extend(new, { 5 }) }");
    fails_with(*state, "the fields are named by strings");
    gives(*state, "return { type = 't', topic = 'x', r = rowcast.extend(new, { ['a\\0b'] = 5 }) }",
          "{\"type\":\"t\",\"r\":{\"id\":7,\"a\\u0000b\":5}}\n");
}

static void a_row_kept_beyond_its_transaction_is_refused(void **state)
{
    static const char *const uses[] = {"local x = kept.id", "for _ in pairs(kept) do end",
                                       "return { type = 'a', topic = 'x', row = kept }",
                                       "rowcast.extend(kept, {})"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "local kept return { insert = function(new) if kept then %s end kept = new end }",
                 uses[i]);
        write_file(fixture, "tables/t.lua", text);
        load(fixture);
        for (int round = 0; round < 2; round++) {
            begin_transaction(fixture);
            change(fixture, CHANGE_INSERT, relation(fixture, "id int"), ROW("7"), NULL);
            run(fixture);
        }
        fails_with(fixture, "a row was used after the call it was given to");
    }
}

// ---- values that are too large for the VM ----

#define LARGE 40000

// Of one column `v` that holds so many bytes `x`, through a handler whose event has this as `v`.
static const char *large(struct fixture *fixture, const char *type, const char *expression)
{
    static char text[LARGE + 1];
    memset(text, 'x', LARGE);
    fixture->limits.memory = 512 << 10; // a sixteenth of it is 32,768
    encoded(fixture, type, text, expression);
    return fixture->failure_count ? fixture->failures : fixture->events;
}

static void a_large_value_goes_out_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    static char expected[LARGE + 64] = "{\"type\":\"t\",\"v\":\"";
    size_t head = strlen(expected);
    memset(expected + head, 'x', LARGE);
    strcpy(expected + head + LARGE, "\"}\n");
    assert_string_equal(large(fixture, "text", "new.v"), expected);
    assert_string_equal(large(fixture, "text", "rowcast.extend(new, { w = new.v }).w"), expected);
}

static void a_large_value_beyond_the_limit_is_told(void **state)
{
    struct fixture *fixture = *state;
    fixture->limits.max_event = 2000;
    assert_string_equal(large(fixture, "text", "new.v"),
                        "{\"type\":\"t\",\"data\":{\"too_large\":40130}}\n");
    assert_string_equal(large(fixture, "json", "new.v"),
                        "{\"type\":\"t\",\"data\":{\"too_large\":40128}}\n");
    assert_string_equal(large(fixture, "text[]", "{ new.v, new }"),
                        "{\"type\":\"t\",\"data\":{\"too_large\":80141}}\n");
}

static void a_large_value_is_measured_and_compared(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(large(fixture, "text", "#new.v"), "{\"type\":\"t\",\"v\":40000}\n");
    assert_string_equal(large(fixture, "text", "new.v == new.v and new.v ~= '' and new.v ~= nil"),
                        "{\"type\":\"t\",\"v\":true}\n");

    static char one[LARGE + 1], other[LARGE + 1];
    memset(one, 'x', LARGE);
    memset(other, 'x', LARGE);
    handler(fixture, "update", "return { type = 'a', topic = 'x', same = new.v == old.v }");
    begin_transaction(fixture);
    const struct relation *t = relation(fixture, "v text");
    change(fixture, CHANGE_UPDATE, t, ROW(one), ROW(other));
    run(fixture);
    assert_string_equal(fixture->events, "{\"type\":\"a\",\"same\":true}\n");
    other[LARGE - 1] = 'y';
    run(fixture);
    assert_string_equal(fixture->events, "{\"type\":\"a\",\"same\":false}\n");
}

static void what_reads_a_large_value_is_told_the_column(void **state)
{
    struct fixture *fixture = *state;
    static const char *const expressions[] = {
        "new.v .. 'x'",   "'x' .. new.v",     "tostring(new.v)",     "new.v:sub(1, 2)",
        "new.v[1]",       "new.v < new.v",    "new.v + 1",           "string.sub(new.v, 1, 2)",
        "#new.v:lower()", "('x'):rep(new.v)", "cjson.decode(new.v)", "('%s'):format(new.v)",
    };
    for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++) {
        large(fixture, "text", expressions[i]);
        fails_with(fixture, "/tables/t.lua:2: ");
        fails_with(fixture,
                   "the column 'v' holds 40000 bytes: a value of more than 32768 is not read");
    }
}

static void a_large_value_ends_with_its_transaction(void **state)
{
    struct fixture *fixture = *state;
    fixture->limits.memory = 512 << 10;
    write_file(fixture, "tables/t.lua",
               "local kept\n"
               "return { insert = function(new)\n"
               "kept = kept or new.v\n"
               "return { type = 'a', topic = 'x', size = #kept } end }");
    load(fixture);
    static char text[LARGE + 1];
    memset(text, 'x', LARGE);
    for (int i = 0; i < 2; i++) {
        begin_transaction(fixture);
        change(fixture, CHANGE_INSERT, relation(fixture, "v text"), ROW(text), NULL);
        run(fixture);
        assert_int_equal(fixture->failure_count, i);
    }
    fails_with(fixture, "a value was used after the call whose row it is of");
}

// ---- ctx ----

static void ctx_tells_about_the_change(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "tables/depot.bays.lua",
               "return { insert = function(new, ctx) return { type = 'c', topic = 'x', "
               "table = ctx.table, schema = ctx.schema, op = ctx.op, time = ctx.time, "
               "lsn = ctx.lsn, xid = ctx.xid, unchanged = ctx.unchanged, none = ctx.nothing } "
               "end }");
    load(fixture);
    assert_int_equal(script_table_count(fixture->script), 1);
    assert_string_equal(script_table_schema(fixture->script, 0), "depot");
    assert_string_equal(script_table_name(fixture->script, 0), "bays");
    change(fixture, CHANGE_INSERT, relation_in(fixture, "depot", "bays", "id int"), ROW("1"), NULL);
    run(fixture);
    assert_string_equal(
        fixture->events,
        "{\"type\":\"c\",\"lsn\":\"0/16B3748\",\"op\":\"insert\",\"schema\":\"depot\","
        "\"table\":\"bays\",\"time\":\"2025-11-09T12:00:00.123Z\",\"unchanged\":[],\"xid\":731}\n");
}

static void ctx_cannot_be_written(void **state)
{
    insert(*state, "ctx.op = 'x'");
    fails_with(*state, "read only");
    insert(*state, "ctx.rows('t')[1] = 'x'");
    fails_with(*state, "read only");
    insert(*state, "ctx.rows('t')[1].op = 'x'");
    fails_with(*state, "read only");
}

static void ctx_rows_sees_siblings_both_ways(void **state)
{
    struct fixture *fixture = *state;
    handler(fixture, "update",
            "local list, seen = ctx.rows('m'), {} "
            "for i, c in ipairs(list) do seen[i] = { c.op, c.new and c.new.n or rowcast.null, "
            "c.old and c.old.n or rowcast.null } end "
            "local own = 0 for _, c in pairs(ctx.rows('public.t')) do own = own + 1 end "
            "return { type = 't', topic = 'x', count = #list, seen = seen, own = own, "
            "last = list[#list].op, beyond = list[99] == nil and list[0] == nil and "
            "list.x == nil and list[1.5] == nil, "
            "none = #ctx.rows('nobody'), s = #ctx.rows('s.m') }");
    const struct relation *m = relation_in(fixture, "public", "m", "n int");
    const struct relation *t = relation(fixture, "id int");
    change(fixture, CHANGE_INSERT, m, ROW("1"), NULL);
    change(fixture, CHANGE_UPDATE, t, ROW("7"), ROW("7"));
    change(fixture, CHANGE_UPDATE, m, ROW("2"), ROW("1"));
    change(fixture, CHANGE_DELETE, m, NULL, ROW("2"));
    run(fixture);
    assert_string_equal(fixture->failures, "");
    assert_string_equal(
        fixture->events,
        "{\"type\":\"t\",\"beyond\":true,\"count\":3,\"last\":\"delete\",\"none\":0,\"own\":1,\"s\":0,"
        "\"seen\":[[\"insert\",1,null],[\"update\",2,1],[\"delete\",null,2]]}\n");
}

static void ctx_rows_says_why_it_has_none(void **state)
{
    struct fixture *fixture = *state;
    handler(fixture, "insert",
            "local rows, reason = ctx.rows('t') "
            "return { type = 't', topic = 'x', none = rows == nil, reason = reason }");
    change(fixture, CHANGE_INSERT, relation(fixture, "id int"), ROW("7"), NULL);
    fixture->transaction->whole = false;
    run(fixture);
    assert_string_equal(fixture->events,
                        "{\"type\":\"t\",\"none\":true,"
                        "\"reason\":\"the transaction is too large to be seen whole\"}\n");
}

static void ctx_rows_searches_a_column(void **state)
{
    struct fixture *fixture = *state;
    handler(fixture, "insert",
            "if new.id > 0 then return end "
            "local function places(...) local found = {} "
            "for i, c in ipairs(ctx.rows(...)) do found[i] = c.index end "
            "return rowcast.array(found) end "
            "return { type = 't', topic = 'x', seven = places('t', 'id', 7), "
            "text = places('t', 'id', '7'), update = places('t', 'id', 7, 'update'), "
            "yes = places('t', 'ok', true), null = places('t', 'ok', rowcast.null), "
            "none = places('t', 'ok', nil), table = places('nobody', 'id', 7) }");
    const struct relation *t = relation(fixture, "id int, ok bool");
    change(fixture, CHANGE_INSERT, t, ROW("7", "t"), NULL);
    change(fixture, CHANGE_INSERT, t, ROW("8", NULL), NULL);
    change(fixture, CHANGE_UPDATE, t, ROW("7", "f"), ROW("8", "t"));
    change(fixture, CHANGE_DELETE, t, NULL, ROW("7", "t"));
    change(fixture, CHANGE_INSERT, t, ROW("0", NULL), NULL);
    run(fixture);
    assert_string_equal(fixture->failures, "");
    assert_string_equal(fixture->events,
                        "{\"type\":\"t\",\"none\":[],\"null\":[],\"seven\":[0,2,3],\"table\":[],"
                        "\"text\":[0,2,3],\"update\":[2],\"yes\":[0,3]}\n");
}

static void ctx_rows_refuses_what_cannot_be_searched(void **state)
{
    struct fixture *fixture = *state;
    insert(fixture, "ctx.rows('t', 'id', {})");
    fails_with(fixture, "bad argument #3 to 'rows' (string expected, got table)");
    insert(fixture, "ctx.rows('t', 'id', 7, 'upsert')");
    fails_with(fixture, "insert, update, delete or truncate expected");
    insert(fixture, "ctx.rows('t', nil, 7)");
    fails_with(fixture, "bad argument #2 to 'rows' (string expected, got nil)");
    insert(fixture, "for i = 1, 65 do ctx.rows('t', 'c' .. i, 7) end");
    fails_with(fixture, "more than 64 columns of public.t are searched");
    insert(fixture, "while true do ctx.rows('t', 'id', 7) end");
    fails_with(fixture, "it ran for too long");
}

static void lists_of_ctx_rows_end_with_their_transaction(void **state)
{
    static const char *const uses[] = {"local x = list[1]", "local x = #list",
                                       "for _ in ipairs(list) do end", "local x = item.new"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "local list, item return { insert = function(new, ctx) if list then %s end "
                 "list = ctx.rows('t') item = list[1] end }",
                 uses[i]);
        write_file(fixture, "tables/t.lua", text);
        load(fixture);
        for (int round = 0; round < 2; round++) {
            begin_transaction(fixture);
            change(fixture, CHANGE_INSERT, relation(fixture, "id int"), ROW("7"), NULL);
            run(fixture);
        }
        fails_with(fixture, "a list of ctx.rows was used after its transaction");
    }
}

// ---- which script ----

static void tables_and_ops_without_a_handler_make_no_event(void **state)
{
    struct fixture *fixture = *state;
    handler(fixture, "insert", "return { type = 't', topic = 'x' }");
    change(fixture, CHANGE_UPDATE, relation(fixture, "id int"), ROW("7"), NULL);
    change(fixture, CHANGE_TRUNCATE, relation(fixture, "id int"), NULL, NULL);
    change(fixture, CHANGE_INSERT, relation_in(fixture, "public", "u", "id int"), ROW("7"), NULL);
    change(fixture, CHANGE_INSERT, relation_in(fixture, "s", "t", "id int"), ROW("7"), NULL);
    run(fixture);
    assert_int_equal(fixture->event_count + fixture->failure_count, 0);
}

static void two_files_of_one_table_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault;
    write_file(fixture, "tables/t.lua", "return {}");
    write_file(fixture, "tables/public.t.lua", "return {}");
    assert_int_equal(script_load(&fixture->script, fixture->folder, &fixture->limits, &fault), -1);
    assert_int_equal(fault.code, EXIT_CONFIGURATION);
    assert_non_null(strstr(fault.text, "another file is the script of public.t already"));
}

static void messages_have_a_script_of_their_own(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "messages.lua",
               "return function(content, ctx) local m = cjson.decode(content) "
               "return { type = m.type, topic = 'x', op = ctx.op, table = ctx.table == nil, "
               "n = #ctx.rows('t') } end");
    load(fixture);
    struct change *added = transaction_add(fixture->transaction);
    added->op = CHANGE_MESSAGE;
    added->prefix = "rowcast";
    added->content = "{\"type\":\"hello\"}";
    added->content_size = strlen(added->content);
    run(fixture);
    assert_string_equal(fixture->failures, "");
    assert_string_equal(fixture->events,
                        "{\"type\":\"hello\",\"n\":0,\"op\":\"message\",\"table\":true}\n");
}

static void messages_without_a_script_make_no_event(void **state)
{
    struct fixture *fixture = *state;
    load(fixture);
    struct change *added = transaction_add(fixture->transaction);
    added->op = CHANGE_MESSAGE;
    added->prefix = "rowcast";
    added->content = "";
    run(fixture);
    assert_int_equal(fixture->event_count + fixture->failure_count, 0);
}

static void two_engines_give_the_same_bytes(void **state)
{
    struct fixture *fixture = *state;
    static char first[sizeof fixture->events];
    for (int round = 0; round < 2; round++) {
        insert(fixture,
               "local t = {} for i = 1, 200 do t['k' .. (i * 7919) % 1000] = { i, i / 7 } end "
               "local seen = {} for key in pairs(t) do seen[#seen + 1] = key end "
               "return { type = 't', topic = 'x', t = t, seen = table.concat(seen), "
               "text = tostring(t) .. tostring(print) .. string.format('%s', new), row = new }");
        if (round == 0)
            strcpy(first, fixture->events);
    }
    assert_int_equal(fixture->event_count, 1);
    assert_string_equal(fixture->events, first);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(nothing_makes_no_event),
        TEST(one_event_goes_out_as_it_is),
        TEST(a_list_goes_out_in_order),
        TEST(what_is_no_event_is_refused),
        TEST(a_refused_event_takes_its_siblings_along),
        TEST(a_type_is_a_string_of_1_to_128_bytes),
        TEST(a_topic_is_a_string_of_1_to_255_bytes),
        TEST(topics_of_a_list_count_once_each),
        TEST(a_topic_list_has_1_to_16_strings),
        TEST(what_the_core_adds_cannot_be_set),
        TEST(a_number_as_a_key_of_an_event_is_refused),
        TEST(more_than_10000_events_are_refused),
        TEST(ids_count_changes_and_emits),
        TEST(a_failed_row_leaves_the_others_alone),
        TEST(too_large_an_event_becomes_a_notice),
        TEST(a_notice_is_never_too_large_itself),
        TEST(numbers_are_numbers),
        TEST(numbers_beyond_are_texts),
        TEST(booleans_are_booleans),
        TEST(null_is_nil_when_read_and_null_in_a_row),
        TEST(timestamps_are_iso),
        TEST(json_that_nobody_touches_keeps_its_bytes),
        TEST(json_is_a_table_when_read),
        TEST(arrays_are_lists),
        TEST(what_is_no_array_literal_stays_text),
        TEST(a_column_that_is_not_there_reads_nil),
        TEST(whole_rows_keep_nulls_and_leave_out_what_did_not_come),
        TEST(old_is_nil_without_an_identity),
        TEST(a_delete_gets_the_old_row),
        TEST(a_truncate_gets_ctx_alone),
        TEST(rows_cannot_be_written_or_called_by_their_metatable),
        TEST(pairs_walks_columns_in_order_without_nulls),
        TEST(pairs_walks_tables_numbers_first_then_strings),
        TEST(what_is_removed_during_pairs_is_skipped),
        TEST(extend_replaces_in_place_and_adds_behind),
        TEST(extend_fills_in_what_did_not_come),
        TEST(extend_works_twice_and_on_tables),
        TEST(extend_checks_what_it_gets),
        TEST(a_row_kept_beyond_its_transaction_is_refused),
        TEST(a_large_value_goes_out_as_it_is),
        TEST(a_large_value_beyond_the_limit_is_told),
        TEST(a_large_value_is_measured_and_compared),
        TEST(what_reads_a_large_value_is_told_the_column),
        TEST(a_large_value_ends_with_its_transaction),
        TEST(ctx_tells_about_the_change),
        TEST(ctx_cannot_be_written),
        TEST(ctx_rows_sees_siblings_both_ways),
        TEST(ctx_rows_says_why_it_has_none),
        TEST(ctx_rows_searches_a_column),
        TEST(ctx_rows_refuses_what_cannot_be_searched),
        TEST(lists_of_ctx_rows_end_with_their_transaction),
        TEST(tables_and_ops_without_a_handler_make_no_event),
        TEST(two_files_of_one_table_are_refused),
        TEST(messages_have_a_script_of_their_own),
        TEST(messages_without_a_script_make_no_event),
        TEST(two_engines_give_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
