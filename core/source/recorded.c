// SPDX-License-Identifier: MIT
// Recorded rows: one line of JSON becomes a transaction.
#include "rowcast/recorded.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "parts.h"
#include "rowcast/clock.h"
#include "rowcast/lsn.h"
#include "rowcast/memory.h"
#include "rowcast/suggest.h"
#include "slice.h"
#include "types.h"

// The bytes of a row take more memory here than those that came from the server: each row brings its column
// names. What the server's stream handed over whole must be whole here too.
#define MAX_BYTES ((size_t)8 * TRANSACTION_MAX_BYTES)

#define MAX_FIRST INT32_MAX // far below where positions of changes end

struct recorded_reader {
    struct parts parts;
    struct slices slices; // of the line under way
    uint64_t line;
    uint64_t lsn; // of the newest transaction: the next one must be above it, unless:
    bool any_order;
};

// One line being read: where sentences go and what they name. The bytes of a change are copied into its
// transaction at once; names and values are places in that copy.
struct reading {
    struct recorded_reader *reader;
    struct fault *fault;
    uint32_t change;  // which one of the line, from 1; 0 outside
    const char *from; // the change in the line
    char *copy;       // and in the arena of its transaction
};

// What a line and a change in it may say, in the order in which it is written.
enum line_key {
    LINE_LSN,
    LINE_XID,
    LINE_TIME,
    LINE_CHANGES,
    LINE_MORE,
    LINE_WHOLE,
    LINE_FIRST,
    LINE_COUNT
};
enum change_key {
    KEY_OP,
    KEY_TABLE,
    KEY_NEW,
    KEY_OLD,
    KEY_UNCHANGED,
    KEY_TYPED,
    KEY_PREFIX,
    KEY_CONTENT,
    KEY_COUNT
};

static const char *const line_keys[LINE_COUNT] = {"lsn",  "xid",   "time", "changes",
                                                  "more", "whole", "first"};
static const char *const change_keys[KEY_COUNT] = {"op",        "table", "new",    "old",
                                                   "unchanged", "typed", "prefix", "content"};

static int complain(const struct reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int complain(const struct reading *reading, const char *format, ...)
{
    char sentence[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (reading->change == 0) {
        return fault_set(reading->fault, EXIT_FAILED, "line %" PRIu64 ": %s", reading->reader->line,
                         sentence);
    }
    return fault_set(reading->fault, EXIT_FAILED, "line %" PRIu64 ": change %" PRIu32 ": %s",
                     reading->reader->line, reading->change, sentence);
}

static int complain_of_key(const struct reading *reading, const struct slice *key,
                           const char *const *keys, size_t count)
{
    char *name = memory_copy(key->text, key->size);
    name[slice_unescape(key, name)] = '\0';
    const char *meant = suggest(name, keys, count);
    int result =
        meant ? complain(reading, "the key \"%.64s\" is unknown; did you mean \"%s\"?", name, meant)
              : 0;
    free(name);
    return result;
}

// The number of the key, or `count`. Most lines have their keys in the same order, so the search begins at `next`.
static size_t number_of(const struct slice *key, const char *const *keys, size_t count, size_t next)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = next + i < count ? next + i : next + i - count;
        if (slice_is(key, keys[at]))
            return at;
    }
    return count;
}

// Keys that look like misspelt ones of ours are refused; others are somebody's notes.
static int check_others(const struct reading *reading, const struct slice *object,
                        const char *const *keys, size_t count)
{
    const struct slice *member = NULL;
    while (slice_next(object, &member))
        if (number_of(slice_key(member), keys, count, 0) == count &&
            complain_of_key(reading, slice_key(member), keys, count) < 0)
            return -1;
    return 0;
}

