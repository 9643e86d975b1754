// SPDX-License-Identifier: MIT
// Transactions written down as text, for tests to compare.
#ifndef ROWCAST_TESTS_NOTED_H
#define ROWCAST_TESTS_NOTED_H

#include <inttypes.h>

#include "rowcast/buffer.h"
#include "rowcast/change.h"

static void note_column(struct buffer *text, const struct column *column, const struct value *value)
{
    static const char types[] = "TIFBJZS"; // as in enum column_type
    if (column->key)
        buffer_append_byte(text, '*');
    buffer_append_format(text, "%s:", column->name);
    if (value->state == VALUE_TEXT)
        buffer_append_format(text, "%c%s'%.*s'", types[column->type], column->array ? "[]" : "",
                             (int)value->size, value->text);
    else
        buffer_append_text(text, (const char *[]){"absent", "null", "unchanged"}[value->state]);
}

static void note_row(struct buffer *text, const char *label, const struct row *row)
{
    if (!row)
        return;
    buffer_append_format(text, " %s(", label);
    for (uint32_t i = 0; i < row->relation->column_count; i++) {
        if (i > 0)
            buffer_append_byte(text, ',');
        note_column(text, &row->relation->columns[i], &row->values[i]);
    }
    buffer_append_byte(text, ')');
}

static void note_change(struct buffer *text, const struct change *change)
{
    buffer_append_format(text, " #%u %s", change->index, change_op_name(change->op));
    if (change->relation)
        buffer_append_format(text, " %s", change->relation->name);
    if (change->prefix)
        buffer_append_format(text, " %s=%.*s", change->prefix, (int)change->content_size,
                             change->content);
    note_row(text, "new", change->new_row);
    note_row(text, "old", change->old_row);
}

// One line: position, xid, time if it is not `now`, whether it is a part, the changes.
static inline void note_transaction(struct buffer *text, const struct transaction *transaction,
                                    int64_t now)
{
    buffer_append_format(text, "%" PRIX64, transaction->lsn);
    if (transaction->end_lsn)
        buffer_append_format(text, "-%" PRIX64, transaction->end_lsn);
    buffer_append_format(text, " xid %u", transaction->xid);
    if (transaction->time != now)
        buffer_append_format(text, " at %" PRId64, transaction->time);
    if (!transaction->whole)
        buffer_append_text(text, transaction->last ? " last part" : " part");
    for (uint32_t i = 0; i < transaction->change_count; i++)
        note_change(text, &transaction->changes[i]);
    buffer_append_byte(text, '\n');
}

#endif
