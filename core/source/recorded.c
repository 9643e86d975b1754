// SPDX-License-Identifier: MIT
// Recorded rows: one line of JSON becomes a transaction.
#include "rowcast/recorded.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "parts.h"
#include "rowcast/clock.h"
#include "rowcast/memory.h"
#include "rowcast/suggest.h"
#include "slice.h"

struct recorded_reader {
    struct parts parts;
    uint64_t line;
    uint64_t lsn; // of the newest transaction: the next one must be above it
};

// One line being read: where sentences go and what they name.
struct reading {
    struct recorded_reader *reader;
    struct fault *fault;
    uint32_t change; // which one of the line, from 1; 0 outside
};

#define KEYS(...) ((const char *const[]){__VA_ARGS__})

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

// An object whose keys stand there once. Keys that look like misspelt ones of ours are refused;
// others are somebody's notes.
static int check_object(const struct reading *reading, const struct slice *object,
                        const char *const *keys, size_t count)
{
    if (!slice_keys_unique(object))
        return complain(reading, "it has a key twice; remove one");
    struct slice_walk walk = {0};
    struct slice member;
    while (slice_next(object, &walk, &member)) {
        bool known = false;
        for (size_t i = 0; i < count; i++)
            known |= strcmp(walk.key, keys[i]) == 0;
        const char *meant = known ? NULL : suggest(walk.key, keys, count);
        if (meant) {
            return complain(reading, "the key \"%.64s\" is unknown; did you mean \"%s\"?", walk.key,
                            meant);
        }
    }
    return 0;
}

// ---- values and rows ----

static enum column_type type_of(const struct slice *value)
{
    switch (json_typeof(value->json)) {
    case JSON_TRUE:
    case JSON_FALSE:
        return COLUMN_BOOLEAN;
    case JSON_INTEGER:
    case JSON_REAL: // a large integer is a real to jansson; only its digits tell
        for (size_t i = 0; i < value->size; i++)
            if (strchr(".eE", value->text[i]))
                return COLUMN_FLOAT;
        return COLUMN_INTEGER;
    case JSON_OBJECT:
    case JSON_ARRAY:
        return COLUMN_JSON;
    default:
        return COLUMN_TEXT;
    }
}

static struct value text_value(struct arena *arena, const char *bytes, size_t size)
{
    return (struct value){VALUE_TEXT, (uint32_t)size, arena_copy(arena, bytes, size)};
}

static struct value value_of(struct arena *arena, const struct slice *value)
{
    switch (json_typeof(value->json)) {
    case JSON_NULL:
        return (struct value){.state = VALUE_NULL};
    case JSON_TRUE:
        return text_value(arena, "t", 1);
    case JSON_FALSE:
        return text_value(arena, "f", 1);
    case JSON_STRING:
        return text_value(arena, json_string_value(value->json), json_string_length(value->json));
    default: // numbers and JSON: as they are written
        return text_value(arena, value->text, value->size);
    }
}

static void name_column(struct arena *arena, struct column *column, const char *name)
{
    column->name_size = (uint32_t)strlen(name);
    column->name = arena_copy(arena, name, column->name_size);
}

static bool is_named(const json_t *names, const char *name)
{
    size_t i;
    json_t *entry;
    json_array_foreach((json_t *)names, i, entry)
    {
        if (strcmp(json_string_value(entry), name) == 0)
            return true;
    }
    return false;
}

// "unchanged" names columns that "new" may leave out: those come behind its own.
static uint32_t count_columns(const json_t *object, const json_t *unchanged)
{
    size_t count = json_object_size(object);
    size_t i;
    json_t *name;
    json_array_foreach((json_t *)unchanged, i, name)
    {
        count += json_object_get(object, json_string_value(name)) == NULL;
    }
    return (uint32_t)count;
}

static void fill_row(struct arena *arena, const struct slice *object, const json_t *unchanged,
                     struct relation *relation, struct value *values)
{
    struct slice_walk walk = {0};
    struct slice member;
    uint32_t at = 0;
    for (; slice_next(object, &walk, &member); at++) {
        name_column(arena, &relation->columns[at], walk.key);
        relation->columns[at].type = type_of(&member);
        values[at] = is_named(unchanged, walk.key) ? (struct value){.state = VALUE_UNCHANGED}
                                                   : value_of(arena, &member);
    }
    size_t i;
    json_t *name;
    json_array_foreach((json_t *)unchanged, i, name)
    {
        if (!json_object_get(object->json, json_string_value(name))) {
            name_column(arena, &relation->columns[at], json_string_value(name));
            values[at++].state = VALUE_UNCHANGED;
        }
    }
}

// A row and the relation made of its keys: nothing else says what the table looks like.
static const struct row *make_row(struct arena *arena, const struct relation *table,
                                  const struct slice *object, const json_t *unchanged)
{
    uint32_t count = count_columns(object->json, unchanged);
    struct relation *relation = relation_new(arena, table->schema, table->table, count);
    struct value *values = arena_new(arena, (count + 1) * sizeof *values);
    fill_row(arena, object, unchanged, relation, values);

    struct row *row = arena_new(arena, sizeof *row);
    row->relation = relation;
    row->values = values;
    return row;
}