// Finds the members of an object, whose keys must stand there once: found[i] is that of keys[i], or NULL.
static int find_members(const struct reading *reading, const struct slice *object,
                        const char *const *keys, size_t count, const struct slice **found)
{
    const struct slice *member = NULL;
    size_t next = 0;
    bool others = false, twice = false;
    while (slice_next(object, &member)) {
        size_t at = number_of(slice_key(member), keys, count, next);
        if (at == count) {
            others = true;
            continue;
        }
        twice |= found[at] != NULL;
        found[at] = member;
        next = at + 1 < count ? at + 1 : 0;
    }
    if (twice || (others && !slice_keys_unique(object)))
        return complain(reading, "it has a key twice; remove one");
    return others ? check_others(reading, object, keys, count) : 0;
}

// NULL if it is not there or null.
static const struct slice *given(const struct slice *member)
{
    return member && member->kind != SLICE_NULL ? member : NULL;
}

// The string as text of its own, if it is no longer than the room; else false.
static bool short_text(const struct slice *string, char *text, size_t room)
{
    if (string->kind != SLICE_STRING || string->size >= room)
        return false;
    size_t size = slice_unescape(string, text);
    text[size] = '\0';
    return strlen(text) == size;
}

// ---- values and rows ----

static void keep_change(struct reading *reading, const struct slice *change)
{
    reading->from = change->text;
    reading->copy = arena_copy(&reading->reader->parts.open->arena, change->text, change->size);
}

static char *kept(const struct reading *reading, const char *text)
{
    return reading->copy + (text - reading->from);
}

// A string without its escapes in the copy of its change, a NUL in the place of its closing quote.
static const char *keep_string(const struct reading *reading, const struct slice *string,
                               size_t *size)
{
    char *text = kept(reading, string->text);
    *size = string->escaped ? slice_unescape(string, text) : string->size;
    text[*size] = '\0';
    return text;
}

// "typed" names the columns whose row has the text that PostgreSQL prints, since as a plain value it would not be
// the same for scripts.
static bool type_by_word(const struct slice *word, struct type_shape *shape)
{
    static const struct {
        const char *word;
        struct type_shape shape;
    } words[] = {{"json", {COLUMN_JSON, false}},
                 {"json[]", {COLUMN_JSON, true}},
                 {"float", {COLUMN_FLOAT, false}},
                 {"float[]", {COLUMN_FLOAT, true}}};
    for (size_t i = 0; word->kind == SLICE_STRING && i < sizeof words / sizeof *words; i++) {
        if (slice_is(word, words[i].word)) {
            *shape = words[i].shape;
            return true;
        }
    }
    return false;
}

static enum column_type type_of(const struct slice *value)
{
    static const enum column_type types[] = {
        [SLICE_NULL] = COLUMN_TEXT,     [SLICE_TRUE] = COLUMN_BOOLEAN,
        [SLICE_FALSE] = COLUMN_BOOLEAN, [SLICE_INTEGER] = COLUMN_INTEGER,
        [SLICE_REAL] = COLUMN_FLOAT,    [SLICE_STRING] = COLUMN_TEXT,
        [SLICE_ARRAY] = COLUMN_JSON,    [SLICE_OBJECT] = COLUMN_JSON,
    };
    return types[value->kind];
}

static struct value value_of(const struct reading *reading, const struct slice *value)
{
    struct value result = {.state = VALUE_TEXT, .size = 1};
    size_t size;
    switch (value->kind) {
    case SLICE_NULL:
        return (struct value){.state = VALUE_NULL};
    case SLICE_TRUE:
    case SLICE_FALSE:
        result.text = value->kind == SLICE_TRUE ? "t" : "f";
        break;
    case SLICE_STRING:
        result.text = keep_string(reading, value, &size);
        result.size = (uint32_t)size;
        break;
    default: // numbers and JSON: as they are written
        result.text = kept(reading, value->text);
        result.size = value->size;
    }
    return result;
}

static bool name_column(const struct reading *reading, struct column *column,
                        const struct slice *name)
{
    size_t size;
    column->name = keep_string(reading, name, &size);
    column->name_size = (uint32_t)size;
    return strlen(column->name) == size;
}

