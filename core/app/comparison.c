// SPDX-License-Identifier: MIT
// What a candidate folder of scripts makes of transactions, beside what the live one made of them.
#include "rowcast/comparison.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"
#include "rowcast/metrics.h"
#include "rowcast/rowkey.h"
#include "rowcast/utf8.h"

struct candidate_run {
    struct comparison *comparison;
    const struct transaction *transaction;
    struct event_id base;
    struct comparison_events events;
    uint32_t *failed; // indexes of changes, ascending
    size_t failed_count, failed_capacity;
};

const char *comparison_word(enum comparison_result result)
{
    static const char *const words[] = {"same", "different", "missing", "extra", "error"};
    return words[result];
}

// ---- events ----

static char *join_topics(const struct script_event *event)
{
    size_t size = 0;
    for (uint32_t i = 0; i < event->topic_count; i++)
        size += event->topics[i].size + 1;
    char *topics = memory_new(size + 1), *end = topics;
    for (uint32_t i = 0; i < event->topic_count; i++) {
        memcpy(end, event->topics[i].name, event->topics[i].size);
        end += event->topics[i].size;
        *end++ = i + 1 < event->topic_count ? '\n' : '\0';
    }
    return topics;
}

static void add(struct comparison_events *events, const struct comparison_event *event)
{
    if (events->count == events->capacity) {
        events->capacity = events->capacity ? 2 * events->capacity : 4;
        events->items = memory_resize(events->items, events->capacity * sizeof *events->items);
    }
    events->items[events->count++] = *event;
    events->bytes += sizeof *event + event->frame->size + strlen(event->topics);
}

void comparison_note(struct comparison_events *events, const struct script_event *event)
{
    add(events, &(struct comparison_event){event->id, frame_ref(event->frame), join_topics(event)});
}

void comparison_drop(struct comparison_events *events)
{
    for (size_t i = 0; i < events->count; i++) {
        frame_unref(events->items[i].frame);
        free(events->items[i].topics);
    }
    free(events->items);
    *events = (struct comparison_events){0};
}

// ---- differences ----

static char *cut(const char *text, size_t size)
{
    return memory_copy(text, size > COMPARISON_MAX_TEXT ? utf8_cut(text, size, COMPARISON_MAX_TEXT)
                                                        : size);
}

static char *payload_of(const struct comparison_event *event)
{
    size_t size;
    const unsigned char *payload = frame_payload(event->frame, &size);
    return cut((const char *)payload, size);
}

static int by_index(const void *key, const void *item)
{
    uint32_t index = *(const uint32_t *)key, other = ((const struct change *)item)->index;
    return index < other ? -1 : index > other;
}

static const struct change *change_at(const struct transaction *transaction, uint32_t index)
{
    return bsearch(&index, transaction->changes, transaction->change_count,
                   sizeof *transaction->changes, by_index);
}

static char *key_of(const struct change *change)
{
    struct buffer key;
    buffer_init(&key, ROWKEY_MAX_SIZE);
    rowkey_append(&key, change);
    char *text = memory_copy(key.bytes ? key.bytes : "", key.size);
    buffer_release(&key);
    return text;
}

// Counts it; keeps it, with room for more to be filled in, if it is a difference and there is room. Else NULL.
static struct comparison_difference *count(struct candidate_run *run, const struct event_id *id,
                                           enum comparison_result result)
{
    struct comparison *comparison = run->comparison;
    const struct change *change = change_at(run->transaction, id->change);
    const char *table = metrics_table(change);
    ((uint64_t *)tally_at(&comparison->tables, table, strlen(table)))[result]++;
    if (result == COMPARISON_SAME || comparison->difference_count == COMPARISON_MAX_DIFFERENCES)
        return NULL;
    struct comparison_difference *difference =
        &comparison->differences[comparison->difference_count++];
    *difference = (struct comparison_difference){
        .result = result, .table = memory_text(table), .key = key_of(change)};
    event_id_text(id, difference->id);
    return difference;
}

static void tell(struct candidate_run *run, enum comparison_result result,
                 const struct comparison_event *live, const struct comparison_event *candidate)
{
    struct comparison_difference *difference =
        count(run, live ? &live->id : &candidate->id, result);
    if (difference && live) {
        difference->live = payload_of(live);
        difference->live_topics = cut(live->topics, strlen(live->topics));
    }
    if (difference && candidate) {
        difference->candidate = payload_of(candidate);
        difference->candidate_topics = cut(candidate->topics, strlen(candidate->topics));
    }
}

