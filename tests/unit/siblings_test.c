// SPDX-License-Identifier: MIT
// Tests of siblings.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/siblings.h"

struct fixture {
    struct transaction *transaction;
    struct siblings *siblings;
    size_t steps; // of the newest look
};

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->transaction = transaction_new();
    fixture->siblings = siblings_new();
    siblings_begin(fixture->siblings, fixture->transaction);
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    siblings_free(fixture->siblings);
    transaction_free(fixture->transaction);
    free(fixture);
    return 0;
}

// A table with one column "c".
static struct relation *table(struct fixture *fixture, const char *name, enum column_type type)
{
    struct relation *relation = relation_new(&fixture->transaction->arena, "public", name, 1);
    relation->columns[0] = (struct column){.name = "c", .name_size = 1, .type = type};
    return relation;
}

static const struct row *row(struct fixture *fixture, const struct relation *relation,
                             const char *text)
{
    struct arena *arena = &fixture->transaction->arena;
    struct value *value = arena_new(arena, sizeof *value);
    struct row *row = arena_new(arena, sizeof *row);
    *value =
        (struct value){text ? VALUE_TEXT : VALUE_NULL, text ? (uint32_t)strlen(text) : 0, NULL};
    if (text)
        value->text = arena_copy(arena, text, value->size);
    *row = (struct row){relation, value};
    return row;
}

static void add(struct fixture *fixture, enum change_op op, const struct relation *relation,
                const char *new_text, const char *old_text)
{
    struct change *change = transaction_add(fixture->transaction);
    change->op = op;
    change->index = fixture->transaction->change_count - 1;
    change->relation = relation;
    if (op == CHANGE_INSERT || op == CHANGE_UPDATE)
        change->new_row = row(fixture, relation, new_text);
    if (op == CHANGE_UPDATE || op == CHANGE_DELETE)
        change->old_row = row(fixture, relation, old_text);
}

// "0 2 5": the places in the transaction.
static const char *places(struct sibling_list list)
{
    static char text[256];
    text[0] = '\0';
    for (uint32_t i = 0; i < list.count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%u", i ? " " : "",
                 list.changes[i]->index);
    return text;
}

static struct sibling_list find(struct fixture *fixture, const char *name, const char *column,
                                const char *text, int op)
{
    struct sibling_list list;
    fixture->steps = 0;
    assert_true(siblings_search(fixture->siblings, name, column, text, strlen(text), op, &list,
                                &fixture->steps));
    return list;
}

static const char *found(struct fixture *fixture, const char *text, int op)
{
    return places(find(fixture, "public.t", "c", text, op));
}

static void a_table_has_its_changes_in_order(void **state)
{
    struct fixture *fixture = *state;
    const struct relation *t = table(fixture, "t", COLUMN_TEXT);
    const struct relation *s = table(fixture, "s", COLUMN_TEXT);
    const struct relation *altered = table(fixture, "t", COLUMN_TEXT);
    size_t steps = 0;
    add(fixture, CHANGE_INSERT, t, "a", NULL);
    add(fixture, CHANGE_INSERT, s, "a", NULL);
    add(fixture, CHANGE_DELETE, t, NULL, "a");
    add(fixture, CHANGE_MESSAGE, NULL, NULL, NULL);
    add(fixture, CHANGE_INSERT, altered, "a", NULL);
    add(fixture, CHANGE_TRUNCATE, t, NULL, NULL);
    assert_string_equal(places(siblings_of(fixture->siblings, "public.t", &steps)), "0 2 4 5");
    assert_string_equal(places(siblings_of(fixture->siblings, "public.s", &steps)), "1");
    assert_string_equal(places(siblings_of(fixture->siblings, "public.none", &steps)), "");
}

static void a_search_finds_by_the_new_else_the_old_row(void **state)
{
    struct fixture *fixture = *state;
    const struct relation *t = table(fixture, "t", COLUMN_TEXT);
    add(fixture, CHANGE_INSERT, t, "b", NULL);
    add(fixture, CHANGE_UPDATE, t, "a", "b");
    add(fixture, CHANGE_INSERT, t, NULL, NULL);
    add(fixture, CHANGE_DELETE, t, NULL, "a");
    add(fixture, CHANGE_TRUNCATE, t, NULL, NULL);
    add(fixture, CHANGE_INSERT, t, "ab", NULL);
    add(fixture, CHANGE_INSERT, t, "a", NULL);
    assert_string_equal(found(fixture, "a", SIBLINGS_ANY), "1 3 6");
    assert_string_equal(found(fixture, "a", CHANGE_INSERT), "6");
    assert_string_equal(found(fixture, "a", CHANGE_DELETE), "3");
    assert_string_equal(found(fixture, "a", CHANGE_TRUNCATE), "");
    assert_string_equal(found(fixture, "b", SIBLINGS_ANY), "0");
    assert_string_equal(found(fixture, "ab", SIBLINGS_ANY), "5");
    assert_string_equal(found(fixture, "", SIBLINGS_ANY), "");
    assert_string_equal(found(fixture, "c", SIBLINGS_ANY), "");
    assert_string_equal(places(find(fixture, "public.t", "none", "a", SIBLINGS_ANY)), "");
    assert_string_equal(places(find(fixture, "public.none", "c", "a", SIBLINGS_ANY)), "");
}

