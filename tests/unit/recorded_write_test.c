// SPDX-License-Identifier: MIT
// Tests of core/source/recorded_write.c: what is written is read as what it was.
#include "rowcast/recorded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "noted.h"

#define TIME 1762689600123456

// A table to fill: columns as `describe` says, "name type" pairs.
struct cell {
    const char *name;
    enum column_type type;
    bool array;
    const char *text; // NULL: NULL
    enum value_state state;
};

#define CELL(name, type, text)                                                                     \
    {                                                                                              \
        name, COLUMN_##type, false, text, (text) ? VALUE_TEXT : VALUE_NULL                         \
    }
#define LIST(name, type, text)                                                                     \
    {                                                                                              \
        name, COLUMN_##type, true, text, VALUE_TEXT                                                \
    }
#define ROW(...) ((const struct cell[]){__VA_ARGS__, {0}})

static const struct row *make_row(struct arena *arena, const struct cell *cells)
{
    uint32_t count = 0;
    while (cells[count].name)
        count++;
    struct relation *relation = relation_new(arena, "public", "t", count);
    struct value *values = arena_new(arena, (count + 1) * sizeof *values);
    for (uint32_t i = 0; i < count; i++) {
        const struct cell *cell = &cells[i];
        relation->columns[i] = (struct column){.name = cell->name,
                                               .name_size = (uint32_t)strlen(cell->name),
                                               .type = cell->type,
                                               .array = cell->array};
        values[i].state = cell->state;
        if (cell->state != VALUE_TEXT)
            continue;
        values[i].size = (uint32_t)strlen(cell->text);
        char *exact = arena_new(arena, values[i].size); // without a NUL behind
        memcpy(exact, cell->text, values[i].size);
        values[i].text = exact;
    }
    struct row *row = arena_new(arena, sizeof *row);
    *row = (struct row){relation, values};
    return row;
}

static struct transaction *begin(void)
{
    struct transaction *transaction = transaction_new();
    transaction->lsn = 0x16B3748;
    transaction->xid = 731;
    transaction->time = TIME;
    transaction->whole = transaction->last = true;
    return transaction;
}

static struct change *add(struct transaction *transaction, enum change_op op,
                          const struct cell *new_cells, const struct cell *old_cells)
{
    struct change *change = transaction_add(transaction);
    change->op = op;
    change->index = transaction->change_count - 1;
    if (new_cells)
        change->new_row = make_row(&transaction->arena, new_cells);
    if (old_cells)
        change->old_row = make_row(&transaction->arena, old_cells);
    change->relation = change->new_row   ? change->new_row->relation
                       : change->old_row ? change->old_row->relation
                                         : relation_new(&transaction->arena, "public", "t", 0);
    return change;
}

static void write_all(const struct transaction *transaction, struct buffer *out, const char *notes)
{
    uint32_t at = 0;
    do {
        uint32_t next = recorded_write(out, transaction, at, notes);
        assert_true(next > at || transaction->change_count == 0);
        at = next;
    } while (at < transaction->change_count);
}

static void is_written_as(struct transaction *transaction, const char *notes, const char *expected)
{
    struct buffer out;
    buffer_init(&out, 1 << 20);
    write_all(transaction, &out, notes);
    buffer_append_byte(&out, '\0');
    assert_string_equal(out.bytes, expected);
    buffer_release(&out);
    transaction_free(transaction);
}

