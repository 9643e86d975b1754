// SPDX-License-Identifier: MIT
// Recorded rows: a transaction becomes lines of JSON.
#include <stdlib.h>
#include <string.h>

#include "rowcast/clock.h"
#include "rowcast/memory.h"
#include "rowcast/recorded.h"
#include "rowcast/value.h"
#include "slice.h"

#define LINE_END_SIZE 32 // kept free for what ends a line
#define EXACT_DIGITS 15  // a double keeps so many digits of any number

// ---- what can stand as a plain value ----

// As deep as it stands in a line: inside the line, its changes, the change and the row.
static bool is_readable(const char *text, size_t size)
{
    static const char open[] = "[[[[", close[] = "]]]]";
    size_t depth = sizeof open - 1;
    struct slices slices;
    char *nested = memory_new(size + 2 * depth);
    memcpy(nested, open, depth);
    memcpy(nested + depth, text, size);
    memcpy(nested + depth + size, close, depth);
    slices_init(&slices);
    bool readable = slices_read(&slices, nested, size + 2 * depth) == 0;
    slices_release(&slices);
    free(nested);
    return readable;
}

// It comes back from the line as the same bytes, and still as JSON: a container without line ends, and nothing
// that the reader refuses (numbers beyond a double, nested too deep).
static bool is_plain_json(const char *text, size_t size)
{
    bool container = size >= 2 && (text[0] == '{' || text[0] == '[') &&
                     (text[size - 1] == '}' || text[size - 1] == ']');
    return container && !memchr(text, '\n', size) && !memchr(text, '\r', size) &&
           is_readable(text, size);
}

static bool is_number(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!memchr("-+.0123456789e", text[i], 14))
            return false;
    return size > 0;
}

// NaN and infinity are texts. A number without fraction and exponent comes back as an integer, which goes out as it is
// written: so it must be what a float is printed as. In an array that holds for every number.
static bool is_plain_float(const char *text, size_t size, bool element)
{
    if (!is_number(text, size))
        return true;
    if (!element && (memchr(text, '.', size) || memchr(text, 'e', size)))
        return true;
    bool minus_zero = size == 2 && memcmp(text, "-0", 2) == 0;
    return size <= EXACT_DIGITS && !memchr(text, 'e', size) && !minus_zero;
}

static const char *type_word(const struct column *column)
{
    if (column->type == COLUMN_JSON)
        return column->array ? "json[]" : "json";
    return column->array ? "float[]" : "float";
}

// ---- values ----

static void write_scalar(struct buffer *out, enum column_type type, const char *text, size_t size)
{
    char iso[VALUE_ISO_SIZE];
    size_t iso_size = 0;
    switch (type) {
    case COLUMN_JSON:
    case COLUMN_INTEGER:
        buffer_append(out, text, size);
        return;
    case COLUMN_BOOLEAN:
        buffer_append_text(out, size > 0 && text[0] == 't' ? "true" : "false");
        return;
    case COLUMN_FLOAT:
        if (is_number(text, size))
            buffer_append(out, text, size);
        else
            buffer_append_json_string(out, text, size);
        return;
    case COLUMN_TIMESTAMP:
    case COLUMN_TIMESTAMPTZ:
        iso_size = value_iso(text, size, type == COLUMN_TIMESTAMPTZ, iso);
        buffer_append_json_string(out, iso_size ? iso : text, iso_size ? iso_size : size);
        return;
    case COLUMN_TEXT:
        buffer_append_json_string(out, text, size);
    }
}

// False: it is no array literal, or an element is not plain; what was appended is to be taken back.
static bool write_elements(struct buffer *out, enum column_type type, struct array_reader *reader)
{
    enum array_token token, last = ARRAY_OPEN;
    while ((token = array_reader_next(reader)) != ARRAY_END) {
        if (token == ARRAY_BAD || (token == ARRAY_ELEMENT && type == COLUMN_FLOAT &&
                                   !is_plain_float(reader->element, reader->element_size, true)))
            return false;
        if (token != ARRAY_CLOSE && last != ARRAY_OPEN)
            buffer_append_byte(out, ',');
        if (token == ARRAY_OPEN)
            buffer_append_byte(out, '[');
        else if (token == ARRAY_CLOSE)
            buffer_append_byte(out, ']');
        else if (token == ARRAY_NULL)
            buffer_append_text(out, "null");
        else
            write_scalar(out, type, reader->element, reader->element_size);
        last = token;
    }
    return true;
}

