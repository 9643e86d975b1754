// SPDX-License-Identifier: MIT
// Who holds a lock on the tables that are to be published. Private to this room.
#ifndef ROWCAST_SOURCE_POSTGRES_LOCK_H
#define ROWCAST_SOURCE_POSTGRES_LOCK_H

#include "postgres_inspect.h"

struct postgres_lock {
    char holder
        [SLOT_HOLDER_SIZE]; // "the transaction of PID 7 (...)"; "a transaction" if it has gone
    char remedy[SLOT_REMEDY_SIZE]; // SQL
};

// The oldest one. `any`: also locks that reading and writing take; else such as forbid to publish the table.
void postgres_lock_find(struct postgres_session *session, const struct postgres_facts *facts,
                        bool any, struct postgres_lock *lock);

// -1, and the sentence that it could not be had.
int postgres_lock_refuse(const struct postgres_session *session, const struct postgres_lock *lock,
                         int tries, struct fault *fault);

#endif
