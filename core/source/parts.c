// SPDX-License-Identifier: MIT
// Transactions whole or in parts.
#include "parts.h"

static void open_part(struct parts *parts, uint64_t lsn, uint32_t xid, int64_t time)
{
    struct transaction *part = transaction_new();
    part->lsn = lsn;
    part->xid = xid;
    part->time = time;
    parts->open = part;
    parts->serial++;
}

static void next_part(struct parts *parts)
{
    struct transaction *full = parts->open;
    parts->cut = true;
    open_part(parts, full->lsn, full->xid, full->time);
    parts->deliver(parts->user, full);
}

void parts_begin(struct parts *parts, uint64_t lsn, uint32_t xid, int64_t time)
{
    parts_drop(parts);
    open_part(parts, lsn, xid, time);
    parts->next_index = 0;
    parts->cut = false;
}

struct change *parts_add(struct parts *parts)
{
    if (parts->cut ? transaction_part_full(parts->open)
                   : transaction_full(parts->open, parts->max_bytes))
        next_part(parts);
    struct change *change = transaction_add(parts->open);
    change->index = parts->next_index++;
    return change;
}

void parts_end(struct parts *parts, uint64_t end_lsn)
{
    struct transaction *transaction = parts->open;
    parts->open = NULL;
    transaction->end_lsn = end_lsn;
    transaction->whole = !parts->cut;
    transaction->last = true;
    parts->deliver(parts->user, transaction);
}

void parts_drop(struct parts *parts)
{
    transaction_free(parts->open);
    parts->open = NULL;
}
