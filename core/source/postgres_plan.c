// SPDX-License-Identifier: MIT
// The SQL that sets up what is missing, and what stands in its way.
#include "postgres_plan.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

bool postgres_lacks_identity(const struct postgres_facts *facts,
                             const struct postgres_table_facts *table)
{
    bool sends_updates = !facts->publication || facts->sends_updates;
    return sends_updates && !table->identified;
}

bool postgres_lacks_root(const struct postgres_facts *facts)
{
    bool partitioned = false;
    for (size_t i = 0; i < facts->table_count; i++)
        partitioned = partitioned || facts->tables[i].partitioned;
    return facts->publication && !facts->via_root && partitioned;
}

// ---- what stands in the way ----

int postgres_check_slot(const struct postgres_session *session, const struct postgres_facts *facts,
                        struct fault *fault)
{
    const struct postgres_place *place = &session->place;
    size_t size = strlen(place->slot);
    if (size == 0 || size > 63 ||
        strspn(place->slot, "abcdefghijklmnopqrstuvwxyz0123456789_") != size)
        return postgres_fault(fault, place, POSTGRES_SLOT_NAME, NULL);
    if (!facts->slot)
        return 0;
    if (strcmp(facts->slot_type, "logical") != 0)
        return postgres_fault(fault, place, POSTGRES_SLOT_PHYSICAL, NULL);
    if (strcmp(facts->plugin, "pgoutput") != 0)
        return postgres_fault(fault, place, POSTGRES_SLOT_PLUGIN, facts->plugin);
    if (strcmp(facts->slot_database, facts->database) != 0)
        return postgres_fault(fault, place, POSTGRES_SLOT_DATABASE, facts->slot_database);
    return 0;
}

#define COMPLAINTS_SIZE 1000 // of text; what comes after it is counted

struct complaints {
    struct buffer text;
    size_t missing, unfit, unidentified, untold;
};

static void complain(struct complaints *complaints, const struct postgres_table_facts *table,
                     const char *format, ...) __attribute__((format(printf, 3, 4)));

