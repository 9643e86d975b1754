// SPDX-License-Identifier: MIT
// Transactions whole or in parts.
#include "parts.h"

#include <string.h>

struct relation *relation_copy(struct arena *arena, const struct relation *relation)
{
    struct relation *copy =
        relation_new(arena, relation->schema, relation->table, relation->column_count);
    for (uint32_t i = 0; i < relation->column_count; i++) {
        const struct column *column = &relation->columns[i];
        copy->columns[i] = *column;
        copy->columns[i].name = arena_copy(arena, column->name, column->name_size);
    }
    return copy;
}

static const struct row *copy_row(struct arena *arena, const struct row *row,
                                  const struct relation *relation)
{
    if (!row)
        return NULL;
    struct value *values = arena_new(arena, relation->column_count * sizeof *values);
    for (uint32_t i = 0; i < relation->column_count; i++) {
        values[i] = row->values[i];
        if (values[i].state == VALUE_TEXT)
            values[i].text = arena_copy(arena, row->values[i].text, row->values[i].size);
    }
    struct row *copy = arena_new(arena, sizeof *copy);
    copy->relation = relation;
    copy->values = values;
    return copy;
}

// A row has the relation of its change in most sources, but need not.
static const struct row *copy_change_row(struct arena *arena, const struct row *row,
                                         const struct change *from, const struct change *to)
{
    if (!row || row->relation == from->relation)
        return copy_row(arena, row, to->relation);
    return copy_row(arena, row, relation_copy(arena, row->relation));
}

static void copy_change(struct transaction *part, const struct change *from)
{
    struct arena *arena = &part->arena;
    struct change *to = transaction_add(part);
    to->op = from->op;
    to->index = from->index;
    to->relation = from->relation ? relation_copy(arena, from->relation) : NULL;
    to->new_row = copy_change_row(arena, from->new_row, from, to);
    to->old_row = copy_change_row(arena, from->old_row, from, to);
    if (from->prefix) {
        to->prefix = arena_copy(arena, from->prefix, strlen(from->prefix));
        to->content = arena_copy(arena, from->content, from->content_size);
        to->content_size = from->content_size;
    }
}

static struct transaction *part_of(const struct transaction *transaction)
{
    struct transaction *part = transaction_new();
    part->lsn = transaction->lsn;
    part->xid = transaction->xid;
    part->time = transaction->time;
    return part;
}

static void open_part(struct parts *parts, struct transaction *part)
{
    parts->open = part;
    parts->serial++;
}

// The collected changes share one arena, so each is copied into a part of its own. The newest one
// is delivered here too: the part that is open afterwards is empty.
static void cut(struct parts *parts)
{
    struct transaction *whole = parts->open;
    parts->cut = true;
    open_part(parts, part_of(whole));
    for (uint32_t i = 0; i < whole->change_count; i++) {
        struct transaction *part = part_of(whole);
        copy_change(part, &whole->changes[i]);
        parts->deliver(parts->user, part);
    }
    transaction_free(whole);
}

static void next_part(struct parts *parts)
{
    struct transaction *full = parts->open;
    open_part(parts, part_of(full));
    parts->deliver(parts->user, full);
}

void parts_begin(struct parts *parts, uint64_t lsn, uint32_t xid, int64_t time)
{
    parts_drop(parts);
    open_part(parts, transaction_new());
    parts->open->lsn = lsn;
    parts->open->xid = xid;
    parts->open->time = time;
    parts->next_index = 0;
    parts->cut = false;
}

struct change *parts_add(struct parts *parts)
{
    if (!parts->cut && transaction_full(parts->open, parts->max_bytes))
        cut(parts);
    else if (parts->cut && parts->open->change_count > 0)
        next_part(parts);
    struct change *change = transaction_add(parts->open);
    change->index = parts->next_index++;
    return change;
}

void parts_end(struct parts *parts, uint64_t end_lsn)
{
    struct transaction *transaction = parts->open;
    parts->open = NULL;
    transaction->end_lsn = end_lsn;
    transaction->whole = !parts->cut;
    transaction->last = true;
    parts->deliver(parts->user, transaction);
}

void parts_drop(struct parts *parts)
{
    transaction_free(parts->open);
    parts->open = NULL;
}
