// SPDX-License-Identifier: MIT
// Collects the changes of one transaction after the other and hands them over: whole within the
// bounds of change.h, beyond them in parts. Private to this room.
#ifndef ROWCAST_SOURCE_PARTS_H
#define ROWCAST_SOURCE_PARTS_H

#include "rowcast/change.h"

// Ready when zeroed but for `deliver`, `user` and `max_bytes`. Invariant: `open` is NULL outside a transaction.
struct parts {
    void (*deliver)(void *user, struct transaction *transaction); // takes it over
    void *user;
    size_t max_bytes;         // of memory, within which a transaction is handed over whole
    struct transaction *open; // what is being filled: the transaction, or its next part
    uint32_t next_index;      // of the next change in the transaction
    bool cut;                 // the bounds were passed: `open` is a part
    uint64_t serial;          // changes with `open`: what was made in another one's arena has gone
};

void parts_begin(struct parts *parts, uint64_t lsn, uint32_t xid, int64_t time);

// Room for the next change, to be filled in with memory of `parts->open->arena`. May deliver what
// was collected before, so `open` is to be read after it.
struct change *parts_add(struct parts *parts);

void parts_end(struct parts *parts, uint64_t end_lsn); // delivers the rest, with `last`
void parts_drop(struct parts *parts);                  // forgets an open transaction

#endif
