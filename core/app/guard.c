// SPDX-License-Identifier: MIT
// The slot guard.
#include "rowcast/guard.h"

#include <stdio.h>
#include <string.h>

#include "rowcast/amount.h"
#include "rowcast/log.h"

void guard_init(struct guard *guard, const char *slot, int64_t limit, int64_t replay_wal)
{
    *guard = (struct guard){
        .terms = {.name = slot,
                  .limit = (uint64_t)limit,
                  .replay_wal = (uint64_t)replay_wal,
                  .read = true},
    };
}

// The figures as numbers, beside the sentence that a person reads.
static void say(const struct slot *slot, enum log_level level, const char *event,
                const char *sentence)
{
    log_write(level, event,
              LOG_FIELDS(LOG_NUMBER("retained_bytes", (int64_t)slot->retained),
                         LOG_NUMBER("safe_wal_bytes", slot->safe_bytes),
                         LOG_NUMBER("lag_bytes", (int64_t)slot->lag_bytes),
                         LOG_NUMBER("lag_milliseconds", slot->lag_milliseconds)),
              "%s", sentence);
}

static void say_recovered(const struct guard *guard, const struct slot *slot)
{
    char size[AMOUNT_TEXT_SIZE], sentence[256];
    amount_round_size((int64_t)slot->retained, size);
    snprintf(sentence, sizeof sentence,
             "the replication slot \"%.64s\" is in order again: the server keeps %s of WAL for it",
             guard->terms.name, size);
    say(slot, LOG_INFO, "slot_recovered", sentence);
}

static void explain(const struct guard *guard, const struct slot *slot, char *sentence, size_t size)
{
    struct buffer text;
    buffer_init(&text, 4096);
    if (guard->risk == SLOT_SAFE || guard->risk == SLOT_LOST)
        buffer_append_text(&text, guard->risk == SLOT_SAFE ? "ok" : "lost");
    else
        slot_explain(slot, guard->risk, &guard->terms, &text);
    snprintf(sentence, size, "%.*s", (int)text.size, text.bytes);
    buffer_release(&text);
}

// What is seen once may be a moment's, and its cause too: it counts when it is seen again. A slot that may be lost
// at any time is not waited for.
static bool is_certain(struct guard *guard, const struct slot *slot, enum slot_risk risk)
{
    if (risk < guard->risk || risk >= SLOT_UNRESERVED)
        return true;
    if (guard->expected != risk) {
        guard->expected = risk;
        guard->expected_since = slot->seen;
    }
    return slot->seen != guard->expected_since;
}

static void change_risk(struct guard *guard, const struct slot *slot, enum slot_risk risk)
{
    char sentence[2048];
    guard->risk = guard->expected = risk;
    if (risk == SLOT_SAFE) {
        say_recovered(guard, slot);
    } else if (risk != SLOT_LOST) {
        explain(guard, slot, sentence, sizeof sentence);
        say(slot, risk == SLOT_UNRESERVED ? LOG_ERROR : LOG_WARN, "slot_at_risk", sentence);
    }
}

static void look_at_unseen(struct guard *guard, const struct slot *slot)
{
    bool unseen = slot->unseen[0] != '\0';
    if (unseen && !guard->unseen)
        log_write(LOG_WARN, "slot_unseen", NULL,
                  "what the replication slot keeps is not known for now, the stream goes on: %s",
                  slot->unseen);
    guard->unseen = unseen;
}

bool guard_look(struct guard *guard, const struct slot *slot, struct health *health)
{
    char sentence[HEALTH_SENTENCE];
    look_at_unseen(guard, slot);
    guard->terms.held = health->held;
    if (slot->seen == 0)
        return false;
    enum slot_risk risk = slot_risk(slot, guard->terms.limit, guard->risk);
    if (risk == guard->risk)
        guard->expected = risk;
    else if (is_certain(guard, slot, risk))
        change_risk(guard, slot, risk);
    explain(guard, slot, sentence, sizeof sentence);
    if (strcmp(health->slot, sentence) == 0)
        return false;
    health->slot_risky = guard->risk > SLOT_EXTENDED;
    memcpy(health->slot, sentence, sizeof sentence);
    return true;
}
