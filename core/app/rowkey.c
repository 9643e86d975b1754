// SPDX-License-Identifier: MIT
// Which row a change is of.
#include "rowcast/rowkey.h"

static void append_column(struct buffer *out, const struct row *row, uint32_t column)
{
    const struct value *value = &row->values[column];
    if (out->size > 0)
        buffer_append_byte(out, ' ');
    buffer_append(out, row->relation->columns[column].name,
                  row->relation->columns[column].name_size);
    buffer_append_byte(out, '=');
    if (value->state == VALUE_TEXT)
        buffer_append(out, value->text, value->size < 64 ? value->size : 64);
}

static void append_key(struct buffer *out, const struct row *row)
{
    uint32_t count = row->relation->column_count, keys = 0;
    for (uint32_t i = 0; i < count; i++)
        keys += row->relation->columns[i].key;
    if (count == 0)
        return;
    if (keys == 0 || keys == count) {
        int id = relation_column(row->relation, "id", 2);
        append_column(out, row, id < 0 ? 0 : (uint32_t)id);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        if (row->relation->columns[i].key)
            append_column(out, row, i);
}

void rowkey_append(struct buffer *out, const struct change *change)
{
    const struct row *row = change->new_row ? change->new_row : change->old_row;
    if (row)
        append_key(out, row);
}

void rowkey_append_change(struct buffer *out, const struct change *change)
{
    struct buffer key;
    buffer_init(&key, ROWKEY_MAX_SIZE);
    rowkey_append(&key, change);
    buffer_append_text(out, change_op_name(change->op));
    if (change->relation)
        buffer_append_format(out, " %s", change->relation->name);
    if (key.size > 0) {
        buffer_append_byte(out, ' ');
        buffer_append(out, key.bytes, key.size);
    }
    buffer_release(&key);
}
