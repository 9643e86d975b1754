// SPDX-License-Identifier: MIT
// The changes of one transaction by table and by what a column holds.
#include "rowcast/siblings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/map.h"
#include "rowcast/memory.h"
#include "rowcast/value.h"

#define FEW_CHANGES 4
#define STEPS_OF_LOOK 20
#define STEPS_OF_CHANGE 10
#define STEPS_OF_SORTED 50 // a change
#define BYTES_OF_STEP 8    // compared
#define EXACT_DIGITS 14    // a number of no more than these is shown as it is written

struct found {
    const char *text;
    uint32_t size;
    const struct change *change;
};

// The changes of a table that have a text in one column, by text, then in order.
struct search {
    struct search *next;
    char *column;
    int op;
    struct arena texts; // of values that are shown otherwise than they are written
    struct found *found;
    const struct change **changes; // of `found`, so that a run of them is a list
    uint32_t count;
};

struct table {
    struct table *next;
    const char *name;
    const struct change **changes;
    uint32_t count, capacity;
    struct search *searches;
    uint32_t search_count;
};

struct siblings {
    const struct transaction *transaction;
    struct table *tables; // NULL until the first look
    struct map by_name;   // to their addresses
    bool sorted;
};

struct siblings *siblings_new(void)
{
    struct siblings *siblings = memory_new(sizeof *siblings);
    map_init(&siblings->by_name);
    return siblings;
}

static void free_searches(struct table *table)
{
    while (table->searches) {
        struct search *search = table->searches;
        table->searches = search->next;
        arena_release(&search->texts);
        free(search->column);
        free(search->found);
        free(search->changes);
        free(search);
    }
}

void siblings_end(struct siblings *siblings)
{
    siblings->transaction = NULL;
    if (!siblings->sorted)
        return;
    while (siblings->tables) {
        struct table *table = siblings->tables;
        siblings->tables = table->next;
        free_searches(table);
        free(table->changes);
        free(table);
    }
    map_release(&siblings->by_name);
    siblings->sorted = false;
}

void siblings_begin(struct siblings *siblings, const struct transaction *transaction)
{
    siblings->transaction = transaction;
}

void siblings_free(struct siblings *siblings)
{
    if (siblings)
        siblings_end(siblings);
    free(siblings);
}

// ---- by table ----

static struct table *find_table(const struct siblings *siblings, const char *name, size_t size)
{
    const uint64_t *table = map_get(&siblings->by_name, name, size);
    return table ? (struct table *)(uintptr_t)*table : NULL;
}

static struct table *take_table(struct siblings *siblings, const struct relation *relation)
{
    struct table *table = find_table(siblings, relation->name, relation->name_size);
    if (table)
        return table;
    table = memory_new(sizeof *table);
    table->name = relation->name;
    table->next = siblings->tables;
    map_put(&siblings->by_name, relation->name, relation->name_size, (uintptr_t)table);
    return siblings->tables = table;
}

static void add_change(struct table *table, const struct change *change)
{
    if (table->count == table->capacity) {
        table->capacity = table->capacity ? 2 * table->capacity : 8;
        table->changes = memory_resize(table->changes, table->capacity * sizeof *table->changes);
    }
    table->changes[table->count++] = change;
}

// Neighbours mostly are of the same table.
static void sort_tables(struct siblings *siblings, size_t *steps)
{
    const struct transaction *transaction = siblings->transaction;
    const struct relation *relation = NULL;
    struct table *table = NULL;
    for (uint32_t i = 0; i < transaction->change_count; i++) {
        const struct change *change = &transaction->changes[i];
        if (!change->relation)
            continue;
        if (change->relation != relation &&
            !(table && strcmp(table->name, change->relation->name) == 0))
            table = take_table(siblings, change->relation);
        relation = change->relation;
        add_change(table, change);
    }
    siblings->sorted = true;
    *steps += transaction->change_count * STEPS_OF_CHANGE;
}

// Most transactions are small, and of one table while a script asks for another.
static bool is_absent(const struct transaction *transaction, const char *name)
{
    bool absent = transaction->change_count <= FEW_CHANGES;
    for (uint32_t i = 0; absent && i < transaction->change_count; i++) {
        const struct relation *relation = transaction->changes[i].relation;
        absent = !relation || strcmp(relation->name, name) != 0;
    }
    return absent;
}

static struct table *look(struct siblings *siblings, const char *name, size_t *steps)
{
    *steps += STEPS_OF_LOOK;
    if (is_absent(siblings->transaction, name))
        return NULL;
    if (!siblings->sorted)
        sort_tables(siblings, steps);
    return find_table(siblings, name, strlen(name));
}

struct sibling_list siblings_of(struct siblings *siblings, const char *name, size_t *steps)
{
    const struct table *table = look(siblings, name, steps);
    return table ? (struct sibling_list){table->changes, table->count} : (struct sibling_list){0};
}