static void values_are_found_as_scripts_are_shown_them(void **state)
{
    (void)state;
    static const struct {
        enum column_type type;
        const char *text, *shown;
    } cases[] = {
        {COLUMN_TEXT, "1.50", "1.50"},
        {COLUMN_INTEGER, "12", "12"},
        {COLUMN_INTEGER, "0", "0"},
        {COLUMN_INTEGER, "-7", "-7"},
        {COLUMN_INTEGER, "12345678901234567890", "1.2345678901235e+19"},
        {COLUMN_FLOAT, "1.50", "1.5"},
        {COLUMN_FLOAT, "0.1", "0.1"},
        {COLUMN_FLOAT, "NaN", "NaN"},
        {COLUMN_FLOAT, "-Infinity", "-Infinity"},
        {COLUMN_BOOLEAN, "t", "true"},
        {COLUMN_BOOLEAN, "f", "false"},
        {COLUMN_TIMESTAMPTZ, "2025-11-09 12:00:00.5+00", "2025-11-09T12:00:00.500Z"},
        {COLUMN_TIMESTAMP, "2025-11-09 12:00:00", "2025-11-09T12:00:00.000"},
        {COLUMN_TIMESTAMPTZ, "infinity", "infinity"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture fixture = {.transaction = transaction_new()};
        fixture.siblings = siblings_new();
        siblings_begin(fixture.siblings, fixture.transaction);
        add(&fixture, CHANGE_INSERT, table(&fixture, "t", cases[i].type), cases[i].text, NULL);
        assert_string_equal(found(&fixture, cases[i].shown, SIBLINGS_ANY), "0");
        if (strcmp(cases[i].text, cases[i].shown) != 0)
            assert_string_equal(found(&fixture, cases[i].text, SIBLINGS_ANY), "");
        siblings_free(fixture.siblings);
        transaction_free(fixture.transaction);
    }
}

static void arrays_and_json_are_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct relation *list = table(fixture, "t", COLUMN_TEXT);
    list->columns[0].array = true;
    add(fixture, CHANGE_INSERT, table(fixture, "t", COLUMN_JSON), "1", NULL);
    add(fixture, CHANGE_INSERT, list, "{a}", NULL);
    assert_string_equal(found(fixture, "1", SIBLINGS_ANY), "");
    assert_string_equal(found(fixture, "{a}", SIBLINGS_ANY), "");
}

// However large the transaction: the first look costs in proportion, no other one does.
static void a_further_look_costs_what_it_finds(void **state)
{
    struct fixture *fixture = *state;
    const struct relation *t = table(fixture, "t", COLUMN_TEXT);
    char text[16];
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "%d", i % 1000);
        add(fixture, CHANGE_INSERT, t, text, NULL);
    }
    assert_int_equal(find(fixture, "public.t", "c", "17", SIBLINGS_ANY).count, 5);
    assert_true(fixture->steps > 5000);
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "%d", i);
        struct sibling_list list = find(fixture, "public.t", "c", text, SIBLINGS_ANY);
        assert_int_equal(list.count, 5);
        for (uint32_t j = 0; j < 5; j++)
            assert_int_equal(list.changes[j]->index, i + 1000 * (int)j);
        assert_true(fixture->steps < 100);
    }
    find(fixture, "public.none", "c", "17", SIBLINGS_ANY);
    assert_true(fixture->steps < 100);
}

static void long_values_cost_more(void **state)
{
    struct fixture *fixture = *state;
    const struct relation *t = table(fixture, "t", COLUMN_TEXT);
    char text[8001];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 10; i++)
        add(fixture, CHANGE_INSERT, t, text, NULL);
    assert_int_equal(find(fixture, "public.t", "c", text, SIBLINGS_ANY).count, 10);
    assert_true(fixture->steps > 10000);
}

static void searches_of_a_table_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct sibling_list list;
    char column[16];
    add(fixture, CHANGE_INSERT, table(fixture, "t", COLUMN_TEXT), "a", NULL);
    for (int i = 0; i <= SIBLINGS_MAX_SEARCHES; i++) {
        snprintf(column, sizeof column, "c%d", i);
        assert_int_equal(siblings_search(fixture->siblings, "public.t", column, "a", 1,
                                         SIBLINGS_ANY, &list, &fixture->steps),
                         i < SIBLINGS_MAX_SEARCHES);
    }
    assert_string_equal(places(find(fixture, "public.t", "c0", "a", SIBLINGS_ANY)), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_table_has_its_changes_in_order),
        TEST(a_search_finds_by_the_new_else_the_old_row),
        TEST(values_are_found_as_scripts_are_shown_them),
        TEST(arrays_and_json_are_not_found),
        TEST(a_further_look_costs_what_it_finds),
        TEST(long_values_cost_more),
        TEST(searches_of_a_table_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
