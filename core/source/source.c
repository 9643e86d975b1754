// SPDX-License-Identifier: MIT
// What all sources share: the epoch of their ids.
#include "rowcast/source.h"

#define FNV_OFFSET 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u

static uint64_t fnv_byte(uint64_t hash, unsigned char byte)
{
    return (hash ^ byte) * FNV_PRIME;
}

uint32_t source_epoch(const char *const *parts, int count)
{
    uint64_t hash = FNV_OFFSET;
    for (int i = 0; i < count; i++) {
        for (const char *at = parts[i]; *at; at++)
            hash = fnv_byte(hash, (unsigned char)*at);
        hash = fnv_byte(hash, 0); // no text contains it: {"a", "bc"} and {"ab", "c"} differ
    }
    return (uint32_t)(hash ^ (hash >> 32));
}

static uint32_t stamp_of(int64_t time)
{
    uint64_t hash = FNV_OFFSET;
    for (int shift = 0; shift < 64; shift += 8)
        hash = fnv_byte(hash, (unsigned char)((uint64_t)time >> shift));
    return (uint32_t)(hash >> (64 - EVENT_ID_STAMP_BITS));
}

struct event_id source_event_id(const struct source_identity *identity,
                                const struct transaction *transaction)
{
    bool recorded = identity->lineage.timeline == 0;
    return (struct event_id){
        .epoch = identity->epoch,
        .timeline = lineage_at(&identity->lineage, transaction->lsn),
        .lsn = transaction->lsn,
        .xid = recorded ? 0 : transaction->xid,
        .stamp = recorded ? 0 : stamp_of(transaction->time),
    };
}