static bool is_array(const struct value *value, char *scratch)
{
    struct array_reader reader;
    enum array_token token;
    array_reader_init(&reader, value->text, value->size, scratch);
    do
        token = array_reader_next(&reader);
    while (token != ARRAY_END && token != ARRAY_BAD);
    return token == ARRAY_END;
}

static void take_back(struct buffer *out, size_t size)
{
    out->size = size;
    out->overflowed = false;
}

// A literal that is none is text for scripts. False: it cannot stand as a plain value.
static bool write_array(struct buffer *out, const struct column *column, const struct value *value)
{
    char *scratch = memory_new(value->size + 1);
    struct array_reader reader;
    size_t mark = out->size;
    bool plain = true;
    if (!is_array(value, scratch)) {
        buffer_append_json_string(out, value->text, value->size);
    } else {
        array_reader_init(&reader, value->text, value->size, scratch);
        plain = write_elements(out, column->type, &reader);
        if (plain && column->type == COLUMN_JSON && !out->overflowed)
            plain = is_plain_json(out->bytes + mark, out->size - mark);
    }
    free(scratch);
    return plain;
}

static bool write_plain(struct buffer *out, const struct column *column, const struct value *value)
{
    if (column->array)
        return write_array(out, column, value);
    if (column->type == COLUMN_JSON && !is_plain_json(value->text, value->size))
        return false;
    if (column->type == COLUMN_FLOAT && !is_plain_float(value->text, value->size, false))
        return false;
    write_scalar(out, column->type, value->text, value->size);
    return true;
}

// Tried where it would go, and taken back.
static bool is_plain(struct buffer *out, const struct column *column, const struct value *value)
{
    if (value->state != VALUE_TEXT || (column->type != COLUMN_JSON && column->type != COLUMN_FLOAT))
        return true;
    size_t mark = out->size;
    bool overflowed = out->overflowed;
    bool plain = write_plain(out, column, value);
    take_back(out, mark);
    out->overflowed = overflowed;
    return plain;
}

// ---- rows ----

// NULL also where the column is of another type there, as hand-written rows may have it.
static const struct value *value_like(const struct row *row, const struct column *column)
{
    int at = row ? relation_column(row->relation, column->name, column->name_size) : -1;
    if (at < 0)
        return NULL;
    const struct column *same = &row->relation->columns[at];
    return same->type == column->type && same->array == column->array ? &row->values[at] : NULL;
}

// "typed" speaks of a column, so what one of two rows cannot say plainly is written so in both.
static bool is_typed(struct buffer *out, const struct change *change, const struct column *column)
{
    if (column->type != COLUMN_JSON && column->type != COLUMN_FLOAT)
        return false;
    const struct value *new_value = value_like(change->new_row, column);
    const struct value *old_value = value_like(change->old_row, column);
    return (new_value && !is_plain(out, column, new_value)) ||
           (old_value && !is_plain(out, column, old_value));
}

static void write_key(struct buffer *out, const char *name, size_t size, bool *first)
{
    if (!*first)
        buffer_append_byte(out, ',');
    *first = false;
    buffer_append_json_string(out, name, size);
}

static void write_row(struct buffer *out, const struct change *change, const char *key,
                      const struct row *row)
{
    bool first = true;
    if (!row)
        return;
    buffer_append_format(out, ",\"%s\":{", key);
    for (uint32_t i = 0; i < row->relation->column_count; i++) {
        const struct column *column = &row->relation->columns[i];
        const struct value *value = &row->values[i];
        if (value->state != VALUE_TEXT && value->state != VALUE_NULL)
            continue;
        write_key(out, column->name, column->name_size, &first);
        buffer_append_byte(out, ':');
        if (value->state == VALUE_NULL)
            buffer_append_text(out, "null");
        else if (is_typed(out, change, column))
            buffer_append_json_string(out, value->text, value->size);
        else
            write_plain(out, column, value);
    }
    buffer_append_byte(out, '}');
}

