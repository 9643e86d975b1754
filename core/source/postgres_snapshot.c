// SPDX-License-Identifier: MIT
// What is said on a connection for a snapshot: one transaction, its moment, rows.
#include "rowcast/postgres_snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres_figures.h"
#include "postgres_pool.h"
#include "rowcast/lsn.h"
#include "rowcast/memory.h"
#include "rowcast/source.h"
#include "types.h"

#define COMMAND_MAX (1u << 20)
#define FIRST_USER_OID 16384
#define WITH_COLUMN_LISTS 150000      // of publications
#define WITH_GENERATED_COLUMNS 180000 // in publications

// A table as the publication shows it.
struct published_table {
    struct relation *relation; // NULL: it is not published
    const char *filter;        // an SQL expression, or NULL
    bool partitioned;
};

static const char *field(const PGresult *result, int row, int column)
{
    return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

static void append_and_free(struct buffer *text, char *quoted)
{
    if (quoted)
        buffer_append_text(text, quoted);
    PQfreemem(quoted);
}

static void append_identifier(struct buffer *text, PGconn *conn, const char *name)
{
    append_and_free(text, PQescapeIdentifier(conn, name, strlen(name)));
}

static void append_literal(struct buffer *text, PGconn *conn, const char *value)
{
    append_and_free(text, PQescapeLiteral(conn, value, strlen(value)));
}

// Ends the text and sends it.
static void ask_text(struct postgres_reader *reader, enum reader_state state, struct buffer *text)
{
    struct fault fault;
    buffer_append_byte(text, '\0');
    bool whole = !text->overflowed;
    if (whole)
        reader_ask(reader, state, text->bytes);
    buffer_release(text);
    if (whole)
        return;
    fault_set(&fault, EXIT_CONFIGURATION, "A snapshot asks for so much that its SQL passes 1 MiB.");
    reader_fail(reader, &fault);
}

// ---- who the server is ----

enum introduction_column { INTRO_SYSTEM, INTRO_DATABASE, INTRO_FILE };

// Policies of row-level security would leave rows out without a word: off means an error instead. A server
// on Linux looks each second whether we are still there, and else ends the query.
void reader_introduce(struct postgres_reader *reader)
{
    char *command = memory_format(
        "SELECT s.system_identifier, pg_catalog.current_database(), "
        "CASE WHEN NOT pg_catalog.pg_is_in_recovery() "
        "THEN pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()) END, "
        "CASE WHEN pg_catalog.current_setting('server_encoding') = 'SQL_ASCII' "
        "THEN pg_catalog.set_config('client_encoding', 'SQL_ASCII', false) END, "
        "CASE WHEN pg_catalog.version() LIKE '%%linux%%' "
        "THEN pg_catalog.set_config('client_connection_check_interval', '1s', false) END, "
        "pg_catalog.set_config('row_security', 'off', false), "
        "pg_catalog.set_config('statement_timeout', '%" PRId64 "', false) "
        "FROM pg_catalog.pg_control_system() s",
        reader->pool->timeout);
    reader_ask(reader, READER_SETTING, command);
    free(command);
}

static void on_introduced(struct postgres_reader *reader, const PGresult *result)
{
    const char *file = field(result, 0, INTRO_FILE); // its name begins with the timeline
    char timeline[9] = "";
    if (!file) {
        reader_fail_as(reader, POSTGRES_STANDBY, NULL);
        return;
    }
    memcpy(timeline, file, strnlen(file, 8));
    const char *const parts[] = {field(result, 0, INTRO_SYSTEM), field(result, 0, INTRO_DATABASE),
                                 reader->pool->publication};
    reader->epoch = source_epoch(parts, 3);
    reader->timeline = (uint32_t)strtoul(timeline, NULL, 16);
}

// ---- the moment, and the tables ----

enum moment_column { MOMENT_SNAPSHOT, MOMENT_END, MOMENT_BLOCK, MOMENT_TIME };

static const char begin_sql[] =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
    "SELECT pg_catalog.pg_current_snapshot(), pg_catalog.pg_current_wal_insert_lsn(), "
    "pg_catalog.current_setting('wal_block_size'), "
    "(extract(epoch FROM pg_catalog.transaction_timestamp()) * 1000000)::int8; ";

enum table_column {
    TABLE_SCHEMA,
    TABLE_NAME,
    TABLE_PARTITIONED,
    TABLE_FILTER,
    TABLE_COLUMN,
    TABLE_TYPE,
    TABLE_TYPE_NAME,
};

// Columns with the types that domains come to, as the change stream tells them.
static const char tables_sql[] =
    "FROM pg_catalog.pg_publication_tables p "
    "JOIN pg_catalog.pg_namespace n ON n.nspname = p.schemaname "
    "JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename "
    "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "CROSS JOIN LATERAL (WITH RECURSIVE bases AS ("
    "SELECT t.oid, t.typname, t.typtype, t.typbasetype FROM pg_catalog.pg_type t WHERE t.oid = "
    "a.atttypid UNION ALL SELECT t.oid, t.typname, t.typtype, t.typbasetype FROM bases b JOIN "
    "pg_catalog.pg_type t ON b.typtype = 'd' AND t.oid = b.typbasetype) "
    "SELECT oid, typname FROM bases WHERE typtype <> 'd') base ";

static void append_tables(struct buffer *text, PGconn *conn,
                          const struct postgres_snapshot *snapshot)
{
    int version = PQserverVersion(conn);
    bool lists = version >= WITH_COLUMN_LISTS;
    buffer_append_format(text,
                         "SELECT p.schemaname, p.tablename, c.relkind = 'p', %s, a.attname, "
                         "base.oid, base.typname %sWHERE p.pubname = ",
                         lists ? "p.rowfilter" : "NULL", tables_sql);
    append_literal(text, conn, snapshot->pool->publication);
    if (lists)
        buffer_append_text(text, " AND a.attname = ANY (p.attnames)");
    if (version < WITH_GENERATED_COLUMNS)
        buffer_append_text(text, " AND a.attgenerated = ''");
    buffer_append_text(text, " AND (p.schemaname, p.tablename) IN (");
    for (size_t i = 0; i < snapshot->count; i++) {
        buffer_append_text(text, i > 0 ? ", (" : "(");
        append_literal(text, conn, snapshot->queries[i].schema);
        buffer_append_text(text, ", ");
        append_literal(text, conn, snapshot->queries[i].table);
        buffer_append_text(text, ")");
    }
    buffer_append_text(text, ") ORDER BY p.schemaname, p.tablename, a.attnum; SAVEPOINT rowcast");
}

// A transaction of its own, which is acknowledged when the log is on this server's disk up to there. Its
// message is none of ours: the change stream passes over it.
static const char flush_sql[] =
    "BEGIN READ WRITE; SET LOCAL synchronous_commit = local; "
    "SELECT pg_catalog.pg_logical_emit_message(true, 'rowcast.position', ''); COMMIT";

void reader_begin(struct postgres_reader *reader)
{
    struct postgres_snapshot *snapshot = reader->snapshot;
    struct buffer text;
    if (snapshot == reader->pool->flush) {
        snapshot->asked = uv_now(reader->pool->loop);
        reader_ask(reader, READER_BEGINNING, flush_sql);
        return;
    }
    snapshot->view.epoch = reader->epoch;
    snapshot->view.timeline = reader->timeline;
    snapshot->tables =
        arena_new(&snapshot->rows->arena, (snapshot->count + 1) * sizeof *snapshot->tables);
    if (snapshot->callbacks.began)
        snapshot->callbacks.began(snapshot->user);
    buffer_init(&text, COMMAND_MAX);
    buffer_append_text(&text, begin_sql);
    append_tables(&text, reader->conn, snapshot);
    ask_text(reader, READER_BEGINNING, &text);
}

static bool take_moment(struct postgres_snapshot *snapshot, const PGresult *result)
{
    struct postgres_view *view = &snapshot->view;
    view->end = lsn_before_page_head(postgres_lsn(PQgetvalue(result, 0, MOMENT_END)),
                                     strtoull(PQgetvalue(result, 0, MOMENT_BLOCK), NULL, 10));
    snapshot->rows->lsn = snapshot->rows->end_lsn = view->end;
    snapshot->rows->time = strtoll(PQgetvalue(result, 0, MOMENT_TIME), NULL, 10);
    snapshot->rows->last = true;
    return visibility_parse(&view->visibility, PQgetvalue(result, 0, MOMENT_SNAPSHOT)) == 0;
}

static bool is_row_of(const PGresult *result, int row, const struct query *query)
{
    return row < PQntuples(result) &&
           strcmp(PQgetvalue(result, row, TABLE_SCHEMA), query->schema) == 0 &&
           strcmp(PQgetvalue(result, row, TABLE_NAME), query->table) == 0;
}

static void describe_column(struct arena *arena, struct column *column, const PGresult *result,
                            int row)
{
    uint32_t type = (uint32_t)strtoul(PQgetvalue(result, row, TABLE_TYPE), NULL, 10);
    struct type_shape shape =
        type < FIRST_USER_OID ? type_by_oid(type)
                              : type_by_name("user's", PQgetvalue(result, row, TABLE_TYPE_NAME));
    const char *name = PQgetvalue(result, row, TABLE_COLUMN);
    column->name_size = (uint32_t)strlen(name);
    column->name = arena_copy(arena, name, column->name_size);
    column->type = shape.type;
    column->array = shape.array;
}

static void describe_table(struct postgres_snapshot *snapshot, size_t index, const PGresult *result)
{
    struct arena *arena = &snapshot->rows->arena;
    const struct query *query = &snapshot->queries[index];
    struct published_table *table = &snapshot->tables[index];
    int first = 0, behind;
    while (first < PQntuples(result) && !is_row_of(result, first, query))
        first++;
    for (behind = first; is_row_of(result, behind, query); behind++)
        ;
    if (behind == first)
        return;
    table->relation = relation_new(arena, query->schema, query->table, (uint32_t)(behind - first));
    for (int row = first; row < behind; row++)
        describe_column(arena, &table->relation->columns[row - first], result, row);
    const char *filter = field(result, first, TABLE_FILTER);
    table->filter = filter ? arena_copy(arena, filter, strlen(filter)) : NULL;
    table->partitioned = PQgetvalue(result, first, TABLE_PARTITIONED)[0] == 't';
}

// ---- rows ----

static void append_query(struct buffer *text, PGconn *conn, const struct query *query,
                         const struct published_table *table)
{
    buffer_append_text(text, "SELECT ");
    for (uint32_t i = 0; i < table->relation->column_count; i++) {
        if (i > 0)
            buffer_append_text(text, ", ");
        append_identifier(text, conn, table->relation->columns[i].name);
    }
    // Rows of tables that inherit come under these tables' names.
    buffer_append_text(text, table->partitioned ? " FROM " : " FROM ONLY ");
    append_identifier(text, conn, query->schema);
    buffer_append_byte(text, '.');
    append_identifier(text, conn, query->table);
    buffer_append_format(text, " WHERE (%s\n) AND (%s\n)", table->filter ? table->filter : "true",
                         query->where ? query->where : "true");
    if (query->order)
        buffer_append_format(text, " ORDER BY %s\n", query->order);
    bool limited = query->limit != QUERY_NO_LIMIT && query->limit <= SNAPSHOT_MAX_ROWS;
    buffer_append_format(text, " LIMIT %" PRId64, limited ? query->limit : SNAPSHOT_MAX_ROWS + 1);
    buffer_append_byte(text, '\0');
}

static void send_query(struct postgres_reader *reader, const struct query *query,
                       const struct published_table *table)
{
    struct buffer text;
    buffer_init(&text, COMMAND_MAX);
    append_query(&text, reader->conn, query, table);
    reader->state = READER_QUERYING;
    reader->snapshot->first_row = reader->snapshot->rows->change_count;
    bool sent = !text.overflowed &&
                PQsendQueryParams(reader->conn, text.bytes, (int)query->argument_count, NULL,
                                  query->arguments, NULL, NULL, 0) &&
                PQsetSingleRowMode(reader->conn);
    buffer_release(&text);
    if (sent)
        reader_watch(reader);
    else
        reader_fail_broken(reader);
}

// The transaction has nothing more to say; its end is not waited for.
static void finish(struct postgres_reader *reader)
{
    struct postgres_snapshot *snapshot = reader->snapshot;
    reader->snapshot = NULL;
    snapshot->reader = NULL;
    reader_ask(reader, READER_ENDING, "COMMIT");
    postgres_snapshot_end(snapshot, NULL);
}

static void ask_next(struct postgres_reader *reader)
{
    struct postgres_snapshot *snapshot = reader->snapshot;
    while (snapshot->next < snapshot->count && !snapshot->tables[snapshot->next].relation)
        snapshot->next++;
    if (snapshot->next == snapshot->count)
        finish(reader);
    else
        send_query(reader, &snapshot->queries[snapshot->next], &snapshot->tables[snapshot->next]);
}

static void take_row(struct postgres_snapshot *snapshot, const PGresult *result)
{
    struct arena *arena = &snapshot->rows->arena;
    const struct relation *relation = snapshot->tables[snapshot->next].relation;
    struct row *row = arena_new(arena, sizeof *row);
    struct value *values = arena_new(arena, relation->column_count * sizeof *values);
    for (uint32_t i = 0; i < relation->column_count; i++) {
        size_t size = (size_t)PQgetlength(result, 0, (int)i);
        if (PQgetisnull(result, 0, (int)i))
            values[i].state = VALUE_NULL;
        else
            values[i] = (struct value){VALUE_TEXT, (uint32_t)size,
                                       arena_copy(arena, PQgetvalue(result, 0, (int)i), size)};
    }
    *row = (struct row){relation, values};
    struct change *change = transaction_add(snapshot->rows);
    change->op = CHANGE_SNAPSHOT;
    change->relation = relation;
    change->new_row = row;
}

// False: the snapshot has failed of its size.
static bool add_row(struct postgres_reader *reader, const PGresult *result)
{
    struct postgres_snapshot *snapshot = reader->snapshot;
    struct fault fault;
    take_row(snapshot, result);
    if (snapshot->rows->change_count <= SNAPSHOT_MAX_ROWS &&
        snapshot->rows->arena.size <= SNAPSHOT_MAX_BYTES)
        return true;
    fault_set(&fault, EXIT_FAILED,
              "A snapshot is larger than %d rows or %u MiB when it comes to the table %s: give the "
              "'snapshot' of its script a limit.",
              SNAPSHOT_MAX_ROWS, SNAPSHOT_MAX_BYTES >> 20,
              snapshot->tables[snapshot->next].relation->name);
    reader_fail(reader, &fault);
    return false;
}

static void end_query(struct postgres_snapshot *snapshot)
{
    const struct query *query = &snapshot->queries[snapshot->next++];
    struct change *changes = snapshot->rows->changes;
    uint32_t first = snapshot->first_row, behind = snapshot->rows->change_count;
    for (; query->reverse && first + 1 < behind; first++, behind--) {
        struct change change = changes[first];
        changes[first] = changes[behind - 1];
        changes[behind - 1] = change;
    }
    for (uint32_t i = snapshot->first_row; i < snapshot->rows->change_count; i++)
        changes[i].index = i;
}

// ---- answers ----

// What clients chose cannot be what the column is compared with: no row is like that.
static bool is_failed_cast(const PGresult *failure)
{
    static const char *const states[] = {"22P02", "22003", "22007", "22008", "22021"};
    const char *state = PQresultErrorField(failure, PG_DIAG_SQLSTATE);
    for (size_t i = 0; state && i < sizeof states / sizeof *states; i++)
        if (strcmp(state, states[i]) == 0)
            return true;
    return false;
}

// The connection is as good as before, unless the server ended it.
static void give_up(struct postgres_reader *reader, const struct fault *fault)
{
    struct postgres_snapshot *snapshot = reader->snapshot;
    reader->snapshot = NULL;
    snapshot->reader = NULL;
    reader_ask(reader, READER_ENDING, "ROLLBACK");
    postgres_snapshot_end(snapshot, fault);
}

static bool has_ended(const PGresult *failure)
{
    const char *severity = PQresultErrorField(failure, PG_DIAG_SEVERITY_NONLOCALIZED);
    return !severity || strcmp(severity, "ERROR") != 0; // without one it is libpq's own
}

static void on_failure(struct postgres_reader *reader, const PGresult *failure)
{
    struct postgres_snapshot *snapshot = reader->snapshot;
    struct postgres_place place = reader_place(reader);
    struct fault fault;
    if (reader->state == READER_QUERYING && is_failed_cast(failure)) {
        snapshot->rows->change_count = snapshot->first_row;
        end_query(snapshot);
        reader_ask(reader, READER_RETURNING, "ROLLBACK TO rowcast");
        return;
    }
    if (reader->state == READER_SETTING)
        postgres_fault_result(&fault, &place, failure);
    else
        postgres_fault_query(&fault, &place, failure);
    if (has_ended(failure) || reader->state == READER_SETTING || !snapshot)
        reader_fail(reader, &fault);
    else
        give_up(reader, &fault);
}

static void on_done(struct postgres_reader *reader)
{
    struct postgres_snapshot *snapshot = reader->snapshot;
    if (reader->state == READER_QUERYING) {
        end_query(snapshot);
        if (snapshot->next < snapshot->count)
            reader_ask(reader, READER_SAVING, "SAVEPOINT rowcast");
        else
            finish(reader);
    } else if (reader->state == READER_BEGINNING && snapshot == reader->pool->flush) {
        reader->snapshot = NULL;
        postgres_snapshot_end(snapshot, NULL);
        reader_rest(reader);
    } else if (reader->state == READER_ENDING || (reader->state == READER_SETTING && !snapshot)) {
        reader_rest(reader);
    } else if (reader->state == READER_SETTING) {
        reader_begin(reader);
    } else {
        ask_next(reader);
    }
}

// Behind the message of the flush.
static void take_end(struct postgres_reader *reader, const PGresult *result)
{
    reader->pool->end = (struct postgres_log_end){
        .epoch = reader->epoch,
        .timeline = reader->timeline,
        .lsn = postgres_lsn(PQgetvalue(result, 0, 0)),
        .asked = reader->snapshot->asked,
    };
}

// False: the reader has done with it and goes another way.
static bool take_rows(struct postgres_reader *reader, const PGresult *result)
{
    struct postgres_snapshot *snapshot = reader->snapshot;
    if (reader->state == READER_QUERYING)
        return PQntuples(result) == 0 || add_row(reader, result);
    if (reader->state != READER_BEGINNING)
        return true;
    if (snapshot == reader->pool->flush) {
        take_end(reader, result);
        return true;
    }
    if (snapshot->view.end == 0) {
        if (take_moment(snapshot, result))
            return true;
        reader_fail_as(reader,
                       "{where} was asked for a snapshot and describes it in an unknown way: "
                       "{said}.",
                       PQgetvalue(result, 0, MOMENT_SNAPSHOT));
        return false;
    }
    for (size_t i = 0; i < snapshot->count; i++)
        describe_table(snapshot, i, result);
    return true;
}

static bool take_result(struct postgres_reader *reader, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    bool goes_on = true;
    if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
        PQclear(reader->failure);
        reader->failure = result;
        return true;
    }
    if (status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE) {
        if (reader->state == READER_SETTING && PQntuples(result) == 1)
            on_introduced(reader, result);
        else
            goes_on = take_rows(reader, result);
    }
    PQclear(result);
    return goes_on;
}

// A command's answers are complete when there is no further one.
void reader_take_results(struct postgres_reader *reader)
{
    while (reader->conn && !PQisBusy(reader->conn)) {
        enum reader_state state = reader->state;
        PGresult *result = PQgetResult(reader->conn);
        if (result && state == READER_IDLE) {
            PQclear(result);
            continue;
        }
        if (result) {
            if (!take_result(reader, result))
                return;
            continue;
        }
        PGresult *failure = reader->failure;
        reader->failure = NULL;
        if (state == READER_IDLE)
            return;
        if (failure)
            on_failure(reader, failure);
        else
            on_done(reader);
        PQclear(failure);
        return;
    }
}
