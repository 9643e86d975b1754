// SPDX-License-Identifier: MIT
// What a snapshot asks a table: made by scripts, carried out by the source.
#ifndef ROWCAST_QUERY_H
#define ROWCAST_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#define QUERY_MAX_ARGUMENTS 32
#define QUERY_NO_LIMIT (-1)

// Texts are NUL-terminated and belong to whoever made the query. `where` and `order` are SQL, written by the
// scripts' author; what comes from clients stands in the arguments alone.
struct query {
    const char *schema, *table;
    const char *where; // $1 is the first argument
    const char *order; // NULL: any
    int64_t limit;     // rows, or QUERY_NO_LIMIT
    bool reverse;      // the rows are wanted last first
    uint32_t argument_count;
    const char *const
        *arguments; // cast to what they are compared with; where that fails there is no row
};

#endif