static bool is_named(const struct slice *names, const struct slice *name)
{
    const struct slice *entry = NULL;
    while (names && slice_next(names, &entry))
        if (slice_equal(entry, name))
            return true;
    return false;
}

// NULL if there is none, or no object.
static const struct slice *member_named(const struct slice *object, const struct slice *name)
{
    const struct slice *member = NULL;
    while (object && slice_next(object, &member))
        if (slice_equal(slice_key(member), name))
            return member;
    return NULL;
}

// "unchanged" names columns that "new" may leave out: those come behind its own.
static uint32_t count_columns(const struct slice *object, const struct slice *unchanged)
{
    const struct slice *member = NULL, *name = NULL;
    uint32_t count = 0;
    while (slice_next(object, &member))
        count++;
    while (unchanged && slice_next(unchanged, &name))
        count += !member_named(object, name);
    return count;
}

static void type_column(struct column *column, const struct slice *value, const struct slice *typed)
{
    struct type_shape shape = {type_of(value), false};
    bool text = value->kind == SLICE_STRING || value->kind == SLICE_NULL;
    const struct slice *word = text ? member_named(typed, slice_key(value)) : NULL;
    if (word)
        type_by_word(word, &shape);
    column->type = shape.type;
    column->array = shape.array;
}

static bool fill_row(const struct reading *reading, const struct slice *object,
                     const struct slice *unchanged, const struct slice *typed,
                     struct relation *relation, struct value *values)
{
    const struct slice *member = NULL, *name = NULL;
    uint32_t at = 0;
    bool good = true;
    for (; slice_next(object, &member); at++) {
        good &= name_column(reading, &relation->columns[at], slice_key(member));
        type_column(&relation->columns[at], member, typed);
        values[at] = is_named(unchanged, slice_key(member))
                         ? (struct value){.state = VALUE_UNCHANGED}
                         : value_of(reading, member);
    }
    while (unchanged && slice_next(unchanged, &name)) {
        if (member_named(object, name))
            continue;
        good &= name_column(reading, &relation->columns[at], name);
        values[at++].state = VALUE_UNCHANGED;
    }
    return good;
}

// A row and the relation made of its keys: nothing else says what the table looks like.
static const struct row *make_row(const struct reading *reading, const struct relation *table,
                                  const struct slice *object, const struct slice *unchanged,
                                  const struct slice *typed)
{
    struct arena *arena = &reading->reader->parts.open->arena;
    uint32_t count = count_columns(object, unchanged);
    struct relation *relation = relation_new(arena, table->schema, table->table, count);
    struct value *values = arena_new(arena, (count + 1) * sizeof *values);
    if (!fill_row(reading, object, unchanged, typed, relation, values)) {
        complain(reading, "a column's name has the character \\u0000, which no name has");
        return NULL;
    }
    struct row *row = arena_new(arena, sizeof *row);
    row->relation = relation;
    row->values = values;
    return row;
}

// ---- changes ----

static int read_row(const struct reading *reading, const struct slice *const *change,
                    enum change_key key, bool needed, const struct relation *table,
                    const struct row **row)
{
    const struct slice *object = given(change[key]);
    if (!object && !needed)
        return 0;
    if (!object || object->kind != SLICE_OBJECT)
        return complain(reading, "\"%s\" must be an object of column names and values",
                        change_keys[key]);
    if (!slice_keys_unique(object))
        return complain(reading, "\"%s\" has a column twice; remove one", change_keys[key]);
    const struct slice *unchanged = key == KEY_NEW ? given(change[KEY_UNCHANGED]) : NULL;
    *row = make_row(reading, table, object, unchanged, given(change[KEY_TYPED]));
    return *row ? 0 : -1;
}

static int check_unchanged(const struct reading *reading, const struct slice *const *change)
{
    const struct slice *names = given(change[KEY_UNCHANGED]), *name = NULL;
    if (!names)
        return 0;
    bool strings = names->kind == SLICE_ARRAY;
    while (strings && slice_next(names, &name))
        strings = name->kind == SLICE_STRING;
    return strings ? 0 : complain(reading, "\"unchanged\" must be a list of column names");
}

