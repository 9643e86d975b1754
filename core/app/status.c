// SPDX-License-Identifier: MIT
// What the router is doing at a moment, printed.
#include "rowcast/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/clock.h"
#include "rowcast/log.h"
#include "rowcast/memory.h"

#define LSN_SIZE 24
#define TABLES_FOLDER 7           // bytes of "tables/"
#define LUA_ENDING 4              // bytes of ".lua"
#define FACTS_MAX_SIZE (64 << 10) // of a section; a line of the log holds 8 KiB

static void lsn_text(uint64_t lsn, char text[LSN_SIZE])
{
    snprintf(text, LSN_SIZE, "%X/%X", (unsigned)(lsn >> 32), (unsigned)lsn);
}

// ---- JSON: members with the commas between them ----

static void key(struct buffer *out, const char *name)
{
    if (out->size > 0 && !strchr("{[", out->bytes[out->size - 1]))
        buffer_append_byte(out, ',');
    if (name) {
        buffer_append_json_string(out, name, strlen(name));
        buffer_append_byte(out, ':');
    }
}

static void begin(struct buffer *out, const char *name, char bracket)
{
    key(out, name);
    buffer_append_byte(out, bracket);
}

static void text(struct buffer *out, const char *name, const char *value)
{
    key(out, name);
    if (value)
        buffer_append_json_string(out, value, strlen(value));
    else
        buffer_append_text(out, "null");
}

static void number(struct buffer *out, const char *name, uint64_t value)
{
    key(out, name);
    buffer_append_format(out, "%" PRIu64, value);
}

// Negative: not known.
static void known(struct buffer *out, const char *name, int64_t value)
{
    if (value >= 0)
        number(out, name, (uint64_t)value);
    else
        text(out, name, NULL);
}

static void seconds(struct buffer *out, const char *name, int64_t milliseconds)
{
    if (milliseconds < 0) {
        text(out, name, NULL);
        return;
    }
    key(out, name);
    buffer_append_format(out, "%" PRId64 ".%03d", milliseconds / 1000, (int)(milliseconds % 1000));
}

static void boolean(struct buffer *out, const char *name, bool value)
{
    key(out, name);
    buffer_append_text(out, value ? "true" : "false");
}

static void time_of(struct buffer *out, const char *name, int64_t microseconds)
{
    char value[CLOCK_TEXT_SIZE];
    clock_text_milliseconds(microseconds, value);
    text(out, name, value);
}

static void lsn(struct buffer *out, const char *name, uint64_t value)
{
    char spelled[LSN_SIZE];
    lsn_text(value, spelled);
    text(out, name, value ? spelled : NULL);
}

static void id(struct buffer *out, const char *name, const struct event_id *value, bool there)
{
    char spelled[EVENT_ID_TEXT_SIZE];
    event_id_text(value, spelled);
    text(out, name, there ? spelled : NULL);
}

// ---- /status ----

static void write_process(const struct status *status, struct buffer *out)
{
    text(out, "version", status->version);
    text(out, "status", health_word(status->health));
    time_of(out, "started_at", status->started);
    seconds(out, "uptime_seconds", (status->now - status->started) / 1000);
    number(out, "pid", (uint64_t)status->pid);
    number(out, "port", (uint64_t)status->port);
    known(out, "admin_port", status->admin_port > 0 ? status->admin_port : -1);
}

static void write_source(const struct status *status, struct buffer *out)
{
    const struct status_source *source = &status->source;
    begin(out, "source", '{');
    text(out, "kind", source->kind);
    boolean(out, "connected", source->connected);
    text(out, "state", status->health->source);
    if (strcmp(source->kind, "postgres") == 0) {
        text(out, "system", source->system);
        number(out, "timeline", source->timeline);
        text(out, "slot", source->slot);
        text(out, "publication", source->publication);
    }
    begin(out, "position", '{');
    id(out, "id", &status->position, status->position.epoch != 0);
    lsn(out, "lsn", status->position.lsn);
    buffer_append_byte(out, '}');
    if (strcmp(source->kind, "postgres") == 0) {
        lsn(out, "safe_lsn", source->safe);
        lsn(out, "flushed_lsn", source->flushed);
        lsn(out, "server_lsn", source->server);
        known(out, "window_bytes",
              source->safe && source->flushed && source->safe >= source->flushed
                  ? (int64_t)(source->safe - source->flushed)
                  : -1);
        known(out, "lag_bytes", source->lag_bytes);
        seconds(out, "lag_seconds", source->lag_milliseconds);
        if (source->retained >= 0)
            known(out, "retained_bytes", source->retained);
    }
    buffer_append_byte(out, '}');
}

