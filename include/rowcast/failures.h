// SPDX-License-Identifier: MIT
// What is told of rows whose script failed: in the log the first ones of each line that raises in full and then their number
// (floods.h), and all of one transaction as JSON.
#ifndef ROWCAST_FAILURES_H
#define ROWCAST_FAILURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowcast/buffer.h"
#include "rowcast/change.h"
#include "rowcast/floods.h"

// Ready after failures_init.
struct failures {
    uint64_t total;
    struct floods floods;                  // by script and the line that raised
    const struct transaction *transaction; // the one under way
    const char *consequence;               // what follows from a failure in it
    const char *
        spec; // "rowcast new spec --from FILE", or NULL: no file keeps the rows; set after failures_init
    int64_t now;
    uint64_t before;    // total when it began
    char first[512];    // the sentence of its first failure
    struct buffer json; // its failures, as far as they fit
};

void failures_init(struct failures *failures);
void failures_release(struct failures *failures);

// `hold`: what the log says of the consequence. `now` in milliseconds.
void failures_begin(struct failures *failures, const struct transaction *transaction, bool hold,
                    int64_t now);
// `message`: "path:line: ..." with a traceback.
void failures_add(struct failures *failures, const struct change *change, const char *script,
                  const char *message);
// A JSON array of the transaction's failures, which lives until failures_begin; NULL: there was none.
const char *failures_end(struct failures *failures);
// The sentence of the first failure of the newest transaction that had one.
const char *failures_first(const struct failures *failures);

// Now and then: tells how many were only counted.
void failures_tick(struct failures *failures, int64_t now);

#endif
