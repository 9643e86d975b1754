// SPDX-License-Identifier: MIT
// What `rowcast replay` prints of one transaction, as people read it.
#ifndef ROWCAST_REPLAY_H
#define ROWCAST_REPLAY_H

#include <stdio.h>

#include "rowcast/outcome.h"

// Of each row: where it stands, which handler it went to, and what came of it.
void replay_explain(FILE *out, struct script *script, const struct transaction *transaction,
                    const struct outcome *outcome);

// How two script folders differ, counted.
struct replay_difference {
    size_t events, rows;        // that differ
    size_t all_events;          // of both folders, those of the same row and type counted once
    const char *before, *after; // the folders
};

// Prints rows whose outcomes differ, and how, as a unified diff does.
void replay_compare(FILE *out, struct replay_difference *difference,
                    const struct transaction *transaction, struct outcome *before,
                    struct outcome *after);

// JSON on one line: white space inside it may be line ends.
void replay_print_json(FILE *out, struct jsontext text);

#endif
