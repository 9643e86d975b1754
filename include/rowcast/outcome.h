// SPDX-License-Identifier: MIT
// What a script folder makes of a transaction, kept: events and failures, by change.
#ifndef ROWCAST_OUTCOME_H
#define ROWCAST_OUTCOME_H

#include "rowcast/buffer.h"
#include "rowcast/jsontext.h"
#include "rowcast/script.h"
#include "rowcast/source.h"

struct outcome_event {
    uint32_t change;
    char *type, *topics; // "a, b"
    struct frame *frame;
    struct jsontext payload;       // in the frame
    struct outcome_event *partner; // room for who compares
};

struct outcome_failure {
    uint32_t change;
    char *message; // "path:line: ...", with a traceback
};

// Ready after zeroing. Both lists are in the order of changes.
struct outcome {
    struct outcome_event *events;
    struct outcome_failure *failures;
    size_t event_count, failure_count;
};

// In place of what was kept before.
void outcome_run(struct outcome *outcome, struct script *script,
                 const struct source_identity *identity, const struct transaction *transaction);
void outcome_release(struct outcome *outcome);

// The payload behind a frame's header.
struct jsontext outcome_payload(const struct frame *frame);

// The change's events, which stand beside each other: `*count` of them.
struct outcome_event *outcome_events_of(const struct outcome *outcome, uint32_t change,
                                        size_t *count);

// The change's failure, or NULL.
const struct outcome_failure *outcome_failure_of(const struct outcome *outcome, uint32_t change);

// "0/16B3748 xid 731 change 2 insert public.trades id=7"; `text` is a buffer to write it into.
void outcome_append_row(struct buffer *text, const struct transaction *transaction,
                        const struct change *change);

#endif
