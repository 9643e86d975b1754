// SPDX-License-Identifier: MIT
// Judges a slot.
#include "rowcast/slot.h"

#include <string.h>

#include "rowcast/amount.h"

enum slot_wal slot_wal_parse(const char *text)
{
    static const char *const names[] = {"", "reserved", "extended", "unreserved", "lost"};
    for (int i = SLOT_WAL_RESERVED; text && i <= SLOT_WAL_LOST; i++)
        if (strcmp(text, names[i]) == 0)
            return (enum slot_wal)i;
    return SLOT_WAL_UNKNOWN;
}

static bool is_over(uint64_t retained, uint64_t limit, enum slot_risk before)
{
    return retained >= (before == SLOT_OVER_LIMIT ? limit - limit / 10 : limit);
}

enum slot_risk slot_risk(const struct slot *slot, uint64_t limit, enum slot_risk before)
{
    if (slot->wal == SLOT_WAL_LOST)
        return SLOT_LOST;
    if (slot->wal == SLOT_WAL_UNRESERVED)
        return SLOT_UNRESERVED;
    if (is_over(slot->retained, limit, before))
        return SLOT_OVER_LIMIT;
    return slot->wal == SLOT_WAL_EXTENDED ? SLOT_EXTENDED : SLOT_SAFE;
}

// ---- in words ----

static void append_size(struct buffer *text, uint64_t bytes)
{
    char size[AMOUNT_TEXT_SIZE];
    amount_round_size((int64_t)bytes, size);
    buffer_append_text(text, size);
}

static void append_bound(const struct slot *slot, enum slot_risk risk, uint64_t limit,
                         struct buffer *text)
{
    if (risk == SLOT_OVER_LIMIT) {
        buffer_append_text(text, ", and slot_limit is ");
        append_size(text, limit);
    } else if (risk == SLOT_UNRESERVED) {
        buffer_append_text(
            text, ", more than max_slot_wal_keep_size allows: it is lost at the next checkpoint");
    } else {
        buffer_append_text(text, ", more than max_wal_size");
    }
    if (risk != SLOT_UNRESERVED && slot->safe_bytes >= 0) {
        buffer_append_text(text, " (it is lost when further ");
        append_size(text, (uint64_t)slot->safe_bytes);
        buffer_append_text(text, " are written)");
    }
}

// The server keeps more than what is acknowledged: what transactions that are still open have written.
static bool is_held_by_transaction(const struct slot *slot)
{
    return slot->confirmed > slot->restart && slot->confirmed - slot->restart > slot->retained / 2;
}

static void append_holder(const struct slot *slot, struct buffer *text)
{
    if (slot->holder[0])
        buffer_append_format(text,
                             " It holds what %s has written. Let that end, or end it with: %s",
                             slot->holder, slot->remedy);
    else
        buffer_append_text(
            text, " Its reader has acknowledged nearly all of it, and no transaction is open: "
                  "the server lets go of it by itself, at once with: CHECKPOINT;");
}

static void append_held_back(const struct slot *slot, enum slot_risk risk,
                             const struct slot_terms *terms, struct buffer *text)
{
    buffer_append_text(text, " The router holds ");
    append_size(text, slot->server > slot->confirmed ? slot->server - slot->confirmed : 0);
    buffer_append_text(text, " of it back for a restart (replay_wal is ");
    append_size(text, terms->replay_wal);
    buffer_append_text(text, "). Let it hold less with --replay-wal (ROWCAST_REPLAY_WAL)");
    if (risk == SLOT_OVER_LIMIT)
        buffer_append_text(text, ", or allow more with --slot-limit (ROWCAST_SLOT_LIMIT)");
}

static void append_cause(const struct slot *slot, enum slot_risk risk,
                         const struct slot_terms *terms, struct buffer *text)
{
    if (!terms->read) {
        buffer_append_text(text,
                           " Nobody reads it. Start the router, or, if the slot is not needed, "
                           "remove it with: rowcast db drop");
    } else if (is_held_by_transaction(slot)) {
        append_holder(slot, text);
    } else if (terms->held) {
        buffer_append_text(text, " The stream is held at a row whose script fails. Mend the script "
                                 "and reload it (kill -HUP), or start with --on-error skip");
    } else if (slot->lag_bytes > slot->retained / 2) {
        buffer_append_text(text, " The router is ");
        append_size(text, slot->lag_bytes);
        buffer_append_text(text, " behind. Look whether that shrinks with: rowcast db status; if "
                                 "it does not, more is written than scripts and network can take");
    } else {
        append_held_back(slot, risk, terms, text);
    }
}

void slot_explain(const struct slot *slot, enum slot_risk risk, const struct slot_terms *terms,
                  struct buffer *text)
{
    buffer_append_format(text, "The replication slot \"%s\" makes the server keep ", terms->name);
    append_size(text, slot->retained);
    buffer_append_text(text, " of WAL");
    append_bound(slot, risk, terms->limit, text);
    buffer_append_byte(text, '.');
    append_cause(slot, risk, terms, text);
}
