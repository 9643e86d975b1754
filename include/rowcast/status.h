// SPDX-License-Identifier: MIT
// What the router is doing at a moment: gathered once (router_status), printed in three ways: as the
// JSON of /status, as the log line of SIGUSR1, as the gauges of /metrics. Pure.
#ifndef ROWCAST_STATUS_H
#define ROWCAST_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowcast/buffer.h"
#include "rowcast/event.h"
#include "rowcast/health.h"
#include "rowcast/histogram.h"
#include "rowcast/process.h"
#include "rowcast/shadow.h"

// Texts are borrowed; NULL and -1 where there is none, or it is not known.
struct status_source {
    const char *kind; // "postgres", "recorded", "none"
    const char *system, *slot, *publication;
    uint32_t timeline;
    bool connected;
    uint64_t safe, flushed, server;
    int64_t lag_bytes;        // of the server's log not read yet
    int64_t lag_milliseconds; // what was committed in so many may not have been delivered yet
    int64_t retained;         // bytes of log that the slot holds back
};

struct status_worker {
    uint64_t connections, deliveries, sent, queued; // see traffic.h
    uint64_t orders;                                // given and not yet carried out
};

// The last reload; `result` NULL: there was none.
struct status_reload {
    const char *result; // "ok", "failed", "mended"
    int64_t at, took;   // microseconds
    bool waits;         // what was loaded waits for the end of a transaction
    const char *blind;  // why changes may go unseen; "": they do not
};

struct status_script {
    const char *file; // "tables/depot.bays.lua"
    uint64_t rows, events, errors;
    uint64_t nanoseconds; // that its rows took
};

struct status {
    const char *version;
    int64_t started, now; // microseconds
    int pid, port;
    int admin_port; // 0: off
    const struct health *health;
    struct status_source source;
    struct event_id position;
    size_t history_events, history_bytes, history_max_bytes;
    int64_t history_max_milliseconds;
    bool has_ends; // of the history: not when it is empty
    struct event_id oldest, newest;
    uint64_t connections, subscriptions, waiting, behind, topics;
    const struct status_worker *workers;
    size_t worker_count;
    struct histogram delay; // of all workers, see traffic.h
    const char *scripts;    // folder
    uint64_t scripts_hash;
    int64_t scripts_loaded; // microseconds
    struct status_reload reload;
    const struct status_script *tables;
    size_t table_count;
    const struct shadow_state *shadow; // NULL: there is none
    uint64_t client_errors;            // that client.lua raised
    const char *held;                  // what the stream is held at, and why; NULL: it is not
    const char *failed_file;           // NULL: failed rows are not written
    uint64_t failed_rows;              // whose script failed
    uint64_t failed_missing;           // transactions that should be in the file and are not
    size_t lua_memory, lua_memory_limit;
    struct process_figures process;
};

void status_write_json(const struct status *status, struct buffer *out);
// A line of figures, then a line for each part of that JSON, cut where it is longer than the log's lines.
void status_log(const struct status *status);

#endif
