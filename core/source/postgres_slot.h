// SPDX-License-Identifier: MIT
// Making a replication slot, and getting one past changes that cannot be read. Private to this
// room.
#ifndef ROWCAST_SOURCE_POSTGRES_SLOT_H
#define ROWCAST_SOURCE_POSTGRES_SLOT_H

#include "postgres_session.h"

#define POSTGRES_SLOT_WAIT_SECONDS 30

// A new slot waits for every open transaction that has written. Says on `out` for which one, and
// gives up after POSTGRES_SLOT_WAIT_SECONDS with a sentence that names it.
int postgres_slot_create(struct postgres_session *session, const struct postgres_config *config,
                         FILE *out, struct fault *fault);

// Waits, in the same way, for the answer to a command that makes a slot and has been sent. `again`: what to run
// when it could not be made.
int postgres_slot_wait(struct postgres_session *session, const struct postgres_config *config,
                       const char *again, FILE *out, struct fault *fault);

// The next changes behind an idle slot are from before the publication existed: no reader gets past
// them.
int postgres_slot_is_stuck(struct postgres_session *session, bool *stuck, struct fault *fault);

#endif
