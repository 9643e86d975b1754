// SPDX-License-Identifier: MIT
// Transactions, relations, and how they are handed over in parts.
#include "rowcast/change.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../core/source/parts.h"

static void relation_has_its_names(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct relation *relation = relation_new(&arena, "depot", "bays", 2);
    assert_string_equal(relation->schema, "depot");
    assert_string_equal(relation->table, "bays");
    assert_string_equal(relation->name, "depot.bays");
    assert_int_equal(relation->name_size, 10);
    assert_int_equal(relation->column_count, 2);
    assert_null(relation->columns[1].name);
    arena_release(&arena);
}

static void columns_are_found_by_name(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct relation *relation = relation_new(&arena, "public", "t", 2);
    relation->columns[0] = (struct column){.name = "id", .name_size = 2};
    relation->columns[1] = (struct column){.name = "identity", .name_size = 8};
    assert_int_equal(relation_column(relation, "id", 2), 0);
    assert_int_equal(relation_column(relation, "identity", 8), 1);
    assert_int_equal(relation_column(relation, "ident", 5), -1);
    assert_int_equal(relation_column(relation, "", 0), -1);
    arena_release(&arena);
}

static void changes_are_zeroed_and_counted(void **state)
{
    (void)state;
    struct transaction *transaction = transaction_new();
    for (int i = 0; i < 100; i++) {
        struct change *change = transaction_add(transaction);
        assert_int_equal(change->op, CHANGE_INSERT);
        assert_null(change->new_row);
        change->index = 7;
    }
    assert_int_equal(transaction->change_count, 100);
    transaction_free(transaction);
    transaction_free(NULL);
}

static void full_by_changes_or_bytes(void **state)
{
    (void)state;
    struct transaction *many = transaction_new();
    for (int i = 0; i < TRANSACTION_MAX_CHANGES; i++) {
        assert_false(transaction_full(many, TRANSACTION_MAX_BYTES));
        transaction_add(many);
    }
    assert_true(transaction_full(many, TRANSACTION_MAX_BYTES));
    transaction_free(many);

    struct transaction *large = transaction_new();
    arena_new(&large->arena, TRANSACTION_MAX_BYTES);
    assert_true(transaction_full(large, TRANSACTION_MAX_BYTES));
    transaction_free(large);
}

static void operations_have_names(void **state)
{
    (void)state;
    assert_string_equal(change_op_name(CHANGE_INSERT), "insert");
    assert_string_equal(change_op_name(CHANGE_MESSAGE), "message");
}

// ---- parts ----

struct seen {
    uint32_t parts, changes, whole, last;
    uint64_t end_lsn;
    char newest[16];
};

static void see(void *user, struct transaction *transaction)
{
    struct seen *seen = user;
    seen->parts++;
    seen->whole += transaction->whole;
    seen->last += transaction->last;
    seen->end_lsn = transaction->end_lsn;
    assert_int_equal(transaction->lsn, 77);
    assert_int_equal(transaction->xid, 5);
    for (uint32_t i = 0; i < transaction->change_count; i++) {
        const struct change *change = &transaction->changes[i];
        assert_int_equal(change->index, seen->changes++);
        const struct value *value = &change->new_row->values[0];
        snprintf(seen->newest, sizeof seen->newest, "%.*s", (int)value->size, value->text);
        assert_string_equal(change->new_row->relation->columns[0].name, "id");
        assert_int_equal(atoi(seen->newest), change->index);
    }
    transaction_free(transaction);
}

static void add_row(struct parts *parts, int number)
{
    struct change *change = parts_add(parts);
    struct arena *arena = &parts->open->arena;
    struct relation *relation = relation_new(arena, "public", "t", 2);
    relation->columns[0] = (struct column){.name = arena_copy(arena, "id", 2), .name_size = 2};
    relation->columns[1] = (struct column){.name = arena_copy(arena, "n", 1), .name_size = 1};
    struct value *values = arena_new(arena, 2 * sizeof *values);
    char text[16];
    values[0].state = VALUE_TEXT;
    values[0].size = (uint32_t)snprintf(text, sizeof text, "%d", number);
    values[0].text = arena_copy(arena, text, values[0].size);
    values[1].state = VALUE_NULL;
    struct row *row = arena_new(arena, sizeof *row);
    *row = (struct row){relation, values};
    change->relation = relation;
    change->new_row = row;
}

static struct seen run(int rows)
{
    struct seen seen = {0};
    struct parts parts = {.deliver = see, .user = &seen, .max_bytes = TRANSACTION_MAX_BYTES};
    parts_begin(&parts, 77, 5, 1000);
    for (int i = 0; i < rows; i++)
        add_row(&parts, i);
    parts_end(&parts, 99);
    assert_null(parts.open);
    assert_int_equal(seen.changes, rows);
    assert_int_equal(seen.last, 1);
    assert_int_equal(seen.end_lsn, 99);
    return seen;
}

static void within_the_bounds_it_is_whole(void **state)
{
    (void)state;
    assert_int_equal(run(0).parts, 1);
    struct seen seen = run(TRANSACTION_MAX_CHANGES);
    assert_int_equal(seen.parts, 1);
    assert_int_equal(seen.whole, 1);
}

static void beyond_the_bounds_it_comes_in_parts(void **state)
{
    (void)state;
    struct seen seen = run(TRANSACTION_MAX_CHANGES + 1);
    assert_int_equal(seen.parts, 2);
    assert_int_equal(seen.whole, 0);
    seen = run(TRANSACTION_MAX_CHANGES + 2 * TRANSACTION_PART_CHANGES + 1);
    assert_int_equal(seen.parts, 4);
    assert_int_equal(seen.whole, 0);
}

static void a_part_of_large_changes_is_short(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct parts parts = {.deliver = see, .user = &seen, .max_bytes = TRANSACTION_MAX_BYTES};
    parts_begin(&parts, 77, 5, 1000);
    for (int i = 0; i <= TRANSACTION_MAX_CHANGES; i++)
        add_row(&parts, i);
    assert_int_equal(seen.parts, 1);
    arena_new(&parts.open->arena, TRANSACTION_PART_BYTES);
    add_row(&parts, TRANSACTION_MAX_CHANGES + 1);
    assert_int_equal(seen.parts, 2);
    parts_end(&parts, 99);
    assert_int_equal(seen.parts, 3);
}

static void a_dropped_transaction_is_not_delivered(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct parts parts = {.deliver = see, .user = &seen, .max_bytes = TRANSACTION_MAX_BYTES};
    parts_begin(&parts, 77, 5, 1000);
    add_row(&parts, 0);
    parts_drop(&parts);
    assert_int_equal(seen.parts, 0);
    parts_drop(&parts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relation_has_its_names),
        cmocka_unit_test(columns_are_found_by_name),
        cmocka_unit_test(changes_are_zeroed_and_counted),
        cmocka_unit_test(full_by_changes_or_bytes),
        cmocka_unit_test(operations_have_names),
        cmocka_unit_test(within_the_bounds_it_is_whole),
        cmocka_unit_test(beyond_the_bounds_it_comes_in_parts),
        cmocka_unit_test(a_part_of_large_changes_is_short),
        cmocka_unit_test(a_dropped_transaction_is_not_delivered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
