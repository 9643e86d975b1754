// SPDX-License-Identifier: MIT
// Tries the handlers of table scripts with rows.
#include "rowcast/rehearsal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/frame.h"
#include "rowcast/memory.h"
#include "rowcast/recorded.h"
#include "rowcast/rowkey.h"
#include "rowcast/suggest.h"

#define OUTCOME_MAX_SIZE (64u << 20)
#define COMMIT_TIME INT64_C(1762689600000000) // 2025-11-09T12:00:00Z
#define MAX_INVENTED_COLUMNS 64
#define NO_TABLE SIZE_MAX

static size_t find_table(const struct rehearsal *rehearsal, const struct relation *relation)
{
    const struct script *script = rehearsal->script;
    for (size_t i = 0; relation && i < script_table_count(script); i++)
        if (strcmp(script_table_schema(script, i), relation->schema) == 0 &&
            strcmp(script_table_name(script, i), relation->table) == 0)
            return i;
    return NO_TABLE;
}

static const struct postgres_described *described(const struct rehearsal *rehearsal, size_t table)
{
    const struct postgres_described *tables =
        rehearsal->description && table != NO_TABLE ? rehearsal->description->tables : NULL;
    return tables && tables[table].relation ? &tables[table] : NULL;
}

// ---- columns ----

static void tell_column(struct rehearsal *rehearsal, const struct relation *relation,
                        const char *place, const char *name)
{
    const char **names = memory_new((relation->column_count + 1) * sizeof *names);
    for (uint32_t i = 0; i < relation->column_count; i++)
        names[i] = relation->columns[i].name;
    const char *near = suggest(name, names, relation->column_count);
    findings_add_format(rehearsal->findings, "%s: %s has no column '%s'%s%s%s", place,
                        relation->name, name, near ? "; did you mean '" : "", near ? near : "",
                        near ? "'?" : "");
    free(names);
}

static void tell_identity(struct rehearsal *rehearsal, const struct postgres_described *table,
                          const char *place, const char *name)
{
    findings_add_format(rehearsal->findings,
                        "%s: the column '%s' of old is read, which does not come: the replica "
                        "identity of %s is: %s. ALTER TABLE \"%s\".\"%s\" REPLICA IDENTITY FULL; "
                        "has all columns sent",
                        place, name, table->relation->name, table->identity,
                        table->relation->schema, table->relation->table);
}

static void check_column(struct rehearsal *rehearsal, size_t table, const char *place,
                         const char *name, bool old)
{
    const struct postgres_described *known = described(rehearsal, table);
    if (!known)
        return;
    int column = relation_column(known->relation, name, strlen(name));
    if (column < 0)
        tell_column(rehearsal, known->relation, place, name);
    else if (old && !known->full && !known->relation->columns[column].key)
        tell_identity(rehearsal, known, place, name);
}

struct reading {
    struct rehearsal *rehearsal;
    size_t table;
    bool old;
};

static void check_read(void *user, const char *place, const char *column)
{
    struct reading *reading = user;
    check_column(reading->rehearsal, reading->table, place, column, reading->old);
}

void rehearsal_read(struct rehearsal *rehearsal)
{
    for (size_t table = 0; table < script_table_count(rehearsal->script); table++)
        for (enum change_op op = CHANGE_INSERT; op <= CHANGE_DELETE; op++)
            for (int old = 0; old <= 1; old++) {
                struct reading reading = {rehearsal, table, old};
                script_reads(rehearsal->script, table, op, old, check_read, &reading);
            }
}

// ---- while handlers run ----

static bool is_invented(const struct rehearsal *rehearsal, const char *name)
{
    const char *at = rehearsal->invented.bytes;
    const char *end = at + rehearsal->invented.size;
    for (size_t size = strlen(name); at < end;
         at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1)
        if (strncmp(at, name, size) == 0 && at[size] == '\n')
            return true;
    return false;
}

static void missed(void *user, const char *place, const struct row *row, const char *column,
                   bool absent)
{
    struct rehearsal *rehearsal = user;
    check_column(rehearsal, find_table(rehearsal, row->relation), place, column, absent);
    if (rehearsal->rows == REHEARSAL_INVENTED && !strchr(column, '\n') &&
        !is_invented(rehearsal, column)) {
        buffer_append_text(&rehearsal->invented, column);
        buffer_append_byte(&rehearsal->invented, '\n');
    }
}