static void a_transaction_is_one_line(void **state)
{
    (void)state;
    struct transaction *transaction = begin();
    transaction->time = 1762689600000000;
    add(transaction, CHANGE_INSERT,
        ROW(CELL("id", TEXT, "1"), CELL("n", INTEGER, "7"), CELL("yes", BOOLEAN, "t"),
            CELL("p", FLOAT, "0.5"), CELL("none", TEXT, NULL), CELL("doc", JSON, "{\"a\": 1}"),
            CELL("at", TIMESTAMPTZ, "2025-11-09 12:00:00.5+00")),
        NULL);
    add(transaction, CHANGE_UPDATE,
        ROW(CELL("id", TEXT, "1"), {"big", COLUMN_TEXT, false, NULL, VALUE_UNCHANGED}),
        ROW(CELL("id", TEXT, "0"), {"big", COLUMN_TEXT, false, NULL, VALUE_ABSENT}));
    add(transaction, CHANGE_TRUNCATE, NULL, NULL);
    struct change *message = add(transaction, CHANGE_MESSAGE, NULL, NULL);
    message->relation = NULL;
    message->prefix = "rowcast";
    message->content = "a\nb";
    message->content_size = 3;
    is_written_as(
        transaction, NULL,
        "{\"lsn\":\"0/16B3748\",\"xid\":731,\"time\":\"2025-11-09T12:00:00.000Z\",\"changes\":["
        "{\"op\":\"insert\",\"table\":\"public.t\",\"new\":{\"id\":\"1\",\"n\":7,\"yes\":true,"
        "\"p\":0.5,\"none\":null,\"doc\":{\"a\": 1},\"at\":\"2025-11-09T12:00:00.500Z\"}},"
        "{\"op\":\"update\",\"table\":\"public.t\",\"old\":{\"id\":\"0\"},\"new\":{\"id\":\"1\"},"
        "\"unchanged\":[\"big\"]},"
        "{\"op\":\"truncate\",\"table\":\"public.t\"},"
        "{\"op\":\"message\",\"prefix\":\"rowcast\",\"content\":\"a\\nb\"}]}\n");
}

static void arrays_are_lists(void **state)
{
    (void)state;
    struct transaction *transaction = begin();
    add(transaction, CHANGE_INSERT,
        ROW(LIST("n", INTEGER, "{1,NULL,3}"), LIST("t", TEXT, "{\"a b\",\"NULL\",NULL,{x,y}}"),
            LIST("f", FLOAT, "{0.5,NaN}"), LIST("b", BOOLEAN, "{t,f}"), LIST("none", TEXT, "{}"),
            LIST("bad", TEXT, "{a")),
        NULL);
    is_written_as(
        transaction, NULL,
        "{\"lsn\":\"0/16B3748\",\"xid\":731,\"time\":\"2025-11-09T12:00:00.123456Z\","
        "\"changes\":[{\"op\":\"insert\",\"table\":\"public.t\",\"new\":{\"n\":[1,null,3],"
        "\"t\":[\"a b\",\"NULL\",null,[\"x\",\"y\"]],\"f\":[0.5,\"NaN\"],"
        "\"b\":[true,false],\"none\":[],\"bad\":\"{a\"}}]}\n");
}

// As a plain value each of these would be something else to a script, or break the line.
static void what_is_not_plain_says_its_type(void **state)
{
    (void)state;
    struct transaction *transaction = begin();
    add(transaction, CHANGE_UPDATE,
        ROW(CELL("scalar", JSON, "\"text\""), CELL("lines", JSON, "{\n}"),
            CELL("null", JSON, "null"), CELL("huge", JSON, "[1e999]"), CELL("zero", FLOAT, "-0"),
            CELL("both", JSON, "[]"), LIST("exact", FLOAT, "{0.30000000000000004}"),
            LIST("docs", JSON, "{\"[\n]\"}")),
        ROW(CELL("both", JSON, "1")));
    is_written_as(
        transaction, NULL,
        "{\"lsn\":\"0/16B3748\",\"xid\":731,\"time\":\"2025-11-09T12:00:00.123456Z\","
        "\"changes\":[{\"op\":\"update\",\"table\":\"public.t\",\"old\":{\"both\":\"1\"},"
        "\"new\":{\"scalar\":\"\\\"text\\\"\",\"lines\":\"{\\n}\",\"null\":\"null\","
        "\"huge\":\"[1e999]\",\"zero\":\"-0\",\"both\":\"[]\","
        "\"exact\":\"{0.30000000000000004}\",\"docs\":\"{\\\"[\\n]\\\"}\"},"
        "\"typed\":{\"scalar\":\"json\",\"lines\":\"json\",\"null\":\"json\","
        "\"huge\":\"json\",\"zero\":\"float\",\"both\":\"json\",\"exact\":\"float[]\",\"docs\":\"json[]\"}}]}\n");
}

