// SPDX-License-Identifier: MIT
// pgoutput messages in, transactions out.
#include "rowcast/pgoutput.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "relations.h"
#include "rowcast/memory.h"
#include "wire.h"

#define MESSAGE_PREFIX "rowcast"
#define MESSAGE_TRANSACTIONAL 1

struct pgoutput {
    struct parts parts;
    struct relations relations;
    uint64_t end_lsn; // of the newest Commit
};

// The readers below say what is wrong with a message by wire_refuse; pgoutput_feed makes the
// sentence.

static bool in_transaction(const struct pgoutput *decoder, struct wire *wire)
{
    if (!decoder->parts.open)
        wire_refuse(wire, "it stands outside a transaction");
    return decoder->parts.open != NULL;
}

// ---- rows ----

static void read_value(struct wire *wire, struct value *value)
{
    switch (wire_u8(wire)) {
    case 'n':
        value->state = VALUE_NULL;
        break;
    case 'u':
        value->state = VALUE_UNCHANGED;
        break;
    case 't':
        value->state = VALUE_TEXT;
        value->size = wire_u32(wire);
        value->text = wire_bytes(wire, value->size);
        break;
    case 'b':
        wire_refuse(wire, "it has a binary value, which was not asked for");
        break;
    default:
        wire_refuse(wire, "it has a value of an unknown kind");
    }
}

// The values point into the bytes that `wire` reads.
static struct row *read_row(struct wire *wire, struct arena *arena, const struct relation *relation)
{
    uint16_t count = wire_u16(wire);
    if (count != relation->column_count)
        wire_refuse(wire, "it has another number of values than its table has columns");
    if (wire->wrong)
        return NULL;
    struct value *values = arena_new(arena, count * sizeof *values);
    for (uint16_t i = 0; i < count; i++)
        read_value(wire, &values[i]);
    struct row *row = arena_new(arena, sizeof *row);
    *row = (struct row){relation, values};
    return row;
}

// A key tuple ('K') has NULL for every column outside the replica identity: those were not sent.
static void make_absent(struct row *key)
{
    struct value *values = (struct value *)key->values;
    for (uint32_t i = 0; i < key->relation->column_count; i++)
        if (values[i].state == VALUE_NULL && !key->relation->columns[i].key)
            values[i].state = VALUE_ABSENT;
}

// A TOASTed value that the update did not touch is in the old row if that has it (REPLICA IDENTITY
// FULL).
static void fill_unchanged(struct row *new_row, const struct row *old_row)
{
    struct value *values = (struct value *)new_row->values;
    for (uint32_t i = 0; i < new_row->relation->column_count; i++)
        if (values[i].state == VALUE_UNCHANGED && old_row->values[i].state == VALUE_TEXT)
            values[i] = old_row->values[i];
}

static void read_old_row(struct wire *wire, struct arena *arena, struct change *change, bool key)
{
    struct row *row = read_row(wire, arena, change->relation);
    if (row && key)
        make_absent(row);
    change->old_row = row;
}

static void read_new_row(struct wire *wire, struct arena *arena, struct change *change)
{
    struct row *row = read_row(wire, arena, change->relation);
    if (row && change->old_row)
        fill_unchanged(row, change->old_row);
    change->new_row = row;
}

// Old row if there is one, new row if there is one, each behind the letter that says which it is.
static void read_rows(struct wire *wire, struct arena *arena, struct change *change)
{
    uint8_t kind = wire_u8(wire);
    bool old = kind == 'K' || kind == 'O';
    if (old && change->op != CHANGE_INSERT)
        read_old_row(wire, arena, change, kind == 'K');
    if (old && change->op == CHANGE_UPDATE)
        kind = wire_u8(wire);
    if (kind == 'N' && change->op != CHANGE_DELETE)
        read_new_row(wire, arena, change);
    else if (!old || change->op != CHANGE_DELETE)
        wire_refuse(wire, "its row is of an unknown kind");
}

static struct change *add_table_change(struct pgoutput *decoder, struct wire *wire,
                                       enum change_op op)
{
    uint32_t oid = wire_u32(wire);
    if (wire->wrong)
        return NULL;
    struct change *change = parts_add(&decoder->parts);
    change->op = op;
    change->relation = relations_get(&decoder->relations, oid, &decoder->parts);
    if (!change->relation)
        wire_refuse(wire, "its table was never described");
    return change->relation ? change : NULL;
}

// The rest of the message is copied once; values point into the copy.
static void read_row_change(struct pgoutput *decoder, struct wire *wire, enum change_op op)
{
    struct change *change = add_table_change(decoder, wire, op);
    if (!change)
        return;
    struct arena *arena = &decoder->parts.open->arena;
    *wire = wire_of(arena_copy(arena, wire->at, wire_left(wire)), wire_left(wire));
    read_rows(wire, arena, change);
}

// ---- the other changes ----

// One message for all tables of a TRUNCATE; a change for each.
static void read_truncate(struct pgoutput *decoder, struct wire *wire)
{
    uint32_t count = wire_u32(wire);
    wire_u8(wire); // CASCADE, RESTART IDENTITY
    for (uint32_t i = 0; i < count && !wire->wrong; i++)
        add_table_change(decoder, wire, CHANGE_TRUNCATE);
}

