// SPDX-License-Identifier: MIT
// What a script folder makes of a transaction.
#include "rowcast/outcome.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/frame.h"
#include "rowcast/memory.h"
#include "rowcast/rowkey.h"

struct jsontext outcome_payload(const struct frame *frame)
{
    size_t size;
    const unsigned char *payload = frame_payload(frame, &size);
    return (struct jsontext){(const char *)payload, size};
}

static char *join_topics(const struct script_event *event)
{
    char *joined = memory_text("");
    for (uint32_t i = 0; i < event->topic_count; i++) {
        char *longer = memory_format("%s%s%.*s", joined, i > 0 ? ", " : "",
                                     (int)event->topics[i].size, event->topics[i].name);
        free(joined);
        joined = longer;
    }
    return joined;
}

// For one more item. A list has room for a power of two of them.
static void *make_room(void *items, size_t count, size_t size)
{
    bool full = (count & (count - 1)) == 0;
    return full ? memory_resize(items, (count > 0 ? 2 * count : 1) * size) : items;
}

static void take_event(void *user, const struct script_event *event)
{
    struct outcome *outcome = user;
    outcome->events = make_room(outcome->events, outcome->event_count, sizeof *outcome->events);
    outcome->events[outcome->event_count++] =
        (struct outcome_event){.change = event->id.change,
                               .type = memory_copy(event->type, event->type_size),
                               .topics = join_topics(event),
                               .frame = event->frame,
                               .payload = outcome_payload(event->frame)};
}

static void take_failure(void *user, const struct change *change, const char *script,
                         const char *message)
{
    struct outcome *outcome = user;
    (void)script;
    outcome->failures =
        make_room(outcome->failures, outcome->failure_count, sizeof *outcome->failures);
    outcome->failures[outcome->failure_count++] =
        (struct outcome_failure){change->index, memory_text(message)};
}

void outcome_run(struct outcome *outcome, struct script *script,
                 const struct source_identity *identity, const struct transaction *transaction)
{
    struct event_id id = source_event_id(identity, transaction);
    struct script_sink sink = {.event = take_event, .failed = take_failure, .user = outcome};
    outcome_release(outcome);
    script_transaction(script, transaction, &id, &sink);
}

void outcome_release(struct outcome *outcome)
{
    for (size_t i = 0; i < outcome->event_count; i++) {
        free(outcome->events[i].type);
        free(outcome->events[i].topics);
        frame_unref(outcome->events[i].frame);
    }
    for (size_t i = 0; i < outcome->failure_count; i++)
        free(outcome->failures[i].message);
    free(outcome->events);
    free(outcome->failures);
    *outcome = (struct outcome){0};
}

// The first event of the change, or of one behind it.
static size_t find_event(const struct outcome *outcome, uint64_t change)
{
    size_t low = 0, high = outcome->event_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (outcome->events[middle].change < change)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct outcome_event *outcome_events_of(const struct outcome *outcome, uint32_t change,
                                        size_t *count)
{
    size_t first = find_event(outcome, change);
    *count = find_event(outcome, (uint64_t)change + 1) - first;
    return *count > 0 ? &outcome->events[first] : NULL;
}

static int by_change(const void *key, const void *item)
{
    uint32_t change = *(const uint32_t *)key;
    uint32_t other = ((const struct outcome_failure *)item)->change;
    return change < other ? -1 : change > other;
}

const struct outcome_failure *outcome_failure_of(const struct outcome *outcome, uint32_t change)
{
    return outcome->failure_count == 0 ? NULL
                                       : bsearch(&change, outcome->failures, outcome->failure_count,
                                                 sizeof *outcome->failures, by_change);
}

void outcome_append_row(struct buffer *text, const struct transaction *transaction,
                        const struct change *change)
{
    buffer_append_format(text, "%X/%X ", (unsigned)(transaction->lsn >> 32),
                         (unsigned)transaction->lsn);
    if (transaction->xid)
        buffer_append_format(text, "xid %u ", transaction->xid);
    buffer_append_format(text, "change %u ", change->index);
    rowkey_append_change(text, change);
}