// ---- changes ----

static int read_row(const struct reading *reading, const struct slice *change, const char *key,
                    bool needed, const struct relation *table, const struct row **row)
{
    struct slice object;
    bool there = slice_member(change, key, &object) && !json_is_null(object.json);
    if (!there && !needed)
        return 0;
    if (!there || !json_is_object(object.json))
        return complain(reading, "\"%s\" must be an object of column names and values", key);
    if (!slice_keys_unique(&object))
        return complain(reading, "\"%s\" has a column twice; remove one", key);
    const json_t *unchanged =
        strcmp(key, "new") == 0 ? json_object_get(change->json, "unchanged") : NULL;
    *row = make_row(&reading->reader->parts.open->arena, table, &object, unchanged);
    return 0;
}

static int check_unchanged(const struct reading *reading, const struct slice *change)
{
    json_t *names = json_object_get(change->json, "unchanged");
    if (!names || json_is_null(names))
        return 0;
    bool strings = json_is_array(names);
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name)
    {
        strings = strings && json_is_string(name);
    }
    return strings ? 0 : complain(reading, "\"unchanged\" must be a list of column names");
}

// "public.trades", or "trades" for the same.
static int read_table(const struct reading *reading, const struct slice *change,
                      const struct relation **table)
{
    const char *name = json_string_value(json_object_get(change->json, "table"));
    const char *dot = name ? strchr(name, '.') : NULL;
    if (!name || !*name || dot == name || (dot && !dot[1]))
        return complain(reading, "\"table\" must be a table's name, such as \"public.trades\"");
    char *schema = dot ? memory_copy(name, (size_t)(dot - name)) : memory_text("public");
    *table = relation_new(&reading->reader->parts.open->arena, schema, dot ? dot + 1 : name, 0);
    free(schema);
    return 0;
}

static int read_message(const struct reading *reading, const struct slice *object)
{
    json_t *prefix = json_object_get(object->json, "prefix");
    json_t *content = json_object_get(object->json, "content");
    if (!json_is_string(content) || (prefix && !json_is_string(prefix)))
        return complain(reading, "a message has \"prefix\" and \"content\", both strings");
    if (prefix && strcmp(json_string_value(prefix), "rowcast") != 0)
        return 0; // as in the stream: other people's messages have no place in the order
    struct change *change = parts_add(&reading->reader->parts);
    struct arena *arena = &reading->reader->parts.open->arena;
    change->op = CHANGE_MESSAGE;
    change->prefix = arena_copy(arena, "rowcast", strlen("rowcast"));
    change->content_size = json_string_length(content);
    change->content = arena_copy(arena, json_string_value(content), change->content_size);
    return 0;
}

static int read_table_change(const struct reading *reading, const struct slice *object,
                             enum change_op op)
{
    struct change *change = parts_add(&reading->reader->parts);
    change->op = op;
    bool has_new = op == CHANGE_INSERT || op == CHANGE_UPDATE;
    bool has_old = op == CHANGE_UPDATE || op == CHANGE_DELETE;
    if (check_unchanged(reading, object) < 0 || read_table(reading, object, &change->relation) < 0)
        return -1;
    if (has_new && read_row(reading, object, "new", true, change->relation, &change->new_row) < 0)
        return -1;
    if (has_old && read_row(reading, object, "old", false, change->relation, &change->old_row) < 0)
        return -1;
    const struct row *row = change->new_row ? change->new_row : change->old_row;
    change->relation = row ? row->relation : change->relation;
    return 0;
}

static int read_change(const struct reading *reading, const struct slice *object)
{
    static const char *const ops[] = {"insert", "update", "delete", "truncate", "message"};
    const char *const *keys = KEYS("op", "table", "new", "old", "unchanged", "prefix", "content");
    if (!json_is_object(object->json))
        return complain(reading, "it must be an object with \"op\" and \"table\"");
    if (check_object(reading, object, keys, 7) < 0)
        return -1;
    const char *name = json_string_value(json_object_get(object->json, "op"));
    for (enum change_op op = CHANGE_INSERT; name && op <= CHANGE_MESSAGE; op++) {
        if (strcmp(name, ops[op]) == 0) {
            return op == CHANGE_MESSAGE ? read_message(reading, object)
                                        : read_table_change(reading, object, op);
        }
    }
    return complain(reading,
                    "\"op\" must be insert, update, delete, truncate or message, not \"%.64s\"",
                    name ? name : "");
}

static int read_changes(struct reading *reading, const struct slice *line)
{
    struct slice changes;
    if (!slice_member(line, "changes", &changes) || !json_is_array(changes.json)) {
        return complain(reading,
                        "\"changes\" must be there: a list of changes, which may be empty");
    }
    struct slice_walk walk = {0};
    struct slice change;
    while (slice_next(&changes, &walk, &change)) {
        reading->change++;
        if (read_change(reading, &change) < 0)
            return -1;
    }
    reading->change = 0;
    return 0;
}

