// SPDX-License-Identifier: MIT
// Transactions and relations: the memory behind change.h.
#include "rowcast/change.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

// In its own arena, so that a small one is a single allocation. The bounds count what comes into it.
struct transaction *transaction_new(void)
{
    struct arena arena;
    arena_init(&arena);
    struct transaction *transaction = arena_new(&arena, sizeof *transaction);
    transaction->arena = arena;
    transaction->arena.size = 0;
    transaction->changes = transaction->few;
    transaction->change_capacity = TRANSACTION_FEW_CHANGES;
    return transaction;
}

void transaction_free(struct transaction *transaction)
{
    if (!transaction)
        return;
    struct arena arena = transaction->arena;
    if (transaction->changes != transaction->few)
        free(transaction->changes);
    arena_release(&arena);
}

static void grow(struct transaction *transaction)
{
    bool first = transaction->changes == transaction->few;
    uint32_t capacity = transaction->change_capacity * 2;
    transaction->changes =
        memory_resize(first ? NULL : transaction->changes, capacity * sizeof *transaction->changes);
    if (first)
        memcpy(transaction->changes, transaction->few, sizeof transaction->few);
    transaction->change_capacity = capacity;
}

struct change *transaction_add(struct transaction *transaction)
{
    if (transaction->change_count == transaction->change_capacity)
        grow(transaction);
    struct change *change = &transaction->changes[transaction->change_count++];
    memset(change, 0, sizeof *change);
    return change;
}

bool transaction_full(const struct transaction *transaction, size_t max_bytes)
{
    return transaction->change_count >= TRANSACTION_MAX_CHANGES ||
           transaction->arena.size >= max_bytes;
}

bool transaction_part_full(const struct transaction *part)
{
    return part->change_count >= TRANSACTION_PART_CHANGES ||
           part->arena.size >= TRANSACTION_PART_BYTES;
}

const char *change_op_name(enum change_op op)
{
    static const char *const names[] = {
        [CHANGE_INSERT] = "insert",   [CHANGE_UPDATE] = "update",
        [CHANGE_DELETE] = "delete",   [CHANGE_TRUNCATE] = "truncate",
        [CHANGE_MESSAGE] = "message", [CHANGE_SNAPSHOT] = "snapshot",
    };
    return names[op];
}

// "schema.table" in one piece; the table's own name is its tail.
static void name_relation(struct relation *relation, struct arena *arena, const char *schema,
                          const char *table)
{
    size_t schema_size = strlen(schema);
    size_t table_size = strlen(table);
    char *name = arena_new(arena, schema_size + 1 + table_size + 1);
    memcpy(name, schema, schema_size);
    name[schema_size] = '.';
    memcpy(name + schema_size + 1, table, table_size);

    relation->schema = arena_copy(arena, schema, schema_size);
    relation->table = name + schema_size + 1;
    relation->name = name;
    relation->name_size = (uint32_t)(schema_size + 1 + table_size);
}

struct relation *relation_new(struct arena *arena, const char *schema, const char *table,
                              uint32_t column_count)
{
    struct relation *relation =
        arena_new(arena, sizeof *relation + column_count * sizeof relation->columns[0]);
    relation->column_count = column_count;
    name_relation(relation, arena, schema, table);
    return relation;
}

int relation_column(const struct relation *relation, const char *name, size_t size)
{
    for (uint32_t i = 0; i < relation->column_count; i++) {
        const struct column *column = &relation->columns[i];
        if (column->name_size == size && memcmp(column->name, name, size) == 0)
            return (int)i;
    }
    return -1;
}