static void notes_stand_before_the_changes(void **state)
{
    (void)state;
    is_written_as(begin(), "\"failed\":[],",
                  "{\"lsn\":\"0/16B3748\",\"xid\":731,\"time\":\"2025-11-09T12:00:00.123456Z\","
                  "\"failed\":[],\"changes\":[]}\n");
}

// ---- written, read, written: equal; any number of times ----

struct copies {
    struct transaction *items[64];
    int count;
};

static void keep(void *user, struct transaction *transaction)
{
    struct copies *copies = user;
    assert_true(copies->count < 64);
    copies->items[copies->count++] = transaction;
}

static void read_back(const struct buffer *text, struct copies *copies)
{
    struct recorded_reader *reader = recorded_reader_new(keep, copies);
    struct fault fault;
    for (const char *at = text->bytes, *end; at < text->bytes + text->size; at = end + 1) {
        end = memchr(at, '\n', text->size - (size_t)(at - text->bytes));
        assert_non_null(end);
        if (recorded_reader_line(reader, at, (size_t)(end - at), 0, &fault) < 0)
            fail_msg("%s in: %.*s", fault.text, (int)(end - at), at);
    }
    if (recorded_reader_end(reader, &fault) < 0)
        fail_msg("%s", fault.text);
    recorded_reader_free(reader);
}

static void comes_back(const struct transaction *transaction)
{
    struct buffer first, second;
    struct copies copies = {0};
    buffer_init(&first, 1 << 20);
    buffer_init(&second, 1 << 20);
    write_all(transaction, &first, NULL);
    read_back(&first, &copies);
    assert_int_equal(copies.count, 1);
    assert_int_equal(copies.items[0]->lsn, transaction->lsn);
    assert_int_equal(copies.items[0]->xid, transaction->xid);
    assert_int_equal(copies.items[0]->time, transaction->time);
    assert_int_equal(copies.items[0]->whole, transaction->whole);
    write_all(copies.items[0], &second, NULL);
    buffer_append_byte(&first, '\0');
    buffer_append_byte(&second, '\0');
    assert_string_equal(first.bytes, second.bytes);
    transaction_free(copies.items[0]);
    buffer_release(&first);
    buffer_release(&second);
}

static uint32_t random_number(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) % below;
}

// `like`: the table's columns, as another row has them; NULL: any.
static void random_row(uint32_t *seed, const struct cell *like, struct cell cells[9])
{
    static const struct cell choices[] = {
        CELL("", TEXT, "t"),
        CELL("", TEXT, ""),
        CELL("", TEXT, "\xff\x01\"\\\n\xc3\xa9"),
        CELL("", INTEGER, "-5"),
        CELL("", INTEGER, "2147483647"),
        CELL("", BOOLEAN, "f"),
        CELL("", FLOAT, "1.7976931348623157e+308"),
        CELL("", FLOAT, "5e-324"),
        CELL("", FLOAT, "-0"),
        CELL("", FLOAT, "1e+15"),
        CELL("", FLOAT, "NaN"),
        CELL("", FLOAT, "3"),
        CELL("", JSON, "true"),
        CELL("", JSON, "{\"k\":[1,2.50]}"),
        CELL("", JSON, "{\"k\":1,\"k\":2}"),
        CELL("", JSON, " [1]"),
        CELL("", JSON, "1E400"),
        CELL("", JSON, "\"\\u0000\\ud800\""),
        CELL("", TIMESTAMP, "infinity"),
        CELL("", TIMESTAMPTZ, "2025-11-09 12:00:00.123456+00"),
        LIST("", FLOAT, "{1,-0}"),
        LIST("", FLOAT, "{0.1,Infinity,NULL}"),
        LIST("", JSON, "{\"{\\\"a\\\": 1}\",null}"),
        LIST("", JSON, "{\"\\\"x\\\"\"}"),
        LIST("", TEXT, "{{a,b},{NULL,\"\"}}"),
        LIST("", TIMESTAMP, "[0:1]={\"2025-11-09 12:00:00\",NULL}"),
        {"", COLUMN_JSON, false, NULL, VALUE_NULL},
        {"", COLUMN_TEXT, false, NULL, VALUE_ABSENT}};
    static const char *const names[] = {"id", "b \"q\"", "c", "d\xc3\xa9", "e", "f", "g", "h"};
    uint32_t count = 0;
    for (uint32_t most = random_number(seed, 9); like ? like[count].name != NULL : count < most;
         count++) {
        do
            cells[count] = choices[random_number(seed, sizeof choices / sizeof *choices)];
        while (like &&
               (cells[count].type != like[count].type || cells[count].array != like[count].array));
        cells[count].name = names[count];
    }
    cells[count].name = NULL;
}

