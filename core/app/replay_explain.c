// SPDX-License-Identifier: MIT
// Which script and which row made which event, and which rows made none.
#include "rowcast/replay.h"

#include <string.h>

#define PLACE_SIZE 512
#define ROW_SIZE 1024

void replay_print_json(FILE *out, struct jsontext text)
{
    if (!memchr(text.at, '\n', text.size) && !memchr(text.at, '\r', text.size)) {
        fwrite(text.at, 1, text.size, out);
        return;
    }
    for (size_t i = 0; i < text.size; i++)
        putc(text.at[i] == '\n' || text.at[i] == '\r' ? ' ' : text.at[i], out);
}

static void print_events(FILE *out, const struct outcome_event *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "  to %s: ", events[i].topics);
        replay_print_json(out, events[i].payload);
        putc('\n', out);
    }
}

static void explain_change(FILE *out, struct script *script, const struct change *change,
                           const struct outcome *outcome)
{
    char place[PLACE_SIZE];
    const char *file;
    const struct outcome_failure *failure = outcome_failure_of(outcome, change->index);
    size_t count;
    const struct outcome_event *events = outcome_events_of(outcome, change->index, &count);
    if (!script_handler(script, change, place, sizeof place, &file)) {
        if (file)
            fprintf(out, "no event: %s has no %s\n", file, change_op_name(change->op));
        else
            fprintf(out, "no event: no script is of this table\n");
    } else if (failure) {
        fprintf(out, "%s failed\n  %s\n", place, failure->message);
    } else if (count == 0) {
        fprintf(out, "no event: %s returned none\n", place);
    } else {
        fprintf(out, "%s made %zu event%s\n", place, count, count == 1 ? "" : "s");
    }
    print_events(out, events, count);
}

void replay_explain(FILE *out, struct script *script, const struct transaction *transaction,
                    const struct outcome *outcome)
{
    struct buffer row;
    buffer_init(&row, ROW_SIZE);
    for (uint32_t i = 0; i < transaction->change_count; i++) {
        buffer_clear(&row);
        outcome_append_row(&row, transaction, &transaction->changes[i]);
        fprintf(out, "%.*s: ", (int)row.size, row.bytes);
        explain_change(out, script, &transaction->changes[i], outcome);
    }
    buffer_release(&row);
}
