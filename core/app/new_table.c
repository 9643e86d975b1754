// SPDX-License-Identifier: MIT
// A script for a table, and its spec.
#include <string.h>

#include "rowcast/lualiteral.h"
#include "rowcast/new.h"

// The column that names a row for clients: of the key, for of a deleted row nothing else may be known; best "id".
static const struct column *key_column(const struct new_table *table)
{
    const struct relation *relation = table->described ? table->described->relation : NULL;
    const struct column *first = NULL;
    for (uint32_t i = 0; relation && i < relation->column_count; i++) {
        const struct column *column = &relation->columns[i];
        bool is_id = column->name_size == 2 && memcmp(column->name, "id", 2) == 0;
        if (column->key && is_id)
            return column;
        if (column->key && !first)
            first = column;
    }
    return first || !relation || relation->column_count == 0 ? first : &relation->columns[0];
}

static void append_key(struct buffer *out, const struct new_table *table)
{
    const struct column *key = key_column(table);
    struct buffer name;
    buffer_init(&name, 1024);
    lualiteral_append_key(&name, key ? key->name : "id", key ? key->name_size : 2);
    buffer_append_format(out, "row%s%.*s", name.size && *name.bytes == '[' ? "" : ".",
                         (int)name.size, name.bytes);
    buffer_release(&name);
}

static bool has_old(const struct new_table *table)
{
    return !table->described || !table->described->lacks_identity;
}

// ---- the script ----

static void append_columns(struct buffer *out, const struct relation *relation)
{
    size_t width = strlen("-- Columns:");
    for (uint32_t i = 0; i < relation->column_count; i++) {
        const struct column *column = &relation->columns[i];
        if (width + column->name_size > 90) {
            buffer_append_text(out, "\n--  ");
            width = 4;
        }
        buffer_append_format(out, " %s%s", column->name, i + 1 < relation->column_count ? "," : "");
        width += column->name_size + 2;
    }
}

static void append_head(struct buffer *out, const struct new_table *table)
{
    const struct postgres_described *described = table->described;
    buffer_append_format(out, "-- Rows of %s.%s.\n", table->schema, table->table);
    if (!described)
        return;
    buffer_append_text(out, "--\n-- Columns:");
    append_columns(out, described->relation);
    buffer_append_format(out, "\n-- Replica identity: %s", described->identity);
    if (described->lacks_identity)
        buffer_append_text(out, ". UPDATE and DELETE fail once it is published:\n-- give it a "
                                "primary key, or: rowcast db setup --identity-full\n");
    else if (described->full)
        buffer_append_text(out, ". `old` has all columns.\n");
    else
        buffer_append_format(
            out,
            ". `old` has the key alone, and is nil where that stays.\n-- For all of "
            "it: ALTER TABLE \"%s\".\"%s\" REPLICA IDENTITY FULL;\n",
            table->schema, table->table);
}

void new_table_script(struct buffer *out, const struct new_table *table)
{
    struct buffer type, topic;
    buffer_init(&type, 1024);
    buffer_init(&topic, 1024);
    lualiteral_append_string(&type, table->table, strlen(table->table));
    buffer_append_format(&topic, "%s-", table->table);
    append_head(out, table);
    buffer_append_format(out,
                         "\n-- The message that goes out to who is subscribed to `topic`.\n"
                         "local function event(action, row)\n"
                         "  return {\n"
                         "    type = %.*s,\n"
                         "    topic = ",
                         (int)type.size, type.bytes);
    lualiteral_append_string(out, topic.bytes, topic.size);
    buffer_append_text(out, " .. ");
    append_key(out, table);
    buffer_append_text(out, ",\n"
                            "    action = action,\n"
                            "    data = row,\n"
                            "  }\n"
                            "end\n\n"
                            "return {\n"
                            "  insert = function(new) return event(\"insert\", new) end,\n"
                            "  update = function(new) return event(\"update\", new) end,\n");
    if (has_old(table))
        buffer_append_text(out, "  delete = function(old) return event(\"delete\", old) end,\n");
    buffer_append_text(out, "}\n");
    buffer_release(&type);
    buffer_release(&topic);
}

// ---- the spec ----

static const char *possible_literal(const struct column *column)
{
    if (column->array)
        return "rowcast.array {}";
    switch (column->type) {
    case COLUMN_INTEGER:
        return "1";
    case COLUMN_FLOAT:
        return "1.5";
    case COLUMN_BOOLEAN:
        return "true";
    case COLUMN_JSON:
        return "{}";
    case COLUMN_TIMESTAMPTZ:
        return "\"2025-11-09T12:00:00.000Z\"";
    case COLUMN_TIMESTAMP:
        return "\"2025-11-09T12:00:00.000\"";
    case COLUMN_TEXT:
        break;
    }
    return "\"1\"";
}

static void append_row(struct buffer *out, const struct new_table *table)
{
    const struct relation *relation = table->described ? table->described->relation : NULL;
    if (!relation)
        buffer_append_text(out, "    id = 1,\n");
    for (uint32_t i = 0; relation && i < relation->column_count; i++) {
        buffer_append_text(out, "    ");
        lualiteral_append_key(out, relation->columns[i].name, relation->columns[i].name_size);
        buffer_append_format(out, " = %s,\n", possible_literal(&relation->columns[i]));
    }
}

// The end of the topic: what `possible_literal` is, joined to a string.
static const char *key_text(const struct new_table *table)
{
    const struct column *key = key_column(table);
    return !key || key->type == COLUMN_INTEGER || key->type == COLUMN_TEXT ? "1" : NULL;
}

static void append_test(struct buffer *out, const struct new_table *table, const char *what,
                        const char *op, const char *rows)
{
    buffer_append_format(out,
                         "  it(\"%s\", function()\n"
                         "    local events = helper.commit {\n"
                         "      { op = \"%s\", table = \"%s\", %s },\n"
                         "    }\n"
                         "    assert.equal(1, #events)\n"
                         "    assert.equal(\"%s\", events[1].type)\n"
                         "    assert.equal(\"%s\", events[1].action)\n",
                         what, op, table->name, rows, table->table, op);
    if (key_text(table))
        buffer_append_format(out, "    assert.equal(\"%s-%s\", events[1].topic)\n", table->table,
                             key_text(table));
    buffer_append_text(out, "  end)\n");
}

void new_table_spec(struct buffer *out, const struct new_table *table)
{
    buffer_append_text(out, "local helper = require \"spec.helper\"\n\n"
                            "local function row(changed)\n"
                            "  local columns = {\n");
    append_row(out, table);
    buffer_append_text(out,
                       "  }\n"
                       "  for name, value in pairs(changed or {}) do columns[name] = value end\n"
                       "  return columns\n"
                       "end\n\n");
    buffer_append_format(out, "describe(\"%s\", function()\n", table->name);
    append_test(out, table, "tells of a new row", "insert", "new = row()");
    buffer_append_byte(out, '\n');
    append_test(out, table, "tells of a changed row", "update", "new = row(), old = nil");
    if (has_old(table)) {
        buffer_append_byte(out, '\n');
        append_test(out, table, "tells of a row that has gone", "delete", "old = row()");
    }
    buffer_append_text(out, "end)\n");
}
