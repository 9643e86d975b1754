// SPDX-License-Identifier: MIT
// What comes out of a source: committed transactions of row changes. With event.h and frame.h the
// common currency of the rooms: sources make them, scripts read them, nobody else changes them.
#ifndef ROWCAST_CHANGE_H
#define ROWCAST_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowcast/arena.h"

// How a column's text is shown to scripts (contract section 5). The text itself is what PostgreSQL
// prints under the session settings of postgres.h; recorded rows hold what scripts see, so theirs are
// TEXT, INTEGER, FLOAT, BOOLEAN or JSON only.
enum column_type {
    COLUMN_TEXT,        // as it is: text, numeric, int8, uuid, enums, everything else
    COLUMN_INTEGER,     // int2, int4, oid: a JSON number as it is
    COLUMN_FLOAT,       // float4, float8: a number, or the text NaN, Infinity, -Infinity
    COLUMN_BOOLEAN,     // t, f
    COLUMN_JSON,        // json, jsonb: valid JSON, byte for byte
    COLUMN_TIMESTAMPTZ, // "2025-11-09 12:00:00.123456+00"
    COLUMN_TIMESTAMP,   // the same without the zone
};

struct column {
    const char *name;
    uint32_t name_size;
    enum column_type type; // of an array: of its elements
    bool array;            // the text is an array literal (PostgreSQL chapter 8.15.6)
    bool key;              // part of the replica identity
};

// A table as it looked when the change was made. Immutable; lives as long as its transaction.
struct relation {
    const char *schema, *table;
    const char *name; // "schema.table"
    uint32_t name_size;
    uint32_t column_count;
    struct column columns[];
};

enum value_state {
    VALUE_ABSENT,    // not sent (a column outside the replica identity): nil, left out when encoded
    VALUE_NULL,      // NULL: nil when read, null when the row is encoded
    VALUE_UNCHANGED, // a TOASTed value that the update did not touch: nil, left out, in ctx.unchanged
    VALUE_TEXT,
};

struct value {
    enum value_state state;
    uint32_t size;
    const char *text; // `size` bytes, not NUL-terminated; NULL unless VALUE_TEXT
};

// One value per column of `relation`.
struct row {
    const struct relation *relation;
    const struct value *values;
};

// CHANGE_SNAPSHOT is no change: a row as a snapshot found it.
enum change_op {
    CHANGE_INSERT,
    CHANGE_UPDATE,
    CHANGE_DELETE,
    CHANGE_TRUNCATE,
    CHANGE_MESSAGE,
    CHANGE_SNAPSHOT,
};

struct change {
    enum change_op op;
    uint32_t index;                  // position in the transaction, from 0
    const struct relation *relation; // NULL for CHANGE_MESSAGE
    const struct row *new_row;       // insert, update, snapshot; else NULL
    const struct row *old_row; // what the replica identity gives of update and delete; may be NULL
    const char *prefix;        // CHANGE_MESSAGE (pg_logical_emit_message)
    const char *content;
    size_t content_size;
};

// The bounds within which a transaction is handed over whole, so that ctx.rows sees siblings. Beyond
// them it comes in parts: what was collected up to there, then smaller ones. Functions of the stream alone, so ids
// stay equal everywhere.
#define TRANSACTION_FEW_CHANGES 4
#define TRANSACTION_MAX_CHANGES 10000
#define TRANSACTION_MAX_BYTES (32u << 20)
#define TRANSACTION_PART_CHANGES 1000
#define TRANSACTION_PART_BYTES (1u << 20)

// A committed transaction, or a part of one that passed the bounds; or the rows of a snapshot (not whole,
// with the time at which it was taken and a position behind all that it contains). Owns everything it points to.
struct transaction {
    struct arena arena;
    uint64_t lsn;     // of the commit record; for recorded rows without one the line number
    uint64_t end_lsn; // behind the commit record: what is acknowledged; 0 where the source has none
    uint32_t xid;     // 0 where the source has none
    int64_t time;     // commit, microseconds since 1970
    struct change *changes; // in order; a part begins where the last one ended
    uint32_t change_count, change_capacity;
    bool whole;                                 // every change of the transaction is here
    bool last;                                  // the transaction ends with this part
    struct change few[TRANSACTION_FEW_CHANGES]; // the first `changes`
};

struct transaction *transaction_new(void);
void transaction_free(struct transaction *transaction); // NULL is fine

// Appends a zeroed change to fill in. The pointer lives until the next call.
struct change *transaction_add(struct transaction *transaction);
// It has TRANSACTION_MAX_CHANGES, or so many bytes of memory.
bool transaction_full(const struct transaction *transaction, size_t max_bytes);
bool transaction_part_full(const struct transaction *part); // the bounds of a smaller part

const char *change_op_name(enum change_op op); // "insert", ...

// Makes a relation of the arena with room for the columns, which the caller fills in.
struct relation *relation_new(struct arena *arena, const char *schema, const char *table,
                              uint32_t column_count);

// Index of the column, or -1.
int relation_column(const struct relation *relation, const char *name, size_t size);

#endif
