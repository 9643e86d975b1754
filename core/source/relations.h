// SPDX-License-Identifier: MIT
// The tables a stream has described, by OID. Their number is bounded by the tables of the database.
// Private to this room.
#ifndef ROWCAST_SOURCE_RELATIONS_H
#define ROWCAST_SOURCE_RELATIONS_H

#include <stddef.h>
#include <stdint.h>

#include "parts.h"
#include "rowcast/map.h"
#include "wire.h"

struct relations {
    struct map numbers; // OID to index in known
    struct known_relation *known;
    size_t count, capacity;
    struct map types; // OID of a user's type to its shape
};

void relations_init(struct relations *relations);
void relations_release(struct relations *relations);

// Takes in the rest of a Relation or a Type message. A relation that comes again as it was stays
// what it is: the server repeats itself after ANALYZE, GRANT and the like.
void relations_describe(struct relations *relations, struct wire *wire);
void relations_describe_type(struct relations *relations, struct wire *wire);

// The relation as it looks now, in the arena of the open transaction. NULL: was never described.
const struct relation *relations_get(struct relations *relations, uint32_t oid,
                                     const struct parts *parts);

#endif
