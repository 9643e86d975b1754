// SPDX-License-Identifier: MIT
// Tries the handlers of table scripts with rows, for `rowcast check`: what the core would refuse, what raises, columns
// that are read and are not there, and whether two VMs make the same bytes of the same rows.
#ifndef ROWCAST_REHEARSAL_H
#define ROWCAST_REHEARSAL_H

#include "rowcast/buffer.h"
#include "rowcast/findings.h"
#include "rowcast/postgres.h"
#include "rowcast/script.h"

// How much a row proves. A script may rightly raise at one that cannot be.
enum rehearsal_rows {
    REHEARSAL_INVENTED, // nobody knows whether there are such rows: what the core refuses counts, no more
    REHEARSAL_SAMPLED,  // it is there, but its transaction is not as it was
    REHEARSAL_RECORDED, // as it was
};

struct rehearsal {
    struct findings *findings;
    struct script *script; // from script_check
    struct script *other;  // the same folder in another VM; NULL: not to be compared
    const struct postgres_description *description; // of the script's tables; NULL: not known
    enum rehearsal_rows rows;
    struct buffer outcomes[3];
    struct script_missed missed;
    struct buffer invented; // names of columns, a line each
};

// The structs must outlive it. To be released.
void rehearsal_init(struct rehearsal *rehearsal, struct findings *findings, struct script *script,
                    struct script *other, const struct postgres_description *description);
void rehearsal_release(struct rehearsal *rehearsal);

// What can be said without running the handlers: columns that they read by name.
void rehearsal_read(struct rehearsal *rehearsal);

// With rows of the database; where nothing is known of a table, with rows that have the columns that its handlers read.
void rehearsal_run(struct rehearsal *rehearsal);

// With a recorded transaction.
void rehearsal_transaction(struct rehearsal *rehearsal, const struct transaction *transaction);

// With a client that connects, speaks and goes.
void rehearsal_clients(struct rehearsal *rehearsal);

#endif