// Whether an event is without its type (or topic) whatever the row: where the handler writes down the other of the two
// and not this one, or nothing around it writes it down.
static bool lacks(const struct rehearsal *rehearsal, size_t table, const struct change *change,
                  const char *key, const char *other)
{
    const struct script *script = rehearsal->script;
    if (script_handler_mentions(script, table, change->op, key))
        return false;
    return script_handler_mentions(script, table, change->op, other) ||
           !script_mentions(script, table, key);
}

// Whether a failure shows that the script is wrong, or perhaps only that the row is.
static bool counts(const struct rehearsal *rehearsal, const struct change *change,
                   const char *message)
{
    size_t table = find_table(rehearsal, change->relation);
    bool refused = script_refused(rehearsal->script);
    if (rehearsal->rows == REHEARSAL_RECORDED)
        return true;
    if (rehearsal->rows == REHEARSAL_SAMPLED)
        return refused || table == NO_TABLE || !script_mentions(rehearsal->script, table, "rows");
    if (!refused || table == NO_TABLE || !strstr(message, "an event without '"))
        return refused && table != NO_TABLE;
    return strstr(message, "without 'type'") ? lacks(rehearsal, table, change, "type", "topic")
                                             : lacks(rehearsal, table, change, "topic", "type");
}

static void judge(struct rehearsal *rehearsal, const struct change *change, const char *message)
{
    struct buffer text;
    if (!counts(rehearsal, change, message))
        return;
    buffer_init(&text, 4096);
    buffer_append_format(&text, "%.*s (", (int)strcspn(message, "\n"), message);
    if (rehearsal->rows == REHEARSAL_INVENTED)
        buffer_append_text(&text, change_op_name(change->op));
    else
        rowkey_append_change(&text, change);
    buffer_append(&text, ")", 2); // and its NUL
    if (!text.overflowed)
        findings_add_consequence(rehearsal->findings, text.bytes);
    buffer_release(&text);
}

// ---- the same bytes from two VMs ----

struct run {
    struct rehearsal *rehearsal;
    struct buffer *outcome; // "CHANGE PAYLOAD", a line each
    bool judged;
};

static void take_event(void *user, const struct script_event *event)
{
    struct run *run = user;
    buffer_append_format(run->outcome, "%u ", event->id.change);
    buffer_append(run->outcome, event->frame->bytes, event->frame->size);
    buffer_append_byte(run->outcome, '\n');
    frame_unref(event->frame);
}

static void take_failure(void *user, const struct change *change, const char *script,
                         const char *message)
{
    struct run *run = user;
    (void)script;
    buffer_append_format(run->outcome, "%u %.*s\n", change->index, (int)strcspn(message, "\n"),
                         message);
    if (run->judged)
        judge(run->rehearsal, change, message);
}

static void perform(struct rehearsal *rehearsal, struct script *script, int outcome, bool judged,
                    const struct transaction *transaction)
{
    struct source_identity identity = recorded_identity();
    struct event_id id = source_event_id(&identity, transaction);
    struct run run = {rehearsal, &rehearsal->outcomes[outcome], judged};
    struct script_sink sink = {.event = take_event, .failed = take_failure, .user = &run};
    buffer_clear(run.outcome);
    script_transaction(script, transaction, &id, &sink);
}

// Which change the first line is of that is not in both.
static unsigned long differing_change(const struct buffer *a, const struct buffer *b)
{
    size_t line = 0, at = 0;
    while (at < a->size && at < b->size && a->bytes[at] == b->bytes[at])
        if (a->bytes[at++] == '\n')
            line = at;
    return strtoul((line < a->size ? a : b)->bytes + line, NULL, 10);
}

static bool is_equal(const struct buffer *a, const struct buffer *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0);
}

static void compare(struct rehearsal *rehearsal, const struct transaction *transaction, int outcome,
                    const char *sentence)
{
    const struct buffer *first = &rehearsal->outcomes[0], *second = &rehearsal->outcomes[outcome];
    char place[512];
    const char *file;
    if (is_equal(first, second))
        return;
    buffer_append_byte(&rehearsal->outcomes[0], '\0');
    buffer_append_byte(&rehearsal->outcomes[outcome], '\0');
    unsigned long number = differing_change(first, second);
    for (uint32_t i = 0; i < transaction->change_count; i++)
        if (transaction->changes[i].index == number &&
            script_handler(rehearsal->script, &transaction->changes[i], place, sizeof place, &file))
            findings_add_format(rehearsal->findings, "%s: %s", place, sentence);
}

