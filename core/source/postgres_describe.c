// SPDX-License-Identifier: MIT
// What the tables of the scripts look like: columns, keys, a few rows.
#include <stdlib.h>
#include <string.h>

#include "postgres_inspect.h"
#include "postgres_plan.h"
#include "rowcast/memory.h"
#include "types.h"

// A column of a domain comes as its base type does; generated ones are not sent.
static const char columns_sql[] =
    "SELECT a.attname, b.oid, c.relreplident = 'f' OR EXISTS (SELECT FROM pg_catalog.pg_index i "
    "WHERE i.indrelid = c.oid AND a.attnum = ANY(i.indkey) AND CASE c.relreplident "
    "WHEN 'i' THEN i.indisreplident WHEN 'd' THEN i.indisprimary ELSE false END), c.relreplident, "
    "(SELECT e.enumlabel FROM pg_catalog.pg_enum e WHERE e.enumtypid = b.oid "
    "ORDER BY e.enumsortorder LIMIT 1), b.typname "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid "
    "JOIN pg_catalog.pg_type t ON t.oid = a.atttypid "
    "JOIN pg_catalog.pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid "
    "END "
    "WHERE c.oid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' "
    "ORDER BY a.attnum";

enum { COLUMN_NAME, COLUMN_TYPE_OID, COLUMN_KEY, COLUMN_IDENTITY, COLUMN_LABEL, COLUMN_TYPE_NAME };

static void take_column(struct arena *arena, struct column *column, const PGresult *result, int row)
{
    const char *name = postgres_field(result, row, COLUMN_NAME);
    uint32_t oid = (uint32_t)strtoul(postgres_field(result, row, COLUMN_TYPE_OID), NULL, 10);
    struct type_shape shape = type_by_oid(oid);
    *column = (struct column){.name = arena_copy(arena, name, strlen(name)),
                              .name_size = (uint32_t)strlen(name),
                              .type = shape.type,
                              .array = shape.array,
                              .key = postgres_is_true(result, row, COLUMN_KEY)};
}

// ---- rows: some that are there, or one that could be ----

static struct value text_value(struct arena *arena, const char *text)
{
    size_t size = strlen(text);
    return (struct value){VALUE_TEXT, (uint32_t)size, arena_copy(arena, text, size)};
}

static const struct row *add_row(struct arena *arena, const struct relation *relation,
                                 const struct value *values)
{
    struct row row = {relation, arena_copy(arena, values, relation->column_count * sizeof *values)};
    return arena_copy(arena, &row, sizeof row);
}

static const char *possible_text(const struct column *column, const char *label, const char *type)
{
    if (column->array)
        return "{}";
    if (label)
        return label;
    if (strcmp(type, "uuid") == 0)
        return "00000000-0000-4000-8000-000000000001";
    switch (column->type) {
    case COLUMN_BOOLEAN:
        return "t";
    case COLUMN_JSON:
        return "{}";
    case COLUMN_TIMESTAMPTZ:
        return "2025-11-09 12:00:00+00";
    case COLUMN_TIMESTAMP:
        return "2025-11-09 12:00:00";
    default:
        return "1";
    }
}

static void add_possible_row(struct arena *arena, struct postgres_described *table,
                             const PGresult *columns)
{
    uint32_t count = table->relation->column_count;
    struct value *values = memory_new((count + 1) * sizeof *values);
    for (uint32_t i = 0; i < count; i++)
        values[i] =
            text_value(arena, possible_text(&table->relation->columns[i],
                                            postgres_field(columns, (int)i, COLUMN_LABEL),
                                            postgres_field(columns, (int)i, COLUMN_TYPE_NAME)));
    table->rows[table->row_count++] = add_row(arena, table->relation, values);
    free(values);
}

static void take_rows(struct arena *arena, struct postgres_described *table, const PGresult *result)
{
    uint32_t count = table->relation->column_count;
    struct value *values = memory_new((count + 1) * sizeof *values);
    for (int row = 0; row < PQntuples(result) && row < POSTGRES_DESCRIBED_ROWS; row++) {
        for (uint32_t i = 0; i < count; i++) {
            const char *text = postgres_field(result, row, (int)i);
            values[i] = text ? text_value(arena, text) : (struct value){.state = VALUE_NULL};
        }
        table->rows[table->row_count++] = add_row(arena, table->relation, values);
    }
    free(values);
    table->sampled = table->row_count > 0;
}

