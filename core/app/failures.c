// SPDX-License-Identifier: MIT
// What is told of failing rows.
#include "rowcast/failures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/flood.h"
#include "rowcast/log.h"
#include "rowcast/memory.h"
#include "rowcast/rowkey.h"

#define JSON_MAX_SIZE (64 << 10)
#define LSN_TEXT_SIZE 24

#define MAX_PLACES 64 // told apart; further ones count for their script as a whole

struct failing_place {
    char *place; // "path:line" that raised, or the script's path
    char *script;
    struct flood flood;
};

void failures_init(struct failures *failures)
{
    *failures = (struct failures){0};
    buffer_init(&failures->json, JSON_MAX_SIZE);
}

void failures_release(struct failures *failures)
{
    for (size_t i = 0; i < failures->place_count; i++) {
        free(failures->places[i].place);
        free(failures->places[i].script);
    }
    free(failures->places);
    buffer_release(&failures->json);
}

// How much of "path:line: message" is the place; 0: it names none.
static size_t place_size(const char *message)
{
    size_t line = strcspn(message, "\n");
    for (size_t at = strcspn(message, ":"); at < line; at += 1 + strcspn(message + at + 1, ":")) {
        size_t digits = strspn(message + at + 1, "0123456789");
        if (digits > 0 && message[at + 1 + digits] == ':')
            return at + 1 + digits;
    }
    return 0;
}

static struct failing_place *find(struct failures *failures, const char *place, size_t size)
{
    for (size_t i = 0; i < failures->place_count; i++)
        if (strlen(failures->places[i].place) == size &&
            memcmp(failures->places[i].place, place, size) == 0)
            return &failures->places[i];
    return NULL;
}

static struct failing_place *find_or_add(struct failures *failures, const char *script,
                                         const char *message)
{
    size_t size = place_size(message);
    struct failing_place *place = size > 0 ? find(failures, message, size) : NULL;
    bool by_line = size > 0 && (place || failures->place_count < MAX_PLACES);
    const char *name = by_line ? message : script;
    size = by_line ? size : strlen(script);
    if (!place)
        place = find(failures, name, size);
    if (place)
        return place;
    failures->places =
        memory_resize(failures->places, (failures->place_count + 1) * sizeof *failures->places);
    place = &failures->places[failures->place_count++];
    *place = (struct failing_place){memory_copy(name, size), memory_text(script), {0}};
    return place;
}

// ---- a row ----

static void write_line(const struct failures *failures, const struct change *change,
                       const char *script, const char *message)
{
    const struct transaction *transaction = failures->transaction;
    char lsn[LSN_TEXT_SIZE];
    struct buffer key;
    snprintf(lsn, sizeof lsn, "%X/%X", (unsigned)(transaction->lsn >> 32),
             (unsigned)transaction->lsn);
    buffer_init(&key, ROWKEY_MAX_SIZE);
    rowkey_append(&key, change);
    char *key_text = memory_copy(key.bytes, key.size);
    log_write(LOG_ERROR, "row_script_failed",
              LOG_FIELDS(LOG_TEXT("script", script),
                         LOG_TEXT("table", change->relation ? change->relation->name : ""),
                         LOG_TEXT("op", change_op_name(change->op)), LOG_TEXT("key", key_text),
                         LOG_TEXT("lsn", lsn), LOG_NUMBER("xid", transaction->xid),
                         LOG_NUMBER("change", change->index), LOG_TEXT("traceback", message)),
              "%.*s; %s", (int)strcspn(message, "\n"), message, failures->consequence);
    free(key_text);
    buffer_release(&key);
}

// ---- a transaction ----

void failures_begin(struct failures *failures, const struct transaction *transaction, bool hold,
                    int64_t now)
{
    failures->transaction = transaction;
    failures->consequence =
        hold ? "nothing of this transaction goes out" : "this row made no event";
    failures->now = now;
    failures->before = failures->total;
    buffer_clear(&failures->json);
}

// One that does not fit any more is left out whole.
static void append_json(struct buffer *json, const struct change *change, const char *message)
{
    size_t mark = json->size;
    buffer_append_format(json, "%c{\"change\":%u,\"message\":", mark == 0 ? '[' : ',',
                         change->index);
    buffer_append_json_string(json, message, strcspn(message, "\n"));
    buffer_append_byte(json, '}');
    if (!json->overflowed && json->size + 2 <= json->maximum)
        return;
    json->size = mark;
    json->overflowed = false;
}

void failures_add(struct failures *failures, const struct change *change, const char *script,
                  const char *message)
{
    if (failures->total++ == failures->before)
        snprintf(failures->first, sizeof failures->first, "%.*s", (int)strcspn(message, "\n"),
                 message);
    append_json(&failures->json, change, message);
    if (flood_says(&find_or_add(failures, script, message)->flood, failures->now))
        write_line(failures, change, script, message);
}

const char *failures_end(struct failures *failures)
{
    if (failures->total == failures->before)
        return NULL;
    buffer_append(&failures->json, "]", 2); // and its NUL
    return failures->json.bytes;
}

const char *failures_first(const struct failures *failures)
{
    return failures->first;
}

void failures_tick(struct failures *failures, int64_t now)
{
    for (size_t i = 0; i < failures->place_count; i++) {
        struct failing_place *place = &failures->places[i];
        int64_t since = place->flood.began;
        uint64_t count = flood_ends(&place->flood, now);
        if (count > 0)
            log_write(
                LOG_ERROR, "rows_script_failed",
                LOG_FIELDS(LOG_TEXT("script", place->script), LOG_NUMBER("count", (int64_t)count)),
                "%s: and %llu more rows failed within %lld s", place->place,
                (unsigned long long)count, (long long)((now - since + 500) / 1000));
    }
}