// ---- the run ----

static void take_event(void *user, const struct script_event *event)
{
    struct candidate_run *run = user;
    add(&run->events, &(struct comparison_event){event->id, event->frame, join_topics(event)});
}

static void take_failure(void *user, const struct change *change, const char *script,
                         const char *message)
{
    struct candidate_run *run = user;
    (void)script;
    struct event_id id = run->base;
    id.change = change->index;
    struct comparison_difference *difference = count(run, &id, COMPARISON_ERROR);
    if (difference)
        difference->candidate = cut(message, strcspn(message, "\n"));
    if (run->failed_count == run->failed_capacity) {
        run->failed_capacity = run->failed_capacity ? 2 * run->failed_capacity : 16;
        run->failed = memory_resize(run->failed, run->failed_capacity * sizeof *run->failed);
    }
    run->failed[run->failed_count++] = change->index;
}

static int by_number(const void *left, const void *right)
{
    uint32_t one = *(const uint32_t *)left, other = *(const uint32_t *)right;
    return one < other ? -1 : one > other;
}

static bool has_failed(const struct candidate_run *run, uint32_t index)
{
    return run->failed_count > 0 &&
           bsearch(&index, run->failed, run->failed_count, sizeof *run->failed, by_number) != NULL;
}

static bool is_same(const struct comparison_event *one, const struct comparison_event *other)
{
    return one->frame->size == other->frame->size &&
           memcmp(one->frame->bytes, other->frame->bytes, one->frame->size) == 0 &&
           strcmp(one->topics, other->topics) == 0;
}

// Both lists are in the order of their ids.
static void compare(struct candidate_run *run, const struct comparison_events *live)
{
    const struct comparison_event *left = live->items, *left_end = left + live->count;
    const struct comparison_event *right = run->events.items;
    const struct comparison_event *right_end = right + run->events.count;
    while (left < left_end || right < right_end) {
        int order = left == left_end     ? 1
                    : right == right_end ? -1
                                         : event_id_compare(&left->id, &right->id);
        if (order > 0)
            tell(run, COMPARISON_EXTRA, NULL, right);
        else if (order == 0)
            tell(run, is_same(left, right) ? COMPARISON_SAME : COMPARISON_DIFFERENT, left, right);
        else if (!has_failed(run, left->id.change))
            tell(run, COMPARISON_MISSING, left, NULL);
        left += order <= 0;
        right += order >= 0;
    }
}

void comparison_run(struct comparison *comparison, struct script *candidate,
                    const struct transaction *transaction, const struct event_id *base,
                    const struct comparison_events *live)
{
    struct candidate_run run = {
        .comparison = comparison, .transaction = transaction, .base = *base};
    struct script_sink sink = {.event = take_event, .failed = take_failure, .user = &run};
    script_transaction(candidate, transaction, base, &sink);
    compare(&run, live);
    comparison_drop(&run.events);
    free(run.failed);
}

// ---- the whole ----

void comparison_init(struct comparison *comparison)
{
    *comparison = (struct comparison){0};
    tally_init(&comparison->tables, COMPARISON_RESULTS * sizeof(uint64_t), COMPARISON_MAX_TABLES);
}

void comparison_forget(struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->difference_count; i++) {
        struct comparison_difference *difference = &comparison->differences[i];
        free(difference->table);
        free(difference->key);
        free(difference->live);
        free(difference->live_topics);
        free(difference->candidate);
        free(difference->candidate_topics);
    }
    comparison->difference_count = 0;
}

void comparison_release(struct comparison *comparison)
{
    comparison_forget(comparison);
    tally_release(&comparison->tables);
}

void comparison_merge(struct comparison *comparison, struct comparison *other)
{
    for (size_t i = 0; i < other->tables.count; i++) {
        const char *name = other->tables.names[i];
        uint64_t *sum = tally_at(&comparison->tables, name, strlen(name));
        for (int result = 0; result < COMPARISON_RESULTS; result++)
            sum[result] += ((const uint64_t *)other->tables.items[i])[result];
    }
    while (other->difference_count > 0 &&
           comparison->difference_count < COMPARISON_MAX_DIFFERENCES) {
        comparison->differences[comparison->difference_count++] = other->differences[0];
        memmove(other->differences, other->differences + 1,
                --other->difference_count * sizeof *other->differences);
    }
}