static void write_history(const struct status *status, struct buffer *out)
{
    begin(out, "history", '{');
    number(out, "events", status->history_events);
    number(out, "bytes", status->history_bytes);
    id(out, "oldest_id", &status->oldest, status->has_ends);
    id(out, "newest_id", &status->newest, status->has_ends);
    number(out, "max_bytes", status->history_max_bytes);
    seconds(out, "max_seconds", status->history_max_milliseconds);
    buffer_append_byte(out, '}');
}

static void write_workers(const struct status *status, struct buffer *out)
{
    begin(out, "workers", '[');
    for (size_t i = 0; i < status->worker_count; i++) {
        const struct status_worker *worker = &status->workers[i];
        begin(out, NULL, '{');
        number(out, "connections", worker->connections);
        number(out, "deliveries", worker->deliveries);
        number(out, "sent_bytes", worker->sent);
        number(out, "queued_bytes", worker->queued);
        number(out, "waiting_orders", worker->orders);
        buffer_append_byte(out, '}');
    }
    buffer_append_byte(out, ']');
}

static void write_reload(const struct status_reload *reload, struct buffer *out)
{
    boolean(out, "watched", !reload->blind[0]);
    if (reload->blind[0])
        text(out, "not_watched", reload->blind);
    if (!reload->result) {
        text(out, "last_reload", NULL);
        return;
    }
    begin(out, "last_reload", '{');
    time_of(out, "at", reload->at);
    text(out, "result", reload->result);
    if (strcmp(reload->result, "ok") == 0) {
        seconds(out, "seconds", reload->took / 1000);
        boolean(out, "waits", reload->waits);
    }
    buffer_append_byte(out, '}');
}

static void write_scripts(const struct status *status, struct buffer *out)
{
    char hash[20];
    snprintf(hash, sizeof hash, "%016" PRIx64, status->scripts_hash);
    begin(out, "scripts", '{');
    text(out, "folder", status->scripts);
    text(out, "hash", hash);
    time_of(out, "loaded_at", status->scripts_loaded);
    text(out, "state", status->health->scripts);
    write_reload(&status->reload, out);
    begin(out, "tables", '[');
    for (size_t i = 0; i < status->table_count; i++) {
        const struct status_script *script = &status->tables[i];
        begin(out, NULL, '{');
        text(out, "script", script->file);
        key(out, "table");
        buffer_append_json_string(out, script->file + TABLES_FOLDER,
                                  strlen(script->file) - TABLES_FOLDER - LUA_ENDING);
        number(out, "rows", script->rows);
        number(out, "events", script->events);
        number(out, "errors", script->errors);
        key(out, "seconds");
        buffer_append_format(out, "%.6f", (double)script->nanoseconds / 1e9);
        buffer_append_byte(out, '}');
    }
    buffer_append_byte(out, ']');
    number(out, "client_errors", status->client_errors);
    number(out, "lua_memory_bytes", status->lua_memory);
    number(out, "lua_memory_limit_bytes", status->lua_memory_limit);
    buffer_append_byte(out, '}');
}

static void write_difference(const struct comparison_difference *difference, struct buffer *out)
{
    begin(out, NULL, '{');
    text(out, "result", comparison_word(difference->result));
    text(out, "id", difference->id);
    text(out, "table", difference->table);
    text(out, "key", difference->key);
    if (difference->result == COMPARISON_ERROR) {
        text(out, "error", difference->candidate);
    } else {
        text(out, "live", difference->live);
        text(out, "live_topics", difference->live_topics);
        text(out, "shadow", difference->candidate);
        text(out, "shadow_topics", difference->candidate_topics);
    }
    buffer_append_byte(out, '}');
}

static void write_shadow(const struct status *status, struct buffer *out)
{
    const struct shadow_state *shadow = status->shadow;
    if (!shadow)
        return;
    const struct comparison *found = shadow->found;
    char hash[20];
    snprintf(hash, sizeof hash, "%016" PRIx64, shadow->hash);
    begin(out, "shadow", '{');
    text(out, "folder", shadow->folder);
    text(out, "state", shadow->sentence);
    text(out, "hash", shadow->has_scripts ? hash : NULL);
    if (shadow->has_scripts)
        time_of(out, "loaded_at", shadow->loaded);
    number(out, "skipped_rows", shadow->skipped);
    begin(out, "tables", '{');
    for (size_t i = 0; i < found->tables.count; i++) {
        begin(out, found->tables.names[i], '{');
        for (int result = 0; result < COMPARISON_RESULTS; result++)
            number(out, comparison_word(result),
                   ((const uint64_t *)found->tables.items[i])[result]);
        buffer_append_byte(out, '}');
    }
    buffer_append_byte(out, '}');
    begin(out, "differences", '[');
    for (size_t i = 0; i < found->difference_count; i++)
        write_difference(&found->differences[i], out);
    buffer_append_text(out, "]}");
}