static int check_typed(const struct reading *reading, const struct slice *const *change)
{
    const struct slice *typed = given(change[KEY_TYPED]), *word = NULL;
    if (!typed)
        return 0;
    struct type_shape ignored;
    bool known = typed->kind == SLICE_OBJECT;
    while (known && slice_next(typed, &word))
        known = type_by_word(word, &ignored);
    return known ? 0
                 : complain(reading, "\"typed\" must be an object of column names and types, each "
                                     "json, json[], float or float[]");
}

// "public.trades", or "trades" for the same.
static int read_table(const struct reading *reading, const struct slice *const *change,
                      const struct relation **table)
{
    const struct slice *member = change[KEY_TABLE];
    size_t size = 0;
    bool named = member && member->kind == SLICE_STRING;
    char *name = named ? (char *)keep_string(reading, member, &size) : NULL;
    char *dot = name ? strchr(name, '.') : NULL;
    if (size == 0 || strlen(name) != size || dot == name || (dot && !dot[1]))
        return complain(reading, "\"table\" must be a table's name, such as \"public.trades\"");
    if (dot)
        *dot = '\0';
    *table = relation_new(&reading->reader->parts.open->arena, dot ? name : "public",
                          dot ? dot + 1 : name, 0);
    return 0;
}

static int read_message(struct reading *reading, const struct slice *object,
                        const struct slice *const *members)
{
    const struct slice *prefix = members[KEY_PREFIX], *content = members[KEY_CONTENT];
    if (!content || content->kind != SLICE_STRING || (prefix && prefix->kind != SLICE_STRING))
        return complain(reading, "a message has \"prefix\" and \"content\", both strings");
    if (prefix && !slice_is(prefix, "rowcast"))
        return 0; // as in the stream: other people's messages have no place in the order
    struct change *change = parts_add(&reading->reader->parts);
    keep_change(reading, object);
    change->op = CHANGE_MESSAGE;
    change->prefix = "rowcast";
    change->content = keep_string(reading, content, &change->content_size);
    return 0;
}

static int read_table_change(struct reading *reading, const struct slice *object,
                             const struct slice *const *members, enum change_op op)
{
    struct change *change = parts_add(&reading->reader->parts);
    keep_change(reading, object);
    change->op = op;
    bool has_new = op == CHANGE_INSERT || op == CHANGE_UPDATE;
    bool has_old = op == CHANGE_UPDATE || op == CHANGE_DELETE;
    if (check_unchanged(reading, members) < 0 || check_typed(reading, members) < 0 ||
        read_table(reading, members, &change->relation) < 0)
        return -1;
    if (has_new &&
        read_row(reading, members, KEY_NEW, true, change->relation, &change->new_row) < 0)
        return -1;
    if (has_old &&
        read_row(reading, members, KEY_OLD, false, change->relation, &change->old_row) < 0)
        return -1;
    const struct row *row = change->new_row ? change->new_row : change->old_row;
    change->relation = row ? row->relation : change->relation;
    return 0;
}

static int read_change(struct reading *reading, const struct slice *object)
{
    const struct slice *members[KEY_COUNT] = {NULL};
    if (object->kind != SLICE_OBJECT)
        return complain(reading, "it must be an object with \"op\" and \"table\"");
    if (find_members(reading, object, change_keys, KEY_COUNT, members) < 0)
        return -1;
    const struct slice *name = members[KEY_OP];
    bool string = name && name->kind == SLICE_STRING;
    for (enum change_op op = CHANGE_INSERT; string && op <= CHANGE_MESSAGE; op++) {
        if (slice_is(name, change_op_name(op))) {
            return op == CHANGE_MESSAGE ? read_message(reading, object, members)
                                        : read_table_change(reading, object, members, op);
        }
    }
    char op[64] = "";
    if (string)
        short_text(name, op, sizeof op);
    return complain(reading,
                    "\"op\" must be insert, update, delete, truncate or message, not \"%s\"", op);
}

