// SPDX-License-Identifier: MIT
// What every source of transactions offers: callbacks up, a brake down.
#ifndef ROWCAST_SOURCE_H
#define ROWCAST_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "rowcast/change.h"
#include "rowcast/event.h"
#include "rowcast/fault.h"

// Who the stream is: two streams with the same identity give the same ids.
struct source_identity {
    uint32_t epoch;         // see event.h; from source_epoch
    struct lineage lineage; // timeline 0 for recorded rows
    uint64_t lsn;           // the stream begins behind it
    const char *
        published; // "schema.table" of all tables that are sent, one a line; NULL: not known. Lives during the callback
    const char *gap; // why it does not follow what was delivered before; NULL: it does
};

struct source_callbacks {
    // The stream is established, at first or again after `lost`. Transactions behind the last one
    // delivered follow; without one delivered yet, or with identity->gap, behind identity->lsn.
    void (*started)(void *user, const struct source_identity *identity);
    // Everything that was committed before `started` has been delivered.
    void (*caught_up)(void *user);
    // What is sent has become something else since `started`: identity->published as it is now. May be NULL.
    void (*published)(void *user, const char *published);
    // Another instance has taken the stream over: what is committed now passes us by.
    void (*superseded)(void *user);
    // In commit order. Takes over the transaction. When it returns, the transaction is safe and will be acknowledged.
    void (*transaction)(void *user, struct transaction *transaction);
    // Nothing is committed between the last transaction delivered and `lsn`. May be NULL.
    void (*passed)(void *user, uint64_t lsn);
    // The stream is interrupted or could not begin; the source tries again by itself. The sentence
    // (repeated only when it changes) says why and what to do.
    void (*lost)(void *user, const struct fault *fault);
    // A finite source has ended; fault NULL: at its end, else it cannot go on.
    void (*ended)(void *user, const struct fault *fault);
};

// FNV-1a over the parts with a separator, folded to 32 bits.
uint32_t source_epoch(const char *const *parts, int count);

// The id of the transaction's first event; the others differ in `change` and `emit`. Recorded rows
// (timeline 0) leave xid and stamp out: their ids depend on lsn or line number alone.
struct event_id source_event_id(const struct source_identity *identity,
                                const struct transaction *transaction);

#endif
