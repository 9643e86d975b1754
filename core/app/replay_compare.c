// SPDX-License-Identifier: MIT
// How the events of two script folders differ.
#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"
#include "rowcast/replay.h"

#define PATH_SIZE 1024
#define ROW_SIZE 1024

struct comparison {
    FILE *out;
    struct replay_difference *difference;
    const struct transaction *transaction;
    const struct change *change;
    bool headed; // the row's line is printed
};

// The folders' line stands above the first row, the row's line above the first difference in it.
static void print_head(struct comparison *comparison)
{
    struct replay_difference *difference = comparison->difference;
    struct buffer row;
    if (comparison->headed)
        return;
    comparison->headed = true;
    if (difference->rows++ == 0)
        fprintf(comparison->out, "--- %s\n+++ %s\n", difference->before, difference->after);
    buffer_init(&row, ROW_SIZE);
    outcome_append_row(&row, comparison->transaction, comparison->change);
    fprintf(comparison->out, "@@ %.*s @@\n", (int)row.size, row.bytes);
    buffer_release(&row);
}

// ---- inside an event ----

static void print_value(FILE *out, char sign, const char *path, struct jsontext value)
{
    fprintf(out, "%c   %s: ", sign, path);
    replay_print_json(out, value);
    putc('\n', out);
}

// "data" and "\"market\"" to "data.market"; false where that is too long.
static bool append_key(char path[PATH_SIZE], const char *outer, struct jsontext key)
{
    int size = snprintf(path, PATH_SIZE, "%s%s%.*s", outer, *outer ? "." : "", (int)key.size - 2,
                        key.at + 1);
    return size < PATH_SIZE;
}

static void compare_values(FILE *out, const char *path, struct jsontext before,
                           struct jsontext after);

struct member {
    struct jsontext key, value;
};

// The members of an object by key, so that each finds the other one's at once.
struct members {
    struct member *items;
    size_t count;
};

static int by_key(const void *left, const void *right)
{
    const struct jsontext *one = left, *other = right; // a member begins with its key
    size_t size = one->size < other->size ? one->size : other->size;
    int order = memcmp(one->at, other->at, size);
    return order != 0 ? order : one->size < other->size ? -1 : one->size > other->size;
}

static void sort_members(struct members *members, struct jsontext object)
{
    struct jsontext_walk walk;
    size_t capacity = 0;
    *members = (struct members){0};
    jsontext_walk(&walk, object);
    while (jsontext_next(&walk)) {
        if (members->count == capacity) {
            capacity = capacity ? 2 * capacity : 16;
            members->items = memory_resize(members->items, capacity * sizeof *members->items);
        }
        members->items[members->count++] = (struct member){walk.key, walk.value};
    }
    if (members->count > 1)
        qsort(members->items, members->count, sizeof *members->items, by_key);
}

static const struct member *find_member(const struct members *members, struct jsontext key)
{
    return members->count == 0
               ? NULL
               : bsearch(&key, members->items, members->count, sizeof *members->items, by_key);
}

static void compare_objects(FILE *out, const char *outer, struct jsontext before,
                            struct jsontext after)
{
    char path[PATH_SIZE];
    struct jsontext_walk walk;
    struct members left, right;
    const struct member *other;
    sort_members(&left, before);
    sort_members(&right, after);
    jsontext_walk(&walk, before);
    while (jsontext_next(&walk) && append_key(path, outer, walk.key))
        if ((other = find_member(&right, walk.key)))
            compare_values(out, path, walk.value, other->value);
        else
            print_value(out, '-', path, walk.value);
    jsontext_walk(&walk, after);
    while (jsontext_next(&walk) && append_key(path, outer, walk.key))
        if (!find_member(&left, walk.key))
            print_value(out, '+', path, walk.value);
    free(left.items);
    free(right.items);
}

static void compare_arrays(FILE *out, const char *outer, struct jsontext before,
                           struct jsontext after)
{
    char path[PATH_SIZE];
    struct jsontext_walk left, right;
    jsontext_walk(&left, before);
    jsontext_walk(&right, after);
    for (int i = 1;; i++) {
        bool in_left = jsontext_next(&left), in_right = jsontext_next(&right);
        if ((!in_left && !in_right) ||
            snprintf(path, sizeof path, "%s[%d]", outer, i) >= (int)sizeof path)
            return;
        if (in_left && in_right)
            compare_values(out, path, left.value, right.value);
        else
            print_value(out, in_left ? '-' : '+', path, in_left ? left.value : right.value);
    }
}

static void compare_values(FILE *out, const char *path, struct jsontext before,
                           struct jsontext after)
{
    if (jsontext_equal(before, after))
        return;
    if (jsontext_is_object(before) && jsontext_is_object(after)) {
        compare_objects(out, path, before, after);
    } else if (jsontext_is_array(before) && jsontext_is_array(after)) {
        compare_arrays(out, path, before, after);
    } else {
        print_value(out, '-', path, before);
        print_value(out, '+', path, after);
    }
}