static int read_changes(struct reading *reading, const struct slice *changes)
{
    const struct slice *change = NULL;
    if (!changes || changes->kind != SLICE_ARRAY) {
        return complain(reading,
                        "\"changes\" must be there: a list of changes, which may be empty");
    }
    while (slice_next(changes, &change)) {
        reading->change++;
        if (read_change(reading, change) < 0)
            return -1;
    }
    reading->change = 0;
    return 0;
}

// ---- transactions ----

struct head {
    uint64_t lsn;
    bool has_lsn;
    uint32_t xid;
    int64_t time;
    bool more;
    bool whole;     // it was when it was recorded, as far as the line says
    uint32_t first; // position of the line's first change in the transaction
};

static int read_lsn(const struct reading *reading, const struct slice *const *line,
                    struct head *head)
{
    const struct slice *lsn = given(line[LINE_LSN]);
    char text[32];
    head->lsn = reading->reader->line;
    head->has_lsn = lsn != NULL;
    if (lsn && (!short_text(lsn, text, sizeof text) || lsn_parse(text, &head->lsn) != 0)) {
        return complain(reading, "\"lsn\" must look like \"0/16B3748\"; leave it out to have the "
                                 "line number in its place");
    }
    return 0;
}

// Shorter than strtod, which reads the rest.
static double parse_number(const struct slice *number)
{
    char text[64];
    double value = 0;
    if (number->size >= sizeof text)
        return -1;
    if (number->kind == SLICE_INTEGER && number->text[0] != '-') {
        for (uint32_t i = 0; i < number->size; i++)
            value = value * 10 + (number->text[i] - '0');
        return value;
    }
    memcpy(text, number->text, number->size);
    text[number->size] = '\0';
    return strtod(text, NULL);
}

static int read_count(const struct reading *reading, const struct slice *const *line,
                      enum line_key key, uint32_t maximum, uint32_t *count)
{
    const struct slice *given_count = given(line[key]);
    if (!given_count)
        return 0;
    bool number = given_count->kind == SLICE_INTEGER || given_count->kind == SLICE_REAL;
    double value = number ? parse_number(given_count) : -1;
    if (!(value >= 0 && value <= maximum) || value != (double)(uint32_t)value) {
        return complain(reading, "\"%s\" must be a whole number from 0 to %" PRIu32, line_keys[key],
                        maximum);
    }
    *count = (uint32_t)value;
    return 0;
}

static int read_switch(const struct reading *reading, const struct slice *const *line,
                       enum line_key key, const char *meaning, bool *on)
{
    const struct slice *value = line[key];
    if (!value)
        return 0;
    if (value->kind != SLICE_TRUE && value->kind != SLICE_FALSE)
        return complain(reading, "\"%s\" must be true (%s) or false", line_keys[key], meaning);
    *on = value->kind == SLICE_TRUE;
    return 0;
}

static int read_time(const struct reading *reading, const struct slice *const *line,
                     struct head *head)
{
    const struct slice *time = given(line[LINE_TIME]);
    char text[64];
    if (time && (!short_text(time, text, sizeof text) || clock_parse(text, &head->time) < 0)) {
        return complain(reading, "\"time\" must look like \"2025-11-09T12:00:00.000Z\"; leave it "
                                 "out to have the time of reading in its place");
    }
    return 0;
}

static int begin(const struct reading *reading, const struct head *head)
{
    struct recorded_reader *reader = reading->reader;
    if (head->lsn <= reader->lsn && !reader->any_order) {
        return complain(reading,
                        "its %s (%X/%X) is not above that of the transaction before (%X/%X), and "
                        "ids need ascending order: sort the lines, or give either all or none of "
                        "them an \"lsn\"",
                        head->has_lsn ? "\"lsn\"" : "line number, which stands for an \"lsn\",",
                        (unsigned)(head->lsn >> 32), (unsigned)head->lsn,
                        (unsigned)(reader->lsn >> 32), (unsigned)reader->lsn);
    }
    reader->lsn = head->lsn;
    parts_begin(&reader->parts, head->lsn, head->xid, head->time);
    reader->parts.cut = !head->whole;
    return 0;
}

