// SPDX-License-Identifier: MIT
// The slot guard.
#include "rowcast/guard.h"

#include <stdio.h>

#include "rowcast/amount.h"
#include "rowcast/log.h"

void guard_init(struct guard *guard, const char *slot, int64_t limit, int64_t replay_wal)
{
    *guard = (struct guard){
        .terms = {slot, (uint64_t)limit, (uint64_t)replay_wal, true},
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
    slot_explain(slot, guard->risk, &guard->terms, &text);
    snprintf(sentence, size, "%.*s", (int)text.size, text.bytes);
    buffer_release(&text);
}

static void change_risk(struct guard *guard, const struct slot *slot, enum slot_risk risk,
                        struct health *health)
{
    bool was_risky = guard->risk != SLOT_SAFE;
    guard->risk = risk;
    health->slot_risky = risk > SLOT_EXTENDED;
    snprintf(health->slot, HEALTH_SENTENCE, "%s", risk == SLOT_LOST ? "lost" : "ok");
    if (risk == SLOT_LOST)
        return;
    if (risk == SLOT_SAFE) {
        if (was_risky)
            say_recovered(guard, slot);
        return;
    }
    char sentence[2048];
    explain(guard, slot, sentence, sizeof sentence);
    say(slot, risk == SLOT_UNRESERVED ? LOG_ERROR : LOG_WARN, "slot_at_risk", sentence);
    snprintf(health->slot, HEALTH_SENTENCE, "%.*s", HEALTH_SENTENCE - 1, sentence);
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
    look_at_unseen(guard, slot);
    if (slot->seen == 0)
        return false;
    enum slot_risk risk = slot_risk(slot, guard->terms.limit, guard->risk);
    if (risk == guard->risk && health->slot[0])
        return false;
    change_risk(guard, slot, risk, health);
    return true;
}
