// SPDX-License-Identifier: MIT
// What a replication slot costs the server, and what is to be done about it. Pure.
#ifndef ROWCAST_SLOT_H
#define ROWCAST_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "rowcast/buffer.h"

// wal_status of pg_replication_slots, in order of danger.
enum slot_wal {
    SLOT_WAL_UNKNOWN,
    SLOT_WAL_RESERVED,
    SLOT_WAL_EXTENDED,   // more than max_wal_size is kept
    SLOT_WAL_UNRESERVED, // more than max_slot_wal_keep_size: gone at the next checkpoint
    SLOT_WAL_LOST,       // gone
};

#define SLOT_HOLDER_SIZE 512
#define SLOT_REMEDY_SIZE 128
#define SLOT_UNSEEN_SIZE 512

// The figures, as they were last seen. All zero: never.
struct slot {
    enum slot_wal wal;
    uint64_t server, restart,
        confirmed;     // positions: the log's end, what the server keeps, what is acknowledged
    uint64_t retained; // bytes of WAL that the server keeps: server - restart
    int64_t
        safe_bytes; // safe_wal_size: what may be written before it is lost; below 0: not bounded, or too late
    uint64_t lag_bytes;       // what was written and has not been delivered
    int64_t lag_milliseconds; // for how long there may have been such
    int64_t seen;             // milliseconds of the loop's clock; 0: never
    char holder
        [SLOT_HOLDER_SIZE]; // the oldest transaction that has written: "the transaction of PID 7 (...)", or ""
    char remedy[SLOT_REMEDY_SIZE]; // the SQL that ends it
    char unseen[SLOT_UNSEEN_SIZE]; // why the figures are not known, or old; ""
};

enum slot_wal slot_wal_parse(const char *text); // NULL: unknown

enum slot_risk {
    SLOT_SAFE,
    SLOT_EXTENDED,
    SLOT_OVER_LIMIT,
    SLOT_UNRESERVED,
    SLOT_LOST,
};

// `limit` in bytes. Once over the limit it stays so until a tenth below: `before` is the last answer.
enum slot_risk slot_risk(const struct slot *slot, uint64_t limit, enum slot_risk before);

// What the sentence names beside the figures.
struct slot_terms {
    const char *name;
    uint64_t limit;
    uint64_t replay_wal;
    bool read; // somebody reads it
    bool held; // but stands still at a row whose script fails
};

// One sentence or more: how much is kept, why, and the command that changes it. For SLOT_EXTENDED to
// SLOT_UNRESERVED.
void slot_explain(const struct slot *slot, enum slot_risk risk, const struct slot_terms *terms,
                  struct buffer *text);

#endif
