// SPDX-License-Identifier: MIT
// PostgreSQL's types as columns: by the OIDs that never change, or by name. Private to this room.
#ifndef ROWCAST_SOURCE_TYPES_H
#define ROWCAST_SOURCE_TYPES_H

#include <stdint.h>

#include "rowcast/change.h"

struct type_shape {
    enum column_type type; // of an array: of its elements
    bool array;
};

// Types that are not built in (enums, composites) are text.
struct type_shape type_by_oid(uint32_t oid);

// A Type message: what a type of the user is made of. A domain comes with its base type's name and
// an empty schema; of the other ones only arrays matter, which PostgreSQL names with a leading '_'.
struct type_shape type_by_name(const char *schema, const char *name);

#endif
