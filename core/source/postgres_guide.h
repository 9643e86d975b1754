// SPDX-License-Identifier: MIT
// What somebody who sees the router for the first time wants to know of a database. Private to this room.
#ifndef ROWCAST_SOURCE_POSTGRES_GUIDE_H
#define ROWCAST_SOURCE_POSTGRES_GUIDE_H

#include <stdio.h>

#include "postgres_inspect.h"

// What `old` is in the scripts of a table, as its replica identity has it.
const char *postgres_guide_old(const struct postgres_table_facts *table);

// The tables that no script routes, with the command that writes one. Lines begin with `margin`. 0, or -1 with a
// sentence.
int postgres_guide_unrouted(struct postgres_session *session, const struct postgres_facts *facts,
                            const char *margin, FILE *out, struct fault *fault);

#endif