static struct transaction *random_transaction(uint32_t *seed)
{
    struct transaction *transaction = begin();
    transaction->lsn = 1 + random_number(seed, 1000000);
    for (uint32_t count = random_number(seed, 6); count > 0; count--) {
        struct cell new_cells[9], old_cells[9];
        enum change_op op = random_number(seed, 4);
        random_row(seed, NULL, new_cells);
        random_row(seed, new_cells, old_cells);
        bool has_old = op == CHANGE_DELETE || (op == CHANGE_UPDATE && random_number(seed, 2));
        add(transaction, op, op <= CHANGE_UPDATE ? new_cells : NULL, has_old ? old_cells : NULL);
    }
    return transaction;
}

static void any_transaction_comes_back(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (int i = 0; i < 5000; i++) {
        struct transaction *transaction = random_transaction(&seed);
        comes_back(transaction);
        transaction_free(transaction);
    }
}

// ---- more than a line ----

static void what_does_not_fit_goes_on_in_the_next_line(void **state)
{
    (void)state;
    struct buffer out;
    struct copies copies = {0};
    struct transaction *transaction = begin();
    for (int i = 0; i < 20; i++)
        add(transaction, CHANGE_INSERT, ROW(CELL("id", TEXT, "a row of some bytes")), NULL);
    struct buffer text;
    buffer_init(&text, 1 << 20);
    int lines = 0;
    for (uint32_t at = 0; at < 20; lines++) {
        buffer_init(&out, 512);
        uint32_t next = recorded_write(&out, transaction, at, NULL);
        assert_true(next > at);
        at = next;
        buffer_append(&text, out.bytes, out.size);
        buffer_release(&out);
    }
    assert_true(lines > 1);
    read_back(&text, &copies);
    assert_int_equal(copies.count, 1);
    assert_int_equal(copies.items[0]->change_count, 20);
    assert_true(copies.items[0]->whole);
    transaction_free(copies.items[0]);
    buffer_release(&text);
    transaction_free(transaction);
}

static void a_change_that_fits_no_line_is_not_written(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, 120);
    buffer_append_text(&out, "x\n");
    struct transaction *transaction = begin();
    add(transaction, CHANGE_INSERT, ROW(CELL("id", TEXT, "a row that is larger than the line")),
        NULL);
    assert_int_equal(recorded_write(&out, transaction, 0, NULL), 0);
    assert_int_equal(out.size, 2);
    buffer_release(&out);
    transaction_free(transaction);
}

static void parts_come_back_as_a_part(void **state)
{
    (void)state;
    struct buffer out;
    struct copies copies = {0};
    buffer_init(&out, 1 << 20);
    for (uint32_t i = 0; i < 3; i++) {
        struct transaction *part = begin();
        part->whole = false;
        part->last = i == 2;
        add(part, CHANGE_INSERT, ROW(CELL("id", TEXT, "1")), NULL)->index = 5 + i;
        write_all(part, &out, NULL);
        transaction_free(part);
    }
    read_back(&out, &copies);
    assert_int_equal(copies.count, 1);
    assert_false(copies.items[0]->whole);
    assert_true(copies.items[0]->last);
    assert_int_equal(copies.items[0]->change_count, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(copies.items[0]->changes[i].index, 5 + i);
    transaction_free(copies.items[0]);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transaction_is_one_line),
        cmocka_unit_test(arrays_are_lists),
        cmocka_unit_test(what_is_not_plain_says_its_type),
        cmocka_unit_test(notes_stand_before_the_changes),
        cmocka_unit_test(any_transaction_comes_back),
        cmocka_unit_test(what_does_not_fit_goes_on_in_the_next_line),
        cmocka_unit_test(a_change_that_fits_no_line_is_not_written),
        cmocka_unit_test(parts_come_back_as_a_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
