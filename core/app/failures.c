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

void failures_init(struct failures *failures)
{
    *failures = (struct failures){0};
    buffer_init(&failures->json, JSON_MAX_SIZE);
}

void failures_release(struct failures *failures)
{
    floods_release(&failures->floods);
    buffer_release(&failures->json);
}

// How to get the transaction as a spec.
static char *advice(const struct failures *failures, const char *lsn)
{
    return failures->spec ? memory_format("as a spec: %s:%s", failures->spec, lsn)
                          : memory_text("ROWCAST_FAILED=FILE keeps such rows, for a spec");
}

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
    char *key_text = memory_copy(key.bytes, key.size), *spec = advice(failures, lsn);
    log_write(LOG_ERROR, "row_script_failed",
              LOG_FIELDS(LOG_TEXT("script", script),
                         LOG_TEXT("table", change->relation ? change->relation->name : ""),
                         LOG_TEXT("op", change_op_name(change->op)), LOG_TEXT("key", key_text),
                         LOG_TEXT("lsn", lsn), LOG_NUMBER("xid", transaction->xid),
                         LOG_NUMBER("change", change->index), LOG_TEXT("traceback", message)),
              "%.*s; %s; %s", (int)strcspn(message, "\n"), message, failures->consequence, spec);
    free(spec);
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
    if (floods_say(&failures->floods, script, message, floods_place(message), FLOOD_LINES,
                   failures->now))
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

static void tell(void *user, const char *script, const char *place, uint64_t count,
                 int64_t milliseconds)
{
    (void)user;
    log_write(LOG_ERROR, "rows_script_failed",
              LOG_FIELDS(LOG_TEXT("script", script), LOG_NUMBER("count", (int64_t)count)),
              "%s: and %llu more rows failed within %lld s", *place ? place : script,
              (unsigned long long)count, (long long)((milliseconds + 500) / 1000));
}

void failures_tick(struct failures *failures, int64_t now)
{
    floods_tick(&failures->floods, now, tell, NULL);
}