static void rehearse(struct rehearsal *rehearsal, const struct transaction *transaction)
{
    perform(rehearsal, rehearsal->script, 0, true, transaction);
    if (!rehearsal->other)
        return;
    perform(rehearsal, rehearsal->other, 1, false, transaction);
    perform(rehearsal, rehearsal->other, 2, false, transaction);
    if (!is_equal(&rehearsal->outcomes[1], &rehearsal->outcomes[2]))
        compare(rehearsal, transaction,
                is_equal(&rehearsal->outcomes[0], &rehearsal->outcomes[1]) ? 2 : 1,
                "the same row made other bytes when it came again: the script keeps something "
                "from one row to the next, and a restart would give other events");
    else
        compare(rehearsal, transaction, 1, "the same row made other bytes in a second VM");
}

void rehearsal_transaction(struct rehearsal *rehearsal, const struct transaction *transaction)
{
    rehearsal->rows = REHEARSAL_RECORDED;
    rehearse(rehearsal, transaction);
}

// ---- rows of our own ----

// A transaction of one change, on which its rows are put.
static struct transaction *one_change(enum change_op op, const struct relation *relation,
                                      const struct row *new_row, const struct row *old_row)
{
    struct transaction *transaction = transaction_new();
    transaction->lsn = 1;
    transaction->time = COMMIT_TIME;
    transaction->whole = transaction->last = true;
    struct change *change = transaction_add(transaction);
    change->op = op;
    change->relation = relation;
    change->new_row = new_row;
    change->old_row = old_row;
    return transaction;
}

static void try_change(struct rehearsal *rehearsal, enum change_op op,
                       const struct relation *relation, const struct row *new_row,
                       const struct row *old_row)
{
    struct transaction *transaction = one_change(op, relation, new_row, old_row);
    rehearse(rehearsal, transaction);
    transaction_free(transaction);
}

// ---- of the database ----

// What a replica identity of less than all columns sends of the row; NULL: nothing.
static const struct row *identity_of(const struct row *row, struct row *identity,
                                     struct value *values)
{
    const struct relation *relation = row->relation;
    bool any = false;
    for (uint32_t i = 0; i < relation->column_count; i++) {
        bool key = relation->columns[i].key;
        values[i] = key ? row->values[i] : (struct value){.state = VALUE_ABSENT};
        any |= key;
    }
    *identity = (struct row){relation, values};
    return any ? identity : NULL;
}

static void try_row(struct rehearsal *rehearsal, const struct postgres_described *table,
                    const struct row *row)
{
    struct row identity;
    struct value *values = memory_new((row->relation->column_count + 1) * sizeof *values);
    const struct row *old = table->full ? row : identity_of(row, &identity, values);
    try_change(rehearsal, CHANGE_INSERT, row->relation, row, NULL);
    try_change(rehearsal, CHANGE_UPDATE, row->relation, row, old);
    if (!table->full)
        try_change(rehearsal, CHANGE_UPDATE, row->relation, row, NULL);
    if (old)
        try_change(rehearsal, CHANGE_DELETE, row->relation, NULL, old);
    free(values);
}

static void try_described(struct rehearsal *rehearsal, const struct postgres_described *table)
{
    rehearsal->rows = table->sampled ? REHEARSAL_SAMPLED : REHEARSAL_INVENTED;
    for (uint32_t i = 0; i < table->row_count; i++)
        try_row(rehearsal, table, table->rows[i]);
    try_change(rehearsal, CHANGE_TRUNCATE, table->relation, NULL, NULL);
}

// ---- invented: columns come into being when they are read ----

static struct transaction *invent(struct rehearsal *rehearsal, size_t table, enum change_op op,
                                  enum column_type type)
{
    struct transaction *transaction = one_change(op, NULL, NULL, NULL);
    struct arena *arena = &transaction->arena;
    uint32_t count = 0;
    for (size_t i = 0; i < rehearsal->invented.size; i++)
        count += rehearsal->invented.bytes[i] == '\n';
    struct relation *relation = relation_new(arena, script_table_schema(rehearsal->script, table),
                                             script_table_name(rehearsal->script, table), count);
    struct value *values = arena_new(arena, (count + 1) * sizeof *values);
    const char *name = rehearsal->invented.bytes;
    for (uint32_t i = 0; i < count; i++) {
        size_t size = strcspn(name, "\n");
        relation->columns[i] = (struct column){
            .name = arena_copy(arena, name, size), .name_size = (uint32_t)size, .type = type};
        values[i] = (struct value){VALUE_TEXT, 1, "1"};
        name += size + 1;
    }
    struct row row = {relation, values};
    const struct row *shared = arena_copy(arena, &row, sizeof row);
    transaction->changes[0].relation = relation;
    transaction->changes[0].new_row = op <= CHANGE_UPDATE ? shared : NULL;
    transaction->changes[0].old_row = op == CHANGE_UPDATE || op == CHANGE_DELETE ? shared : NULL;
    return transaction;
}