// ---- by a column's value ----

static bool is_whole(const char *text, size_t size)
{
    return size > 0 && size <= EXACT_DIGITS && text[0] > '0' && text[0] <= '9';
}

// As Lua's tostring shows the number that scripts read; what is no number stays text.
static size_t number_text(const char *text, char shown[32])
{
    char *end;
    double number = strtod(text, &end);
    if (*end != '\0' || !(number - number == 0))
        return 0;
    return (size_t)snprintf(shown, 32, "%.14g", number);
}

// Fills in text and size; false: there is nothing to be found by.
static bool read_text(struct arena *texts, const struct column *column, const struct value *value,
                      struct found *found)
{
    char shown[VALUE_ISO_SIZE];
    size_t size = 0;
    if (value->state != VALUE_TEXT || column->array || column->type == COLUMN_JSON)
        return false;
    *found = (struct found){.text = value->text, .size = value->size};
    switch (column->type) {
    case COLUMN_BOOLEAN:
        found->text = value->size > 0 && value->text[0] == 't' ? "true" : "false";
        found->size = (uint32_t)strlen(found->text);
        return true;
    case COLUMN_INTEGER:
        if (is_whole(value->text, value->size))
            return true;
        // fall through
    case COLUMN_FLOAT:
        size =
            value->size > 0 ? number_text(arena_copy(texts, value->text, value->size), shown) : 0;
        break;
    case COLUMN_TIMESTAMP:
    case COLUMN_TIMESTAMPTZ:
        size = value_iso(value->text, value->size, column->type == COLUMN_TIMESTAMPTZ, shown);
        break;
    default:
        return true;
    }
    if (size > 0)
        *found = (struct found){.text = arena_copy(texts, shown, size), .size = (uint32_t)size};
    return true;
}

static int compare_texts(const struct found *a, const char *text, size_t size)
{
    int order = memcmp(a->text, text, a->size < size ? a->size : size);
    return order ? order : (a->size > size) - (a->size < size);
}

static int compare_found(const void *left, const void *right)
{
    const struct found *a = left, *b = right;
    int order = compare_texts(a, b->text, b->size);
    return order ? order : (a->change > b->change) - (a->change < b->change);
}

static void add_found(struct search *search, const struct change *change, size_t column_size)
{
    const struct row *row = change->new_row ? change->new_row : change->old_row;
    int column = row ? relation_column(row->relation, search->column, column_size) : -1;
    struct found *found = &search->found[search->count];
    if (column < 0 || (search->op != SIBLINGS_ANY && (int)change->op != search->op) ||
        !read_text(&search->texts, &row->relation->columns[column], &row->values[column], found))
        return;
    found->change = change;
    search->count++;
}

static struct search *search_new(struct table *table, const char *column, int op, size_t *steps)
{
    struct search *search = memory_new(sizeof *search);
    size_t bytes = 0, column_size = strlen(column);
    search->column = memory_text(column);
    search->op = op;
    search->found = memory_new(table->count * sizeof *search->found);
    search->changes = memory_new(table->count * sizeof *search->changes);
    for (uint32_t i = 0; i < table->count; i++)
        add_found(search, table->changes[i], column_size);
    qsort(search->found, search->count, sizeof *search->found, compare_found);
    for (uint32_t i = 0; i < search->count; i++) {
        search->changes[i] = search->found[i].change;
        bytes += search->found[i].size;
    }
    *steps += table->count * STEPS_OF_SORTED + bytes / BYTES_OF_STEP;
    search->next = table->searches;
    table->search_count++;
    return table->searches = search;
}

static struct search *take_search(struct table *table, const char *column, int op, size_t *steps)
{
    for (struct search *search = table->searches; search; search = search->next)
        if (search->op == op && strcmp(search->column, column) == 0)
            return search;
    if (table->search_count == SIBLINGS_MAX_SEARCHES)
        return NULL;
    return search_new(table, column, op, steps);
}

// The first one whose text is not below, or with `behind` is above.
static uint32_t bound(const struct search *search, const char *text, size_t size, bool behind)
{
    uint32_t first = 0, end = search->count;
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (compare_texts(&search->found[middle], text, size) < (behind ? 1 : 0))
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

bool siblings_search(struct siblings *siblings, const char *name, const char *column,
                     const char *text, size_t size, int op, struct sibling_list *list,
                     size_t *steps)
{
    struct table *table = look(siblings, name, steps);
    *list = (struct sibling_list){0};
    if (!table)
        return true;
    const struct search *search = take_search(table, column, op, steps);
    if (!search)
        return false;
    uint32_t first = bound(search, text, size, false);
    *list = (struct sibling_list){search->changes + first, bound(search, text, size, true) - first};
    *steps += size / BYTES_OF_STEP;
    return true;
}
