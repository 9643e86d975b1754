// SPDX-License-Identifier: MIT
// The file of transactions whose scripts failed: recorded rows (contract section 7), so that `rowcast replay`
// shows the failure again. What cannot be written is said and counted, and harms nothing.
#ifndef ROWCAST_FAILED_H
#define ROWCAST_FAILED_H

#include <stdint.h>

#include "rowcast/change.h"
#include "rowcast/fault.h"

struct failed;

#define FAILED_MAX_SIZE (64 << 20) // bytes of the file; beyond it nothing is added

// Opens the file to append to, or makes it (readable for its owner only: it holds rows). Reads what it has, so that
// no transaction gets in twice, also not when a restarted router reads the same WAL again. -1 with a sentence
// (EXIT_CONFIGURATION) if it is no regular file of recorded rows, or another process writes it.
int failed_open(struct failed **failed, const char *path, struct fault *fault);
void failed_close(struct failed *failed); // NULL is fine

// Goes on with a new file if somebody has moved the old one away.
void failed_reopen(struct failed *failed);

// Appends the transaction, or the part of one. `failures`: a JSON array, which becomes the member "failed".
void failed_write(struct failed *failed, const struct transaction *transaction,
                  const char *failures);

// Transactions that should be in the file and are not.
uint64_t failed_missing(const struct failed *failed);

#endif