// Until no further column is read.
static void try_invented(struct rehearsal *rehearsal, size_t table, enum change_op op,
                         enum column_type type)
{
    size_t before;
    int rounds = 0;
    buffer_clear(&rehearsal->invented);
    do {
        before = rehearsal->invented.size;
        struct transaction *transaction = invent(rehearsal, table, op, type);
        perform(rehearsal, rehearsal->script, 0, false, transaction);
        if (rehearsal->invented.size == before)
            rehearse(rehearsal, transaction);
        transaction_free(transaction);
    } while (rehearsal->invented.size > before && ++rounds < MAX_INVENTED_COLUMNS);
}

void rehearsal_run(struct rehearsal *rehearsal)
{
    for (size_t table = 0; table < script_table_count(rehearsal->script); table++) {
        const struct postgres_described *known = described(rehearsal, table);
        if (known) {
            try_described(rehearsal, known);
            continue;
        }
        rehearsal->rows = REHEARSAL_INVENTED;
        for (enum change_op op = CHANGE_INSERT; op <= CHANGE_TRUNCATE; op++) {
            try_invented(rehearsal, table, op, COLUMN_TEXT);
            try_invented(rehearsal, table, op, COLUMN_INTEGER);
        }
    }
}

// ---- client.lua: what the core refuses counts ----

static const char *subscription(void *user, size_t index)
{
    (void)user, (void)index;
    return "1";
}

static void tell_refused(struct rehearsal *rehearsal, char *failure, const char *sentence)
{
    failure[strcspn(failure, "\n")] = '\0';
    if (strstr(failure, sentence))
        findings_add_consequence(rehearsal->findings, failure);
}

static void try_hook(struct rehearsal *rehearsal, const struct script_call *call)
{
    char failure[1024];
    struct script_client client = {.id = "client_1762689600_abc123xyz",
                                   .address = "192.0.2.7",
                                   .path = "/ws",
                                   .subscription_count = 1,
                                   .subscription = subscription};
    script_commands_free(script_client(rehearsal->script, &client, call, failure, sizeof failure));
    tell_refused(rehearsal, failure, ": the hook returned ");
}

static void try_format(struct rehearsal *rehearsal, const char *name)
{
    static const char event[] =
        "{\"type\":\"1\",\"id\":\"1\",\"timestamp\":\"2025-11-09T12:00:00.000Z\"}";
    char failure[1024];
    struct frame *frame =
        script_format(rehearsal->script, name, event, sizeof event - 1, failure, sizeof failure);
    if (frame)
        frame_unref(frame);
    tell_refused(rehearsal, failure, ": the format returned ");
}

void rehearsal_clients(struct rehearsal *rehearsal)
{
    const struct script_call calls[] = {
        {.hook = HOOK_CONNECT},
        {.hook = HOOK_MESSAGE, .payload = "{\"action\":\"ping\"}", .payload_size = 17},
        {.hook = HOOK_SUBSCRIBED, .with_result = true, .topic = "1", .id = "1"},
        {.hook = HOOK_UNSUBSCRIBED, .with_result = true, .topic = "1"},
        {.hook = HOOK_PONG, .with_result = true, .id = "1"},
        {.hook = HOOK_SNAPSHOT_END, .with_result = true, .topic = "1", .id = "1"},
        {.hook = HOOK_ERROR, .word = "unavailable", .sentence = "1"},
        {.hook = HOOK_DISCONNECT, .code = 1001},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (script_has_hook(rehearsal->script, calls[i].hook))
            try_hook(rehearsal, &calls[i]);
    const char *format;
    for (size_t i = 0; (format = script_format_name(rehearsal->script, i)); i++)
        try_format(rehearsal, format);
}

// ---- life ----

void rehearsal_init(struct rehearsal *rehearsal, struct findings *findings, struct script *script,
                    struct script *other, const struct postgres_description *description)
{
    *rehearsal = (struct rehearsal){.findings = findings,
                                    .script = script,
                                    .other = other,
                                    .description = description,
                                    .missed = {missed, rehearsal}};
    for (int i = 0; i < 3; i++)
        buffer_init(&rehearsal->outcomes[i], OUTCOME_MAX_SIZE);
    buffer_init(&rehearsal->invented, 64 << 10);
    script_tell_missed(script, &rehearsal->missed);
}

void rehearsal_release(struct rehearsal *rehearsal)
{
    script_tell_missed(rehearsal->script, NULL);
    for (int i = 0; i < 3; i++)
        buffer_release(&rehearsal->outcomes[i]);
    buffer_release(&rehearsal->invented);
}
