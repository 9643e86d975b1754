// SPDX-License-Identifier: MIT
// What `rowcast new` writes: Lua source for a start. Pure but for the writing of files.
#ifndef ROWCAST_NEW_H
#define ROWCAST_NEW_H

#include "rowcast/buffer.h"
#include "rowcast/change.h"
#include "rowcast/fault.h"
#include "rowcast/outcome.h"
#include "rowcast/postgres.h"

// A table as the script folder names it: "trades", "depot.bays".
struct new_table {
    const char *name, *schema, *table;
    const struct postgres_described *described; // NULL: nothing is known of it
};

void new_table_script(struct buffer *out, const struct new_table *table);
void new_table_spec(struct buffer *out, const struct new_table *table);

// The spec of one change of a transaction: what the script made of it, or why it failed. `origin`: the file it is from.
void new_row_spec(struct buffer *out, const struct transaction *transaction,
                  const struct change *change, const struct outcome *outcome, const char *origin);

// As script files and specs name a table: without "public.".
const char *new_short_name(const struct relation *relation);

// Makes its folder where that is missing. What is there stays: -1 with a sentence.
int new_write(const char *path, const struct buffer *text, struct fault *fault);

#endif