// ---- the events of a row ----

static void print_whole(struct comparison *comparison, char sign, const struct outcome_event *event)
{
    print_head(comparison);
    comparison->difference->events++;
    fprintf(comparison->out, "%c %s to %s: ", sign, event->type, event->topics);
    replay_print_json(comparison->out, event->payload);
    putc('\n', comparison->out);
}

static void compare_pair(struct comparison *comparison, const struct outcome_event *before,
                         const struct outcome_event *after)
{
    bool same_topics = strcmp(before->topics, after->topics) == 0;
    if (same_topics && jsontext_equal(before->payload, after->payload))
        return;
    print_head(comparison);
    comparison->difference->events++;
    fprintf(comparison->out, "  %s to %s\n", before->type, before->topics);
    if (!same_topics)
        fprintf(comparison->out, "-   topic: %s\n+   topic: %s\n", before->topics, after->topics);
    compare_values(comparison->out, "", before->payload, after->payload);
}

struct row_events {
    struct outcome_event *first;
    size_t count;
};

static struct row_events events_of(const struct outcome *outcome, uint32_t change)
{
    struct row_events events;
    events.first = outcome_events_of(outcome, change, &events.count);
    return events;
}

static int by_type(const void *left, const void *right)
{
    const struct outcome_event *one = *(struct outcome_event *const *)left;
    const struct outcome_event *other = *(struct outcome_event *const *)right;
    int order = strcmp(one->type, other->type);
    return order != 0 ? order : one < other ? -1 : one > other;
}

static struct outcome_event **sort_events(struct row_events events)
{
    struct outcome_event **sorted = memory_new((events.count + 1) * sizeof(struct outcome_event *));
    for (size_t i = 0; i < events.count; i++)
        sorted[i] = &events.first[i];
    qsort(sorted, events.count, sizeof(struct outcome_event *), by_type);
    return sorted;
}

// The first of a type to the first of it, the second to the second.
static void pair(struct row_events before, struct row_events after)
{
    struct outcome_event **left = sort_events(before), **right = sort_events(after);
    size_t i = 0, j = 0;
    while (i < before.count && j < after.count) {
        int order = strcmp(left[i]->type, right[j]->type);
        if (order == 0) {
            left[i]->partner = right[j];
            right[j]->partner = left[i];
        }
        i += order <= 0;
        j += order >= 0;
    }
    free(left);
    free(right);
}

// "path:line: message" without the folder and the traceback.
static struct jsontext told(const struct outcome_failure *failure, const char *folder)
{
    const char *text = failure->message;
    size_t size = strlen(folder);
    if (strncmp(text, folder, size) == 0)
        text += size;
    return (struct jsontext){text, strcspn(text, "\n")};
}

static void print_failure(struct comparison *comparison, char sign,
                          const struct outcome_failure *failure)
{
    if (failure)
        fprintf(comparison->out, "%c failed: %.*s\n", sign, (int)strcspn(failure->message, "\n"),
                failure->message);
}

static void compare_failures(struct comparison *comparison, const struct outcome *before,
                             const struct outcome *after)
{
    const struct outcome_failure *left = outcome_failure_of(before, comparison->change->index);
    const struct outcome_failure *right = outcome_failure_of(after, comparison->change->index);
    if ((!left && !right) || (left && right &&
                              jsontext_equal(told(left, comparison->difference->before),
                                             told(right, comparison->difference->after))))
        return;
    print_head(comparison);
    print_failure(comparison, '-', left);
    print_failure(comparison, '+', right);
}

static void compare_change(struct comparison *comparison, const struct outcome *before,
                           const struct outcome *after)
{
    struct row_events left = events_of(before, comparison->change->index);
    struct row_events right = events_of(after, comparison->change->index);
    compare_failures(comparison, before, after);
    pair(left, right);
    for (size_t i = 0; i < left.count; i++) {
        comparison->difference->all_events++;
        if (left.first[i].partner)
            compare_pair(comparison, &left.first[i], left.first[i].partner);
        else
            print_whole(comparison, '-', &left.first[i]);
    }
    for (size_t i = 0; i < right.count; i++) {
        if (right.first[i].partner)
            continue;
        comparison->difference->all_events++;
        print_whole(comparison, '+', &right.first[i]);
    }
}

void replay_compare(FILE *out, struct replay_difference *difference,
                    const struct transaction *transaction, struct outcome *before,
                    struct outcome *after)
{
    for (uint32_t i = 0; i < transaction->change_count; i++) {
        struct comparison comparison = {.out = out,
                                        .difference = difference,
                                        .transaction = transaction,
                                        .change = &transaction->changes[i]};
        compare_change(&comparison, before, after);
    }
}