static int go_on(const struct reading *reading, const struct head *head)
{
    if (head->has_lsn && head->lsn != reading->reader->lsn) {
        return complain(reading, "the line before it says \"more\":true, but this one has another "
                                 "\"lsn\": it goes on with the same transaction");
    }
    return 0;
}

static int read_head(const struct reading *reading, const struct slice *const *line,
                     struct head *head)
{
    if (read_lsn(reading, line, head) < 0 || read_time(reading, line, head) < 0 ||
        read_count(reading, line, LINE_XID, UINT32_MAX, &head->xid) < 0 ||
        read_count(reading, line, LINE_FIRST, MAX_FIRST, &head->first) < 0)
        return -1;
    if (read_switch(reading, line, LINE_WHOLE, "scripts saw all of it at once", &head->whole) < 0)
        return -1;
    return read_switch(reading, line, LINE_MORE, "the next line goes on with this transaction",
                       &head->more);
}

static int read_transaction(struct reading *reading, const struct slice *line, int64_t now)
{
    const struct slice *members[LINE_COUNT] = {NULL};
    struct parts *parts = &reading->reader->parts;
    struct head head = {.time = now, .whole = true};
    if (line->kind != SLICE_OBJECT)
        return complain(reading, "it must be a JSON object: {\"changes\":[...]}");
    if (find_members(reading, line, line_keys, LINE_COUNT, members) < 0 ||
        read_head(reading, members, &head) < 0)
        return -1;
    if ((parts->open ? go_on(reading, &head) : begin(reading, &head)) < 0)
        return -1;
    if (head.first > parts->next_index)
        parts->next_index = head.first;
    if (read_changes(reading, members[LINE_CHANGES]) < 0)
        return -1;
    if (!head.more)
        parts_end(parts, 0);
    return 0;
}

// ---- the reader ----

struct recorded_reader *recorded_reader_new(recorded_deliver *deliver, void *user)
{
    struct recorded_reader *reader = memory_new(sizeof *reader);
    reader->parts.deliver = deliver;
    reader->parts.user = user;
    reader->parts.max_bytes = MAX_BYTES;
    return reader;
}

void recorded_reader_any_order(struct recorded_reader *reader)
{
    reader->any_order = true;
}

void recorded_reader_free(struct recorded_reader *reader)
{
    if (reader) {
        parts_drop(&reader->parts);
        slices_release(&reader->slices);
        free(reader);
    }
}

static bool is_blank(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!strchr(" \t\r", line[i]) || line[i] == '\0')
            return false;
    return true;
}

int recorded_reader_line(struct recorded_reader *reader, const char *line, size_t size, int64_t now,
                         struct fault *fault)
{
    struct reading reading = {.reader = reader, .fault = fault};
    reader->line++;
    if (is_blank(line, size))
        return 0;
    if (size > LINES_MAX_SIZE) {
        return complain(&reading, "it is longer than 64 MiB; split the transaction over several "
                                  "lines with \"more\":true");
    }
    struct slices *slices = &reader->slices;
    if (slices_read(slices, line, size) < 0)
        return complain(&reading, "it is not JSON: %s (byte %zu)", slices->wrong, slices->byte);
    int result = read_transaction(&reading, slices->items, now);
    if (result < 0)
        parts_drop(&reader->parts);
    return result;
}

int recorded_reader_end(struct recorded_reader *reader, struct fault *fault)
{
    if (!reader->parts.open)
        return 0;
    parts_drop(&reader->parts);
    struct reading reading = {.reader = reader, .fault = fault};
    return complain(&reading, "the input ends, but this line says that the next one goes on with "
                              "the transaction; the file is cut short");
}