static void write_delivery(const struct status *status, struct buffer *out)
{
    begin(out, "delivery", '{');
    boolean(out, "held", status->held != NULL);
    text(out, "state", status->held ? status->held : "ok");
    number(out, "failed_rows", status->failed_rows);
    text(out, "failed_file", status->failed_file);
    number(out, "failed_not_written", status->failed_missing);
    buffer_append_byte(out, '}');
}

static void write_clients(const struct status *status, struct buffer *out)
{
    begin(out, "clients", '{');
    number(out, "connections", status->connections);
    number(out, "subscriptions", status->subscriptions);
    number(out, "waiting", status->waiting);
    number(out, "behind", status->behind);
    buffer_append_byte(out, '}');
    number(out, "topics", status->topics);
}

typedef void section(const struct status *status, struct buffer *out);

static section *const sections[] = {write_process, write_source,  write_delivery, write_history,
                                    write_clients, write_workers, write_scripts,  write_shadow};

#define SECTIONS (sizeof sections / sizeof *sections)

void status_write_json(const struct status *status, struct buffer *out)
{
    begin(out, NULL, '{');
    for (size_t i = 0; i < SECTIONS; i++)
        sections[i](status, out);
    buffer_append_text(out, "}\n");
}

// ---- the log ----

static void log_sections(const struct status *status)
{
    struct buffer facts;
    buffer_init(&facts, FACTS_MAX_SIZE);
    for (size_t i = 0; i < SECTIONS; i++) {
        buffer_clear(&facts);
        begin(&facts, NULL, '{');
        sections[i](status, &facts);
        if (facts.size == strlen("{"))
            continue; // there is nothing of it
        buffer_append_byte(&facts, '}');
        char *json = memory_copy(facts.bytes, facts.size); // cut if it is too long
        log_write(LOG_INFO, "status_facts", LOG_FIELDS(LOG_TEXT("facts", json)), "of /status");
        free(json);
    }
    buffer_release(&facts);
}

void status_log(const struct status *status)
{
    const struct status_source *source = &status->source;
    char position[EVENT_ID_TEXT_SIZE], safe[LSN_SIZE], flushed[LSN_SIZE];
    uint64_t queued = 0, errors = status->client_errors;
    for (size_t i = 0; i < status->worker_count; i++)
        queued += status->workers[i].queued;
    for (size_t i = 0; i < status->table_count; i++)
        errors += status->tables[i].errors;
    event_id_text(&status->position, position);
    lsn_text(source->safe, safe);
    lsn_text(source->flushed, flushed);
    log_write(LOG_INFO, "status",
              LOG_FIELDS(LOG_NUMBER("connections", (int64_t)status->connections),
                         LOG_NUMBER("subscriptions", (int64_t)status->subscriptions),
                         LOG_NUMBER("waiting", (int64_t)status->waiting),
                         LOG_NUMBER("behind", (int64_t)status->behind),
                         LOG_NUMBER("topics", (int64_t)status->topics),
                         LOG_NUMBER("queued_bytes", (int64_t)queued),
                         LOG_NUMBER("history_events", (int64_t)status->history_events),
                         LOG_NUMBER("history_bytes", (int64_t)status->history_bytes),
                         LOG_NUMBER("lua_memory_bytes", (int64_t)status->lua_memory),
                         LOG_NUMBER("script_errors", (int64_t)errors),
                         LOG_NUMBER("failed_rows", (int64_t)status->failed_rows),
                         LOG_NUMBER("failed_not_written", (int64_t)status->failed_missing),
                         LOG_TEXT("delivery", status->held ? status->held : "ok"),
                         LOG_TEXT("position", position), LOG_TEXT("safe_lsn", safe),
                         LOG_TEXT("flushed_lsn", flushed),
                         LOG_NUMBER("lag_bytes", source->lag_bytes),
                         LOG_NUMBER("lag_ms", source->lag_milliseconds),
                         LOG_NUMBER("uptime_s", (status->now - status->started) / 1000000),
                         LOG_NUMBER("admin_port", status->admin_port),
                         LOG_TEXT("source", status->health->source),
                         LOG_TEXT("scripts", status->health->scripts)),
              "%s", health_ready(status->health) ? "ready" : "not ready");
    log_sections(status);
}