// A table that the user may not read, or that is locked, gives none.
static void sample_rows(struct postgres_session *session, struct arena *arena,
                        struct postgres_described *table)
{
    struct fault ignored;
    struct buffer sql;
    buffer_init(&sql, POSTGRES_STATEMENT_MAX);
    buffer_append_text(&sql, "SELECT ");
    for (uint32_t i = 0; i < table->relation->column_count; i++) {
        buffer_append_text(&sql, i > 0 ? ", " : "");
        postgres_append_identifier(&sql, session, table->relation->columns[i].name);
    }
    buffer_append_text(&sql, " FROM ");
    postgres_append_identifier(&sql, session, table->relation->schema);
    buffer_append_byte(&sql, '.');
    postgres_append_identifier(&sql, session, table->relation->table);
    buffer_append_format(&sql, " LIMIT %d", POSTGRES_DESCRIBED_ROWS);
    buffer_append_byte(&sql, '\0');
    PGresult *result = sql.overflowed || table->relation->column_count == 0
                           ? NULL
                           : postgres_session_query(session, sql.bytes, NULL, 0, &ignored);
    if (result)
        take_rows(arena, table, result);
    PQclear(result);
    buffer_release(&sql);
}

// ---- tables ----

static int describe_columns(struct postgres_session *session, struct arena *arena,
                            const struct postgres_table_facts *facts,
                            struct postgres_described *table, struct fault *fault)
{
    PGresult *result = postgres_session_query(session, columns_sql, &facts->oid, 1, fault);
    if (!result)
        return -1;
    int count = PQntuples(result);
    struct relation *relation =
        relation_new(arena, facts->asked->schema, facts->asked->table, (uint32_t)count);
    for (int i = 0; i < count; i++)
        take_column(arena, &relation->columns[i], result, i);
    table->relation = relation;
    table->full =
        facts->partitioned || (count > 0 && *postgres_field(result, 0, COLUMN_IDENTITY) == 'f');
    sample_rows(session, arena, table);
    if (!table->sampled)
        add_possible_row(arena, table, result);
    PQclear(result);
    return 0;
}

static const char *keep(struct arena *arena, const char *text)
{
    return text ? arena_copy(arena, text, strlen(text)) : NULL;
}

static int describe_table(struct postgres_session *session, const struct postgres_facts *facts,
                          size_t index, struct postgres_description *description,
                          struct fault *fault)
{
    const struct postgres_table_facts *from = &facts->tables[index];
    struct postgres_described *table = &description->tables[index];
    table->suggestion = keep(&description->arena, from->suggestion);
    if (!from->exists)
        return 0;
    table->unfit = from->unfit; // is constant
    table->published = from->published;
    table->identity = from->identity; // likewise
    table->lacks_identity = postgres_lacks_identity(facts, from);
    return describe_columns(session, &description->arena, from, table, fault);
}

static int describe(struct postgres_session *session, const struct postgres_facts *facts,
                    struct postgres_description *description, struct fault *fault)
{
    struct fault ignored;
    PQclear(postgres_session_query(session, "SET lock_timeout = '1s'", NULL, 0, &ignored));
    PQclear(postgres_session_query(session, "SET statement_timeout = '10s'", NULL, 0, &ignored));
    description->publication = facts->publication;
    description->table_count = facts->table_count;
    description->tables =
        arena_new(&description->arena, (facts->table_count + 1) * sizeof *description->tables);
    int result = 0;
    for (size_t i = 0; i < facts->table_count && result == 0; i++)
        result = describe_table(session, facts, i, description, fault);
    return result;
}

int postgres_describe(const struct postgres_config *config, const struct postgres_table *tables,
                      size_t table_count, struct postgres_description *description,
                      struct fault *fault)
{
    struct postgres_session session;
    struct postgres_facts facts;
    *description = (struct postgres_description){0};
    arena_init(&description->arena);
    if (postgres_inspect_open(&session, config, tables, table_count, &facts, fault) < 0)
        return -1;
    int result = describe(&session, &facts, description, fault);
    postgres_inspect_close(&session, &facts);
    return result;
}

void postgres_description_release(struct postgres_description *description)
{
    arena_release(&description->arena);
}