static void write_unchanged(struct buffer *out, const struct row *row)
{
    bool first = true;
    for (uint32_t i = 0; row && i < row->relation->column_count; i++) {
        if (row->values[i].state != VALUE_UNCHANGED)
            continue;
        if (first)
            buffer_append_text(out, ",\"unchanged\":[");
        write_key(out, row->relation->columns[i].name, row->relation->columns[i].name_size, &first);
    }
    if (!first)
        buffer_append_byte(out, ']');
}

// The columns of `row` that `other` has not told already.
static void write_typed_of(struct buffer *out, const struct change *change, const struct row *row,
                           const struct row *other, bool *first)
{
    for (uint32_t i = 0; row && i < row->relation->column_count; i++) {
        const struct column *column = &row->relation->columns[i];
        if (!is_typed(out, change, column) || value_like(other, column))
            continue;
        if (*first)
            buffer_append_text(out, ",\"typed\":{");
        write_key(out, column->name, column->name_size, first);
        buffer_append_format(out, ":\"%s\"", type_word(column));
    }
}

static void write_typed(struct buffer *out, const struct change *change)
{
    bool first = true;
    write_typed_of(out, change, change->new_row, NULL, &first);
    write_typed_of(out, change, change->old_row, change->new_row, &first);
    if (!first)
        buffer_append_byte(out, '}');
}

// ---- lines ----

static void write_change(struct buffer *out, const struct change *change)
{
    buffer_append_format(out, "{\"op\":\"%s\"", change_op_name(change->op));
    if (change->op == CHANGE_MESSAGE) {
        buffer_append_text(out, ",\"prefix\":");
        buffer_append_json_string(out, change->prefix, strlen(change->prefix));
        buffer_append_text(out, ",\"content\":");
        buffer_append_json_string(out, change->content, change->content_size);
    } else {
        buffer_append_text(out, ",\"table\":");
        buffer_append_json_string(out, change->relation->name, change->relation->name_size);
        write_row(out, change, "old", change->old_row);
        write_row(out, change, "new", change->new_row);
        write_unchanged(out, change->new_row);
        write_typed(out, change);
    }
    buffer_append_byte(out, '}');
}

static void write_head(struct buffer *out, const struct transaction *transaction, uint32_t from,
                       const char *notes)
{
    char time[CLOCK_TEXT_SIZE];
    clock_text(transaction->time, time);
    buffer_append_format(out, "{\"lsn\":\"%X/%X\",\"xid\":%u,\"time\":\"%s\",",
                         (unsigned)(transaction->lsn >> 32), (unsigned)transaction->lsn,
                         transaction->xid, time);
    if (!transaction->whole)
        buffer_append_text(out, "\"whole\":false,");
    if (from < transaction->change_count && transaction->changes[from].index > 0)
        buffer_append_format(out, "\"first\":%u,", transaction->changes[from].index);
    if (notes)
        buffer_append_text(out, notes);
    buffer_append_text(out, "\"changes\":[");
}

static bool fits(const struct buffer *out)
{
    return !out->overflowed && out->size + LINE_END_SIZE <= out->maximum;
}

uint32_t recorded_write(struct buffer *out, const struct transaction *transaction, uint32_t from,
                        const char *notes)
{
    size_t begin = out->size;
    uint32_t at = from;
    write_head(out, transaction, from, notes);
    for (; at < transaction->change_count; at++) {
        size_t mark = out->size;
        if (at > from)
            buffer_append_byte(out, ',');
        write_change(out, &transaction->changes[at]);
        if (fits(out))
            continue;
        take_back(out, mark);
        break;
    }
    if (!fits(out) || (at == from && at < transaction->change_count)) {
        take_back(out, begin);
        return from;
    }
    bool more = at < transaction->change_count || !transaction->last;
    buffer_append_text(out, more ? "],\"more\":true}\n" : "]}\n");
    return at;
}
