// SPDX-License-Identifier: MIT
// A spec of a row that was recorded.
#include <stdlib.h>
#include <string.h>

#include "rowcast/lualiteral.h"
#include "rowcast/memory.h"
#include "rowcast/new.h"
#include "rowcast/recorded.h"

#define MAX_CHANGES 200 // of the transaction, in a spec; beyond them the row stands alone
#define MAX_LINE (1u << 20)

const char *new_short_name(const struct relation *relation)
{
    return strcmp(relation->schema, "public") == 0 ? relation->table : relation->name;
}

// "public.trades" is "trades" in specs.
static void append_change(struct buffer *out, struct jsontext change)
{
    static const char schema[] = "\"public.";
    struct jsontext_walk walk;
    jsontext_walk(&walk, change);
    buffer_append_text(out, "  {\n");
    while (jsontext_next(&walk)) {
        buffer_append_format(out, "    %.*s = ", (int)walk.key.size - 2, walk.key.at + 1);
        if (strncmp(walk.value.at, schema, sizeof schema - 1) == 0 &&
            strncmp(walk.key.at, "\"table\"", 7) == 0)
            buffer_append_format(out, "\"%.*s", (int)(walk.value.size - sizeof schema + 1),
                                 walk.value.at + sizeof schema - 1);
        else
            lualiteral_append_json(out, walk.value, 2);
        buffer_append_text(out, ",\n");
    }
    buffer_append_text(out, "  },\n");
}

// False: they do not fit.
static bool append_changes(struct buffer *out, const struct transaction *transaction)
{
    struct buffer line;
    struct jsontext changes;
    struct jsontext_walk walk;
    buffer_init(&line, MAX_LINE);
    bool fits = transaction->change_count <= MAX_CHANGES &&
                recorded_write(&line, transaction, 0, NULL) == transaction->change_count;
    if (fits) {
        struct jsontext whole = jsontext_value(line.bytes, line.bytes + line.size);
        static const struct jsontext key = {"\"changes\"", 9};
        jsontext_member(whole, key, &changes);
        jsontext_walk(&walk, changes);
        while (jsontext_next(&walk))
            append_change(out, walk.value);
    }
    buffer_release(&line);
    return fits;
}

static void append_call(struct buffer *out, const struct change *change, size_t position)
{
    bool is_new = change->op == CHANGE_INSERT || change->op == CHANGE_UPDATE;
    bool is_old = change->op == CHANGE_UPDATE || change->op == CHANGE_DELETE;
    buffer_append_format(out,
                         "    local script = helper.script \"tables/%s\"\n"
                         "    local change, ctx = changes[%zu], helper.ctx(changes, %zu)\n",
                         new_short_name(change->relation), position, position);
    if (is_new)
        buffer_append_text(out, "    local new = helper.row(change.new)\n");
    if (is_old)
        buffer_append_text(out, "    local old = helper.row(change.old)\n");
    buffer_append_format(out,
                         "    local made = script[change.op](%s%sctx) or {}\n"
                         "    local events = made.type and { made } or made\n",
                         is_new ? "new, " : "", is_old ? "old, " : "");
}

static void append_expectations(struct buffer *out, const struct outcome *outcome, uint32_t change)
{
    size_t count;
    const struct outcome_event *events = outcome_events_of(outcome, change, &count);
    if (outcome_failure_of(outcome, change)) {
        buffer_append_text(out, "    -- It failed. Say here what it should make of the row.\n"
                                "    assert.equal(\"table\", type(events))\n");
        return;
    }
    buffer_append_format(out, "    assert.equal(%zu, #events)\n", count);
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(out, "    assert.equal(");
        lualiteral_append_string(out, events[i].type, strlen(events[i].type));
        buffer_append_format(out, ", events[%zu].type)\n", i + 1);
    }
}

static void append_head(struct buffer *out, const struct transaction *transaction,
                        const struct change *change, const struct outcome *outcome,
                        const char *origin)
{
    const struct outcome_failure *failure = outcome_failure_of(outcome, change->index);
    buffer_append_text(out, "-- A recorded row: ");
    outcome_append_row(out, transaction, change);
    buffer_append_format(out, ",\n-- of %s.\n", origin);
    if (failure)
        buffer_append_format(out, "-- %.*s\n", (int)strcspn(failure->message, "\n"),
                             failure->message);
}

void new_row_spec(struct buffer *out, const struct transaction *transaction,
                  const struct change *change, const struct outcome *outcome, const char *origin)
{
    struct buffer changes;
    struct transaction alone = *transaction;
    size_t position = (size_t)(change - transaction->changes) + 1;
    buffer_init(&changes, 4 * MAX_LINE);
    append_head(out, transaction, change, outcome, origin);
    if (!append_changes(&changes, transaction)) {
        alone.changes = &transaction->changes[position - 1];
        alone.change_count = 1;
        position = 1;
        append_changes(&changes, &alone);
        buffer_append_text(out,
                           "-- The others of its transaction are left out: they are too many.\n");
    }
    buffer_append_format(out,
                         "\nlocal helper = require \"spec.helper\"\n\n"
                         "local changes = {\n%.*s}\n\n"
                         "describe(\"%s\", function()\n"
                         "  it(\"copes with the row at %X/%X\", function()\n",
                         (int)changes.size, changes.size ? changes.bytes : "",
                         new_short_name(change->relation), (unsigned)(transaction->lsn >> 32),
                         (unsigned)transaction->lsn);
    append_call(out, change, position);
    append_expectations(out, outcome, change->index);
    buffer_append_text(out, "  end)\nend)\n");
    buffer_release(&changes);
}
