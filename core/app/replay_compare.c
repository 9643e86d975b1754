// SPDX-License-Identifier: MIT
// How the events of two script folders differ.
#include <string.h>

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

static void compare_objects(FILE *out, const char *outer, struct jsontext before,
                            struct jsontext after)
{
    char path[PATH_SIZE];
    struct jsontext_walk walk;
    struct jsontext other;
    jsontext_walk(&walk, before);
    while (jsontext_next(&walk) && append_key(path, outer, walk.key))
        if (jsontext_member(after, walk.key, &other))
            compare_values(out, path, walk.value, other);
        else
            print_value(out, '-', path, walk.value);
    jsontext_walk(&walk, after);
    while (jsontext_next(&walk) && append_key(path, outer, walk.key))
        if (!jsontext_member(before, walk.key, &other))
            print_value(out, '+', path, walk.value);
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

// The first event of the same row and type that has no partner yet.
static struct outcome_event *find_partner(const struct outcome *outcome,
                                          const struct outcome_event *event)
{
    for (size_t i = 0; i < outcome->event_count; i++) {
        struct outcome_event *other = &outcome->events[i];
        if (!other->paired && other->change == event->change &&
            strcmp(other->type, event->type) == 0)
            return other;
    }
    return NULL;
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

static void compare_change(struct comparison *comparison, struct outcome *before,
                           struct outcome *after)
{
    uint32_t index = comparison->change->index;
    compare_failures(comparison, before, after);
    for (size_t i = 0; i < before->event_count; i++) {
        struct outcome_event *event = &before->events[i];
        if (event->change != index)
            continue;
        comparison->difference->all_events++;
        struct outcome_event *partner = find_partner(after, event);
        if (!partner) {
            print_whole(comparison, '-', event);
            continue;
        }
        partner->paired = true;
        compare_pair(comparison, event, partner);
    }
    for (size_t i = 0; i < after->event_count; i++) {
        const struct outcome_event *event = &after->events[i];
        if (event->change != index || event->paired)
            continue;
        comparison->difference->all_events++;
        print_whole(comparison, '+', event);
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
