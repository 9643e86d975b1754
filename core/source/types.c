// SPDX-License-Identifier: MIT
// Which types scripts see as more than text, and which are arrays.
#include "types.h"

#include <string.h>

// All built-in types that have an array type whose elements are separated by commas (pg_type.dat).
struct known_type {
    const char *name;
    uint16_t oid, array_oid;
    enum column_type type;
};

static const struct known_type known_types[] = {
    {"bool", 16, 1000, COLUMN_BOOLEAN},
    {"bytea", 17, 1001, COLUMN_TEXT},
    {"char", 18, 1002, COLUMN_TEXT},
    {"name", 19, 1003, COLUMN_TEXT},
    {"int8", 20, 1016, COLUMN_TEXT},
    {"int2", 21, 1005, COLUMN_INTEGER},
    {"int2vector", 22, 1006, COLUMN_TEXT},
    {"int4", 23, 1007, COLUMN_INTEGER},
    {"regproc", 24, 1008, COLUMN_TEXT},
    {"text", 25, 1009, COLUMN_TEXT},
    {"oid", 26, 1028, COLUMN_INTEGER},
    {"tid", 27, 1010, COLUMN_TEXT},
    {"xid", 28, 1011, COLUMN_TEXT},
    {"cid", 29, 1012, COLUMN_TEXT},
    {"oidvector", 30, 1013, COLUMN_TEXT},
    {"json", 114, 199, COLUMN_JSON},
    {"xml", 142, 143, COLUMN_TEXT},
    {"point", 600, 1017, COLUMN_TEXT},
    {"lseg", 601, 1018, COLUMN_TEXT},
    {"path", 602, 1019, COLUMN_TEXT},
    {"polygon", 604, 1027, COLUMN_TEXT},
    {"line", 628, 629, COLUMN_TEXT},
    {"cidr", 650, 651, COLUMN_TEXT},
    {"float4", 700, 1021, COLUMN_FLOAT},
    {"float8", 701, 1022, COLUMN_FLOAT},
    {"circle", 718, 719, COLUMN_TEXT},
    {"macaddr8", 774, 775, COLUMN_TEXT},
    {"money", 790, 791, COLUMN_TEXT},
    {"macaddr", 829, 1040, COLUMN_TEXT},
    {"inet", 869, 1041, COLUMN_TEXT},
    {"bpchar", 1042, 1014, COLUMN_TEXT},
    {"varchar", 1043, 1015, COLUMN_TEXT},
    {"date", 1082, 1182, COLUMN_TEXT},
    {"time", 1083, 1183, COLUMN_TEXT},
    {"timestamp", 1114, 1115, COLUMN_TIMESTAMP},
    {"timestamptz", 1184, 1185, COLUMN_TIMESTAMPTZ},
    {"interval", 1186, 1187, COLUMN_TEXT},
    {"timetz", 1266, 1270, COLUMN_TEXT},
    {"bit", 1560, 1561, COLUMN_TEXT},
    {"varbit", 1562, 1563, COLUMN_TEXT},
    {"numeric", 1700, 1231, COLUMN_TEXT},
    {"refcursor", 1790, 2201, COLUMN_TEXT},
    {"regclass", 2205, 2210, COLUMN_TEXT},
    {"regtype", 2206, 2211, COLUMN_TEXT},
    {"uuid", 2950, 2951, COLUMN_TEXT},
    {"pg_lsn", 3220, 3221, COLUMN_TEXT},
    {"tsvector", 3614, 3643, COLUMN_TEXT},
    {"tsquery", 3615, 3645, COLUMN_TEXT},
    {"jsonb", 3802, 3807, COLUMN_JSON},
    {"int4range", 3904, 3905, COLUMN_TEXT},
    {"numrange", 3906, 3907, COLUMN_TEXT},
    {"tsrange", 3908, 3909, COLUMN_TEXT},
    {"tstzrange", 3910, 3911, COLUMN_TEXT},
    {"daterange", 3912, 3913, COLUMN_TEXT},
    {"int8range", 3926, 3927, COLUMN_TEXT},
    {"jsonpath", 4072, 4073, COLUMN_TEXT},
    {"regnamespace", 4089, 4090, COLUMN_TEXT},
    {"regrole", 4096, 4097, COLUMN_TEXT},
    {"int4multirange", 4451, 6150, COLUMN_TEXT},
    {"nummultirange", 4532, 6151, COLUMN_TEXT},
    {"tsmultirange", 4533, 6152, COLUMN_TEXT},
    {"tstzmultirange", 4534, 6153, COLUMN_TEXT},
    {"datemultirange", 4535, 6155, COLUMN_TEXT},
    {"int8multirange", 4536, 6157, COLUMN_TEXT},
    {"xid8", 5069, 271, COLUMN_TEXT},
};

#define KNOWN_TYPES (sizeof known_types / sizeof *known_types)

struct type_shape type_by_oid(uint32_t oid)
{
    for (size_t i = 0; i < KNOWN_TYPES; i++) {
        const struct known_type *known = &known_types[i];
        if (known->oid == oid || known->array_oid == oid)
            return (struct type_shape){known->type, known->array_oid == oid};
    }
    return (struct type_shape){COLUMN_TEXT, false};
}

static struct type_shape built_in(const char *name)
{
    bool array = name[0] == '_';
    for (size_t i = 0; i < KNOWN_TYPES; i++)
        if (strcmp(known_types[i].name, name + array) == 0)
            return (struct type_shape){known_types[i].type, array};
    return (struct type_shape){COLUMN_TEXT, false};
}

struct type_shape type_by_name(const char *schema, const char *name)
{
    if (schema[0] == '\0')
        return built_in(name);
    return (struct type_shape){COLUMN_TEXT, name[0] == '_'};
}
