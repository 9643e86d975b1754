// SPDX-License-Identifier: MIT
// What a candidate folder of scripts makes of transactions, beside what the live one made of them. One thread at a time.
//
// Events are the same if they have the same place in their transaction, the same bytes and the same topics.
#ifndef ROWCAST_COMPARISON_H
#define ROWCAST_COMPARISON_H

#include <stddef.h>
#include <stdint.h>

#include "rowcast/script.h"
#include "rowcast/tally.h"

#define COMPARISON_MAX_DIFFERENCES 20 // that are kept, the first ones
#define COMPARISON_MAX_TEXT 1024      // bytes of an event, or of a message, that are kept
#define COMPARISON_MAX_TABLES 200

enum comparison_result {
    COMPARISON_SAME,
    COMPARISON_DIFFERENT,
    COMPARISON_MISSING, // the candidate does not make it
    COMPARISON_EXTRA,   // the candidate alone makes it
    COMPARISON_ERROR, // the candidate failed: one for the row, whatever the live scripts made of it
    COMPARISON_RESULTS,
};

const char *comparison_word(enum comparison_result result); // "same", ...

struct comparison_event {
    struct event_id id;
    struct frame *frame;
    char *topics; // one a line
};

struct comparison_events {
    struct comparison_event *items;
    size_t count, capacity;
    size_t bytes; // of memory that they keep alive
};

// Texts may be cut; NULL where there is nothing.
struct comparison_difference {
    enum comparison_result result;
    char id[EVENT_ID_TEXT_SIZE];
    char *table, *key;
    char *live, *live_topics;
    char *candidate, *candidate_topics; // COMPARISON_ERROR: what was raised, and NULL
};

struct comparison {
    struct tally tables; // uint64_t[COMPARISON_RESULTS], by table as its script is named
    struct comparison_difference differences[COMPARISON_MAX_DIFFERENCES];
    size_t difference_count;
};

void comparison_init(struct comparison *comparison);
void comparison_release(struct comparison *comparison);
void comparison_forget(struct comparison *comparison); // the differences, not the counts

// References the frame, copies the topics.
void comparison_note(struct comparison_events *events, const struct script_event *event);
void comparison_drop(struct comparison_events *events); // and their memory

// Runs the candidate over the transaction, of which the live scripts made the events `live`, in order.
void comparison_run(struct comparison *comparison, struct script *candidate,
                    const struct transaction *transaction, const struct event_id *base,
                    const struct comparison_events *live);

// Adds the counts of another one, and takes differences from it while there is room.
void comparison_merge(struct comparison *comparison, struct comparison *other);

#endif