// Messages of others have no place in the order, so that ids do not depend on them.
static void read_message(struct pgoutput *decoder, struct wire *wire)
{
    uint8_t flags = wire_u8(wire);
    wire_u64(wire); // the position of the message itself
    const char *prefix = wire_text(wire);
    uint32_t size = wire_u32(wire);
    const char *content = wire_bytes(wire, size);
    if (wire->wrong || !(flags & MESSAGE_TRANSACTIONAL) || !in_transaction(decoder, wire) ||
        strcmp(prefix, MESSAGE_PREFIX) != 0)
        return;
    struct change *change = parts_add(&decoder->parts);
    struct arena *arena = &decoder->parts.open->arena;
    change->op = CHANGE_MESSAGE;
    change->prefix = arena_copy(arena, prefix, strlen(prefix));
    change->content = arena_copy(arena, content, size);
    change->content_size = size;
}

// ---- transactions ----

static void read_begin(struct pgoutput *decoder, struct wire *wire)
{
    uint64_t lsn = wire_u64(wire);
    int64_t time = (int64_t)wire_u64(wire);
    uint32_t xid = wire_u32(wire);
    if (decoder->parts.open)
        wire_refuse(wire, "it stands inside another transaction");
    if (time > INT64_MAX - WIRE_EPOCH)
        wire_refuse(wire, "its time is beyond all calendars");
    if (!wire->wrong)
        parts_begin(&decoder->parts, lsn, xid, time + WIRE_EPOCH);
}

// Delivering is left to pgoutput_feed: the message must be right to its end before anyone hears of
// it.
static void read_commit(struct pgoutput *decoder, struct wire *wire)
{
    wire_u8(wire);
    uint64_t lsn = wire_u64(wire);
    decoder->end_lsn = wire_u64(wire);
    wire_u64(wire); // the time, as in Begin
    if (lsn != decoder->parts.open->lsn)
        wire_refuse(wire, "it ends another transaction than the one that began");
}

// ---- all of them ----

// Messages that have a place in a transaction.
static void read_inside(struct pgoutput *decoder, uint8_t kind, struct wire *wire)
{
    if (!in_transaction(decoder, wire))
        return;
    switch (kind) {
    case 'I':
        return read_row_change(decoder, wire, CHANGE_INSERT);
    case 'U':
        return read_row_change(decoder, wire, CHANGE_UPDATE);
    case 'D':
        return read_row_change(decoder, wire, CHANGE_DELETE);
    case 'T':
        return read_truncate(decoder, wire);
    case 'C':
        return read_commit(decoder, wire);
    }
}

static void read_any(struct pgoutput *decoder, uint8_t kind, struct wire *wire)
{
    switch (kind) {
    case 'B':
        return read_begin(decoder, wire);
    case 'R':
        return relations_describe(&decoder->relations, wire);
    case 'Y':
        return relations_describe_type(&decoder->relations, wire);
    case 'M':
        return read_message(decoder, wire);
    case 'O': // where a replicated transaction came from
        wire_u64(wire);
        wire_text(wire);
        return;
    case 'I':
    case 'U':
    case 'D':
    case 'T':
    case 'C':
        return read_inside(decoder, kind, wire);
    default:
        wire_refuse(wire, "its kind is unknown");
    }
}

static int refuse(struct pgoutput *decoder, uint8_t kind, size_t size, const char *wrong,
                  struct fault *fault)
{
    parts_drop(&decoder->parts);
    char name[8] = {(char)kind};
    if (kind <= ' ' || kind > '~')
        snprintf(name, sizeof name, "0x%02x", kind);
    return fault_set(fault, EXIT_FAILED,
                     "The change stream cannot be understood: a message %s of %zu bytes is not as "
                     "it should be: %s. The transaction is read anew; if this comes again, please "
                     "report it with the server's version (SELECT version()).",
                     name, size, wrong);
}

int pgoutput_feed(struct pgoutput *decoder, const void *message, size_t size, struct fault *fault)
{
    struct wire wire = wire_of(message, size);
    uint8_t kind = wire_u8(&wire);
    if (!wire.wrong)
        read_any(decoder, kind, &wire);
    if (wire_left(&wire) > 0)
        wire_refuse(&wire, "something stands behind its end");
    if (wire.wrong)
        return refuse(decoder, kind, size, wire.wrong, fault);
    if (kind == 'C')
        parts_end(&decoder->parts, decoder->end_lsn);
    return 0;
}

struct pgoutput *pgoutput_new(pgoutput_deliver *deliver, void *user)
{
    struct pgoutput *decoder = memory_new(sizeof *decoder);
    decoder->parts.deliver = deliver;
    decoder->parts.user = user;
    decoder->parts.max_bytes = TRANSACTION_MAX_BYTES;
    relations_init(&decoder->relations);
    return decoder;
}

void pgoutput_free(struct pgoutput *decoder)
{
    if (!decoder)
        return;
    parts_drop(&decoder->parts);
    relations_release(&decoder->relations);
    free(decoder);
}

void pgoutput_reset(struct pgoutput *decoder)
{
    parts_drop(&decoder->parts);
    relations_release(&decoder->relations);
    relations_init(&decoder->relations);
}

int pgoutput_in_transaction(const struct pgoutput *decoder)
{
    return decoder->parts.open != NULL;
}