// ---- transactions ----

// "0/16B3748", as PostgreSQL writes it.
static int parse_lsn(const char *text, uint64_t *lsn)
{
    unsigned int high, low;
    int end = 0;
    if (strspn(text, "0123456789abcdefABCDEF/") != strlen(text) ||
        sscanf(text, "%8x/%8x%n", &high, &low, &end) != 2 || text[end] != '\0')
        return -1;
    *lsn = (uint64_t)high << 32 | low;
    return 0;
}

struct head {
    uint64_t lsn;
    bool has_lsn;
    uint32_t xid;
    int64_t time;
    bool more;
};

static int read_lsn(const struct reading *reading, const json_t *line, struct head *head)
{
    json_t *lsn = json_object_get(line, "lsn");
    head->lsn = reading->reader->line;
    head->has_lsn = lsn && !json_is_null(lsn);
    if (head->has_lsn &&
        (!json_is_string(lsn) || parse_lsn(json_string_value(lsn), &head->lsn) < 0)) {
        return complain(reading, "\"lsn\" must look like \"0/16B3748\"; leave it out to have the "
                                 "line number in its place");
    }
    return 0;
}

static int read_xid(const struct reading *reading, const json_t *line, struct head *head)
{
    json_t *xid = json_object_get(line, "xid");
    if (xid && !json_is_null(xid)) {
        double number = json_real_value(xid); // see JSON_DECODE_INT_AS_REAL below
        if (!json_is_real(xid) || !(number >= 0 && number <= UINT32_MAX) ||
            number != (double)(uint32_t)number)
            return complain(reading, "\"xid\" must be a whole number from 0 to 4294967295");
        head->xid = (uint32_t)number;
    }
    return 0;
}

static int read_time(const struct reading *reading, const json_t *line, struct head *head)
{
    json_t *time = json_object_get(line, "time");
    if (time && !json_is_null(time) &&
        (!json_is_string(time) || clock_parse(json_string_value(time), &head->time) < 0)) {
        return complain(reading, "\"time\" must look like \"2025-11-09T12:00:00.000Z\"; leave it "
                                 "out to have the time of reading in its place");
    }
    return 0;
}

static int read_more(const struct reading *reading, const json_t *line, struct head *head)
{
    json_t *more = json_object_get(line, "more");
    if (more && !json_is_boolean(more)) {
        return complain(reading, "\"more\" must be true (the next line goes on with this "
                                 "transaction) or false");
    }
    head->more = json_is_true(more);
    return 0;
}

static int begin(const struct reading *reading, const struct head *head)
{
    struct recorded_reader *reader = reading->reader;
    if (head->lsn <= reader->lsn) {
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

static int read_transaction(struct reading *reading, const struct slice *line, int64_t now)
{
    const char *const *keys = KEYS("lsn", "xid", "time", "changes", "more");
    struct head head = {.time = now};
    if (!json_is_object(line->json))
        return complain(reading, "it must be a JSON object: {\"changes\":[...]}");
    if (check_object(reading, line, keys, 5) < 0 || read_lsn(reading, line->json, &head) < 0 ||
        read_xid(reading, line->json, &head) < 0 || read_time(reading, line->json, &head) < 0 ||
        read_more(reading, line->json, &head) < 0)
        return -1;
    bool open = reading->reader->parts.open != NULL;
    if ((open ? go_on(reading, &head) : begin(reading, &head)) < 0 ||
        read_changes(reading, line) < 0)
        return -1;
    if (!head.more)
        parts_end(&reading->reader->parts, 0);
    return 0;
}

// ---- the reader ----

struct recorded_reader *recorded_reader_new(recorded_deliver *deliver, void *user)
{
    struct recorded_reader *reader = memory_new(sizeof *reader);
    reader->parts.deliver = deliver;
    reader->parts.user = user;
    return reader;
}

void recorded_reader_free(struct recorded_reader *reader)
{
    if (reader) {
        parts_drop(&reader->parts);
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
    struct reading reading = {reader, fault, 0};
    reader->line++;
    if (is_blank(line, size))
        return 0;
    if (size > LINES_MAX_SIZE) {
        return complain(&reading, "it is longer than 64 MiB; split the transaction over several "
                                  "lines with \"more\":true");
    }
    json_error_t error;
    // Integers beyond 64 bits are welcome: their digits are taken from the line itself.
    size_t flags = JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL;
    json_t *json = json_loadb(line, size, flags, &error);
    if (!json)
        return complain(&reading, "it is not JSON: %s (byte %d)", error.text, error.position);
    struct slice slice = {json, line, size};
    int result = read_transaction(&reading, &slice, now);
    json_decref(json);
    if (result < 0)
        parts_drop(&reader->parts);
    return result;
}

int recorded_reader_end(struct recorded_reader *reader, struct fault *fault)
{
    if (!reader->parts.open)
        return 0;
    parts_drop(&reader->parts);
    struct reading reading = {reader, fault, 0};
    return complain(&reading, "the input ends, but this line says that the next one goes on with "
                              "the transaction; the file is cut short");
}