static void complain(struct complaints *complaints, const struct postgres_table_facts *table,
                     const char *format, ...)
{
    char words[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    if (complaints->text.size > COMPLAINTS_SIZE)
        complaints->untold++;
    else
        buffer_append_format(&complaints->text, "%s%s.%s %s", complaints->text.size ? "; " : "",
                             table->asked->schema, table->asked->table, words);
}

static void complain_of_missing(struct complaints *complaints,
                                const struct postgres_table_facts *table)
{
    complaints->missing++;
    if (table->suggestion)
        complain(complaints, table, "does not exist (did you mean %s?)", table->suggestion);
    else
        complain(complaints, table, "does not exist");
}

static void complain_of_identity(struct complaints *complaints,
                                 const struct postgres_table_facts *table)
{
    const char *leaf = NULL;
    for (int i = 0; i < PQntuples(table->leaves) && !leaf; i++)
        leaf = postgres_leaf_without_identity(table, i);
    complaints->unidentified++;
    complain(complaints, table, "has no usable replica identity: %s%s%s", table->identity,
             table->partitioned ? " such as " : "", table->partitioned ? leaf : "");
}

static void complain_of_table(struct complaints *complaints, const struct postgres_facts *facts,
                              const struct postgres_table_facts *table, bool identity_full)
{
    if (!table->exists) {
        complain_of_missing(complaints, table);
    } else if (table->unfit) {
        complaints->unfit++;
        complain(complaints, table, "%s", table->unfit);
    } else if (postgres_lacks_identity(facts, table) && !identity_full) {
        complain_of_identity(complaints, table);
    }
}

static void append_advice(struct complaints *complaints)
{
    struct buffer *text = &complaints->text;
    if (complaints->untold > 0)
        buffer_append_format(text, "; and %zu more", complaints->untold);
    buffer_append_text(text, ".");
    if (complaints->missing > 0)
        buffer_append_text(
            text,
            " Create what does not exist, or rename or remove its script in scripts/tables/.");
    if (complaints->unfit > 0)
        buffer_append_text(text, " Write scripts for ordinary tables only.");
    if (complaints->unidentified > 0)
        buffer_append_text(
            text, " Without a replica identity, every UPDATE and DELETE on the table would "
                  "fail once it is published: give it a primary key, or have whole rows sent "
                  "with: rowcast db setup --identity-full");
}

int postgres_check_tables(const struct postgres_session *session,
                          const struct postgres_facts *facts, bool identity_full,
                          struct fault *fault)
{
    struct complaints complaints = {0};
    buffer_init(&complaints.text, POSTGRES_STATEMENT_MAX);
    for (size_t i = 0; i < facts->table_count; i++)
        complain_of_table(&complaints, facts, &facts->tables[i], identity_full);
    int result = 0;
    if (complaints.text.size > 0) {
        append_advice(&complaints);
        buffer_append_byte(&complaints.text, '\0');
        result = postgres_fault(fault, &session->place,
                                "Not every table of the scripts can be routed from {where}: {said}",
                                complaints.text.bytes);
        fault->code = EXIT_FAILED;
    }
    buffer_release(&complaints.text);
    return result;
}

// ---- SQL ----

// The statement as text of its own; an empty one is NULL.
static char *take(struct buffer *text)
{
    char *statement = text->size ? memory_copy(text->bytes, text->size) : NULL;
    buffer_release(text);
    return statement;
}

static void append_table(struct buffer *text, const struct postgres_session *session,
                         const struct postgres_table *table)
{
    postgres_append_identifier(text, session, table->schema);
    buffer_append_byte(text, '.');
    postgres_append_identifier(text, session, table->table);
}

// What it touches must belong to the user.
static void touch(struct postgres_plan *plan, const struct postgres_table_facts *table)
{
    if (!table->owned && !plan->foreign)
        plan->foreign = table;
}

static char *identities(const struct postgres_facts *facts, struct postgres_plan *plan)
{
    struct buffer text;
    buffer_init(&text, POSTGRES_STATEMENT_MAX);
    for (size_t i = 0; i < facts->table_count; i++) {
        const struct postgres_table_facts *table = &facts->tables[i];
        if (!table->exists || !postgres_lacks_identity(facts, table))
            continue;
        touch(plan, table);
        for (int leaf = 0; leaf < PQntuples(table->leaves); leaf++) {
            const char *name = postgres_leaf_without_identity(table, leaf);
            if (name)
                buffer_append_format(&text, "%sALTER TABLE %s REPLICA IDENTITY FULL;",
                                     text.size ? "\n" : "", name);
        }
    }
    return take(&text);
}

// ", "-separated tables that are not published yet; returns their number.
static size_t append_unpublished(struct buffer *text, const struct postgres_session *session,
                                 const struct postgres_facts *facts, struct postgres_plan *plan)
{
    size_t count = 0;
    for (size_t i = 0; i < facts->table_count; i++) {
        const struct postgres_table_facts *table = &facts->tables[i];
        if (!table->exists || table->published)
            continue;
        touch(plan, table);
        buffer_append_text(text, count++ ? ", " : "");
        append_table(text, session, table->asked);
    }
    return count;
}

static char *publication(const struct postgres_session *session, const struct postgres_facts *facts,
                         struct postgres_plan *plan)
{
    struct buffer text, tables;
    buffer_init(&text, POSTGRES_STATEMENT_MAX);
    buffer_init(&tables, POSTGRES_STATEMENT_MAX);
    size_t count = append_unpublished(&tables, session, facts, plan);
    bool create = !facts->publication;
    if (create || count > 0) {
        buffer_append_text(&text, create ? "CREATE PUBLICATION " : "ALTER PUBLICATION ");
        postgres_append_identifier(&text, session, session->place.publication);
        if (count > 0)
            buffer_append_text(&text, create ? " FOR TABLE " : " ADD TABLE ");
        buffer_append(&text, tables.bytes, tables.size);
        buffer_append_text(&text, create ? " WITH (publish_via_partition_root = true);" : ";");
    }
    buffer_release(&tables);
    return take(&text);
}

static char *root(const struct postgres_session *session, const struct postgres_facts *facts)
{
    struct buffer text;
    buffer_init(&text, POSTGRES_STATEMENT_MAX);
    if (postgres_lacks_root(facts)) {
        buffer_append_text(&text, "ALTER PUBLICATION ");
        postgres_append_identifier(&text, session, session->place.publication);
        buffer_append_text(&text, " SET (publish_via_partition_root = true);");
    }
    return take(&text);
}

static char *slot_call(const struct postgres_session *session, const char *before,
                       const char *behind)
{
    struct buffer text;
    buffer_init(&text, POSTGRES_STATEMENT_MAX);
    buffer_append_text(&text, before);
    postgres_append_literal(&text, session, session->place.slot);
    buffer_append_text(&text, behind);
    return take(&text);
}

void postgres_plan_make(const struct postgres_session *session, const struct postgres_facts *facts,
                        bool stuck, struct postgres_plan *plan)
{
    *plan = (struct postgres_plan){0};
    plan->identities = identities(facts, plan);
    plan->publication = publication(session, facts, plan);
    plan->root = root(session, facts);
    bool lost = facts->slot && facts->figures.wal == SLOT_WAL_LOST;
    if (lost)
        plan->drop = slot_call(session, "SELECT pg_drop_replication_slot(", ");");
    if (!facts->slot || lost)
        plan->slot =
            slot_call(session, "SELECT pg_create_logical_replication_slot(", ", 'pgoutput');");
    if (facts->slot && stuck && !lost)
        plan->skip =
            slot_call(session, "SELECT pg_replication_slot_advance(", ", pg_current_wal_lsn());");
}

void postgres_plan_release(struct postgres_plan *plan)
{
    free(plan->identities);
    free(plan->publication);
    free(plan->root);
    free(plan->drop);
    free(plan->slot);
    free(plan->skip);
}
