// SPDX-License-Identifier: MIT
// The changes of one transaction by table and by what a column holds: what ctx.rows looks into.
// Pure, no Lua. Internal to the script room.
//
// A table is gone through when it is first asked for, a column sorted when it is first searched;
// every further look costs as much as it finds, however large the transaction is.
#ifndef ROWCAST_SIBLINGS_H
#define ROWCAST_SIBLINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowcast/change.h"

#define SIBLINGS_ANY (-1)        // instead of an enum change_op
#define SIBLINGS_MAX_SEARCHES 64 // different columns and ops of one table

struct siblings;

struct sibling_list {
    const struct change *const *changes; // in the order of the transaction; live until siblings_end
    uint32_t count;
};

// Those of one transaction after the other: most are asked little, so they must cost nothing.
struct siblings *siblings_new(void);
void siblings_begin(struct siblings *siblings, const struct transaction *transaction);
void siblings_end(struct siblings *siblings);  // before the transaction goes; lists go with it
void siblings_free(struct siblings *siblings); // NULL is fine

// All changes of a table, named "schema.table". `steps` is raised by what the look has cost, in VM
// instructions: the same for the same looks in the same order, so scripts can be charged by it.
struct sibling_list siblings_of(struct siblings *siblings, const char *table, size_t *steps);

// Those whose new (else old) row has this text in the column, and whose op is `op` or SIBLINGS_ANY. Texts are
// as tostring shows the column's value to a script; NULL, what did not come, arrays and json are not found.
// False: beyond SIBLINGS_MAX_SEARCHES.
bool siblings_search(struct siblings *siblings, const char *table, const char *column,
                     const char *text, size_t size, int op, struct sibling_list *list,
                     size_t *steps);

#endif
