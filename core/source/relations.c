// SPDX-License-Identifier: MIT
// Relation and Type messages, remembered.
#include "relations.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"
#include "types.h"

struct known_relation {
    char *message; // as it came, to tell whether it comes again
    size_t message_size;
    struct arena arena;
    struct relation *relation;   // in that arena
    const struct relation *copy; // in the arena of the transaction part with this serial
    uint64_t copy_serial;
};

void relations_init(struct relations *relations)
{
    *relations = (struct relations){0};
    map_init(&relations->numbers);
    map_init(&relations->types);
}

static void forget(struct known_relation *known)
{
    free(known->message);
    arena_release(&known->arena);
}

void relations_release(struct relations *relations)
{
    for (size_t i = 0; i < relations->count; i++)
        forget(&relations->known[i]);
    free(relations->known);
    map_release(&relations->numbers);
    map_release(&relations->types);
}

static struct known_relation *find(const struct relations *relations, uint32_t oid)
{
    uint64_t *number = map_get(&relations->numbers, &oid, sizeof oid);
    return number ? &relations->known[*number] : NULL;
}

static struct known_relation *add(struct relations *relations, uint32_t oid)
{
    if (relations->count == relations->capacity) {
        relations->capacity = relations->capacity ? relations->capacity * 2 : 16;
        relations->known =
            memory_resize(relations->known, relations->capacity * sizeof *relations->known);
    }
    map_put(&relations->numbers, &oid, sizeof oid, relations->count);
    struct known_relation *known = &relations->known[relations->count++];
    *known = (struct known_relation){0};
    return known;
}

// ---- types ----

void relations_describe_type(struct relations *relations, struct wire *wire)
{
    uint32_t oid = wire_u32(wire);
    const char *schema = wire_text(wire);
    const char *name = wire_text(wire);
    if (wire->wrong)
        return;
    struct type_shape shape = type_by_name(schema, name);
    map_put(&relations->types, &oid, sizeof oid, (uint64_t)shape.type << 1 | shape.array);
}

static struct type_shape shape_of(const struct relations *relations, uint32_t oid)
{
    uint64_t *shape = map_get(&relations->types, &oid, sizeof oid);
    if (shape)
        return (struct type_shape){(enum column_type)(*shape >> 1), *shape & 1};
    return type_by_oid(oid);
}

// ---- relations ----

static void read_column(const struct relations *relations, struct wire *wire, struct arena *arena,
                        struct column *column)
{
    column->key = wire_u8(wire) & 1;
    const char *name = wire_text(wire);
    struct type_shape shape = shape_of(relations, wire_u32(wire));
    wire_u32(wire); // the type's modifier, such as the length of a varchar
    column->name_size = (uint32_t)strlen(name);
    column->name = arena_copy(arena, name, column->name_size);
    column->type = shape.type;
    column->array = shape.array;
}

static struct relation *read_relation(const struct relations *relations, struct wire *wire,
                                      struct arena *arena)
{
    const char *schema = wire_text(wire);
    const char *table = wire_text(wire);
    wire_u8(wire); // the kind of replica identity: the columns' flags say what it comes to
    uint16_t count = wire_u16(wire);
    if (wire->wrong)
        return NULL;
    // An empty schema is how the protocol writes pg_catalog.
    struct relation *relation =
        relation_new(arena, schema[0] ? schema : "pg_catalog", table, count);
    for (uint16_t i = 0; i < count && !wire->wrong; i++)
        read_column(relations, wire, arena, &relation->columns[i]);
    return relation;
}

void relations_describe(struct relations *relations, struct wire *wire)
{
    struct wire whole = *wire;
    uint32_t oid = wire_u32(wire);
    struct known_relation *known = find(relations, oid);
    if (known && known->message_size == wire_left(&whole) &&
        memcmp(known->message, whole.at, known->message_size) == 0) {
        wire->at = wire->end;
        return;
    }
    struct arena arena;
    arena_init(&arena);
    struct relation *relation = read_relation(relations, wire, &arena);
    if (wire->wrong) {
        arena_release(&arena);
        return;
    }
    if (known)
        forget(known);
    else
        known = add(relations, oid);
    *known = (struct known_relation){.message = memory_copy(whole.at, wire_left(&whole)),
                                     .message_size = wire_left(&whole),
                                     .arena = arena,
                                     .relation = relation};
}

static struct relation *copy_relation(struct arena *arena, const struct relation *relation)
{
    struct relation *copy =
        relation_new(arena, relation->schema, relation->table, relation->column_count);
    for (uint32_t i = 0; i < relation->column_count; i++) {
        const struct column *column = &relation->columns[i];
        copy->columns[i] = *column;
        copy->columns[i].name = arena_copy(arena, column->name, column->name_size);
    }
    return copy;
}

const struct relation *relations_get(struct relations *relations, uint32_t oid,
                                     const struct parts *parts)
{
    struct known_relation *known = find(relations, oid);
    if (!known)
        return NULL;
    if (known->copy_serial != parts->serial) {
        known->copy = copy_relation(&parts->open->arena, known->relation);
        known->copy_serial = parts->serial;
    }
    return known->copy;
}
