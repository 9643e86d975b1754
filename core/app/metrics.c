// SPDX-License-Identifier: MIT
// What is counted, and how it is written.
#include "rowcast/metrics.h"

#include <string.h>

#include "rowcast/exposition.h"
#include "rowcast/status.h"
#include "rowcast/traffic.h"

#define TABLES_MAX 200
#define TYPES_MAX 100
#define CODES_MAX 50
#define SCRIPTS_MAX 200

#define US 1000LL
#define MS (1000 * US)

static const struct histogram_bounds script_bounds = {
    14,
    {5 * US, 10 * US, 25 * US, 50 * US, 100 * US, 250 * US, 500 * US, MS, 5 * MS, 10 * MS, 50 * MS,
     100 * MS, 500 * MS, 1000 * MS},
};

// ---- counting ----

void metrics_init(struct metrics *metrics)
{
    memset(metrics, 0, sizeof *metrics);
    tally_init(&metrics->rows, sizeof(struct row_figures), TABLES_MAX);
    tally_init(&metrics->events, sizeof(uint64_t), TYPES_MAX);
    tally_init(&metrics->disconnects, sizeof(uint64_t), CODES_MAX);
    tally_init(&metrics->errors, sizeof(uint64_t), CODES_MAX);
    tally_init(&metrics->scripts, sizeof(struct script_figures), SCRIPTS_MAX);
}

void metrics_release(struct metrics *metrics)
{
    tally_release(&metrics->rows);
    tally_release(&metrics->events);
    tally_release(&metrics->disconnects);
    tally_release(&metrics->errors);
    tally_release(&metrics->scripts);
}

void metrics_count(struct tally *tally, const char *name, size_t size)
{
    ++*(uint64_t *)tally_at(tally, name, size);
}

// Messages have no table; their script is messages.lua.
const char *metrics_table(const struct change *change)
{
    const struct relation *relation = change->relation;
    return !relation                                 ? "messages"
           : strcmp(relation->schema, "public") == 0 ? relation->table
                                                     : relation->name;
}

void metrics_change(struct metrics *metrics, const struct change *change)
{
    const char *table = metrics_table(change);
    struct row_figures *figures = tally_at(&metrics->rows, table, strlen(table));
    figures->ops[change->op]++;
}

static const char *reason_of(int code)
{
    static const struct {
        int code;
        const char *reason;
    } reasons[] = {
        {1000, "normal"},          {1001, "going_away"}, {1002, "protocol_error"},
        {1003, "wrong_data_type"}, {1005, "no_code"},    {1006, "abnormal"},
        {1007, "bad_utf8"},        {1009, "too_big"},    {1011, "internal_error"},
        {4001, "auth_failed"},     {4003, "forbidden"},  {4100, "too_slow"},
        {4101, "rate_limited"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].code == code)
            return reasons[i].reason;
    return TALLY_OTHER; // a client may send any code
}

void metrics_disconnect(struct metrics *metrics, int code)
{
    const char *reason = reason_of(code);
    metrics_count(&metrics->disconnects, reason, strlen(reason));
}

static struct script_figures *figures_of(struct metrics *metrics, const char *script)
{
    return tally_at(&metrics->scripts, script, strlen(script));
}

void metrics_know(struct metrics *metrics, const char *script)
{
    figures_of(metrics, script);
}

void metrics_ran(struct metrics *metrics, const char *script, uint64_t rows, uint64_t events,
                 int64_t nanoseconds)
{
    struct script_figures *figures = figures_of(metrics, script);
    figures->rows += rows;
    figures->events += events;
    histogram_observe(&figures->seconds, &script_bounds, nanoseconds);
}

void metrics_failed(struct metrics *metrics, const char *script)
{
    figures_of(metrics, script)->errors++;
}

// ---- writing ----

static void count(struct buffer *out, const char *name, const char *type, const char *help,
                  uint64_t number)
{
    exposition_family(out, name, type, help);
    exposition_count(out, name, NULL, number);
}

static void number(struct buffer *out, const char *name, const char *type, const char *help,
                   double value)
{
    exposition_family(out, name, type, help);
    exposition_number(out, name, NULL, value);
}

static void tallied(struct buffer *out, const char *name, const char *help, const char *label,
                    const struct tally *tally)
{
    exposition_family(out, name, "counter", help);
    for (size_t i = 0; i < tally->count; i++)
        exposition_count(out, name, EXPOSITION_LABELS(label, tally->names[i]),
                         *(const uint64_t *)tally->items[i]);
}

static void write_clients(const struct metrics *metrics, const struct status *status,
                          struct buffer *out)
{
    uint64_t deliveries = metrics->resent, sent = 0, queued = 0;
    for (size_t i = 0; i < status->worker_count; i++) {
        deliveries += status->workers[i].deliveries;
        sent += status->workers[i].sent;
        queued += status->workers[i].queued;
    }
    count(out, "rowcast_connections", "gauge", "Clients connected now.", status->connections);
    count(out, "rowcast_connections_total", "counter", "Clients that have connected.",
          metrics->connections);
    tallied(out, "rowcast_disconnects_total",
            "Clients that have gone, by the close code's meaning.", "reason",
            &metrics->disconnects);
    count(out, "rowcast_subscriptions", "gauge", "Topics subscribed to, summed over the clients.",
          status->subscriptions);
    count(out, "rowcast_topics", "gauge", "Topics with a subscriber or an event in the history.",
          status->topics);
    count(out, "rowcast_deliveries_total", "counter",
          "Events queued for clients, once for each receiver.", deliveries);
    count(out, "rowcast_sent_bytes_total", "counter", "Bytes written to clients.", sent);
    count(out, "rowcast_send_queue_bytes", "gauge", "Bytes that wait for slow clients.", queued);
    count(out, "rowcast_client_messages_total", "counter", "Messages that clients sent.",
          metrics->messages);
    tallied(out, "rowcast_client_errors_total", "Errors that clients were told, by code.", "code",
            &metrics->errors);
}

static void write_rows(const struct tally *rows, struct buffer *out)
{
    exposition_family(out, "rowcast_rows_total", "counter", "Row changes read, by table.");
    for (size_t i = 0; i < rows->count; i++) {
        const struct row_figures *figures = rows->items[i];
        for (int op = 0; op <= CHANGE_MESSAGE; op++)
            if (figures->ops[op] > 0)
                exposition_count(
                    out, "rowcast_rows_total",
                    EXPOSITION_LABELS("table", rows->names[i], "op", change_op_name(op)),
                    figures->ops[op]);
    }
}

static void write_scripts(const struct metrics *metrics, const struct status *status,
                          struct buffer *out)
{
    const struct tally *scripts = &metrics->scripts;
    exposition_family(out, "rowcast_script_errors_total", "counter",
                      "Rows and client messages whose script failed.");
    for (size_t i = 0; i < scripts->count; i++)
        exposition_count(out, "rowcast_script_errors_total",
                         EXPOSITION_LABELS("script", scripts->names[i]),
                         ((const struct script_figures *)scripts->items[i])->errors);
    exposition_family(out, "rowcast_script_seconds", "histogram",
                      "Time in scripts: for each run over one table's rows in a transaction, and "
                      "for each call of client.lua.");
    for (size_t i = 0; i < scripts->count; i++)
        exposition_histogram(
            out, "rowcast_script_seconds", EXPOSITION_LABELS("script", scripts->names[i]),
            &((const struct script_figures *)scripts->items[i])->seconds, &script_bounds);
    count(out, "rowcast_lua_memory_bytes", "gauge", "Memory of the script VM.", status->lua_memory);
    exposition_family(out, "rowcast_reloads_total", "counter", "Reloads of the scripts.");
    exposition_count(out, "rowcast_reloads_total", EXPOSITION_LABELS("result", "ok"),
                     metrics->reloads);
    exposition_count(out, "rowcast_reloads_total", EXPOSITION_LABELS("result", "failed"),
                     metrics->reload_failures);
}

static void write_delivery(const struct status *status, struct buffer *out)
{
    count(out, "rowcast_held", "gauge",
          "1 while the stream stands still at a row whose script fails.", status->held != NULL);
    count(out, "rowcast_failed_rows_total", "counter",
          "Rows whose script failed, again at each attempt.", status->failed_rows);
    count(out, "rowcast_failed_not_written_total", "counter",
          "Transactions of failed rows that could not be written to their file.",
          status->failed_missing);
}

static void write_shadow(const struct shadow_state *shadow, struct buffer *out)
{
    const struct tally *tables = &shadow->found->tables;
    exposition_family(out, "rowcast_shadow_events_total", "counter",
                      "Events of the live scripts and those in the shadow, compared.");
    for (size_t i = 0; i < tables->count; i++)
        for (int result = 0; result < COMPARISON_RESULTS; result++)
            exposition_count(
                out, "rowcast_shadow_events_total",
                EXPOSITION_LABELS("table", tables->names[i], "result", comparison_word(result)),
                ((const uint64_t *)tables->items[i])[result]);
    count(out, "rowcast_shadow_skipped_rows_total", "counter",
          "Rows that the scripts in the shadow were too slow for.", shadow->skipped);
    exposition_family(out, "rowcast_shadow_reloads_total", "counter",
                      "Loads of the scripts in the shadow.");
    exposition_count(out, "rowcast_shadow_reloads_total", EXPOSITION_LABELS("result", "ok"),
                     shadow->reloads);
    exposition_count(out, "rowcast_shadow_reloads_total", EXPOSITION_LABELS("result", "failed"),
                     shadow->reload_failures);
}

static void write_history(const struct metrics *metrics, const struct status *status,
                          struct buffer *out)
{
    exposition_family(out, "rowcast_resumes_total", "counter", "Subscribes with since, by result.");
    for (int i = 0; i < RESUME_COUNT; i++)
        exposition_count(out, "rowcast_resumes_total", EXPOSITION_LABELS("result", resume_word(i)),
                         metrics->resumes[i]);
    count(out, "rowcast_history_events", "gauge", "Events kept for resuming.",
          status->history_events);
    count(out, "rowcast_history_bytes", "gauge", "Memory of the events kept for resuming.",
          status->history_bytes);
}

// What is not known is left out rather than given as 0.
static void write_source(const struct metrics *metrics, const struct status_source *source,
                         struct buffer *out)
{
    if (source->lag_bytes >= 0)
        count(out, "rowcast_replication_lag_bytes", "gauge",
              "Bytes of the database's log that were not read yet.", (uint64_t)source->lag_bytes);
    if (source->lag_milliseconds >= 0)
        number(out, "rowcast_replication_lag_seconds", "gauge",
               "What was committed within so many seconds may not have been delivered yet.",
               (double)source->lag_milliseconds / 1e3);
    if (source->retained >= 0)
        count(out, "rowcast_slot_retained_bytes", "gauge",
              "Bytes of log that the database keeps for the slot.", (uint64_t)source->retained);
    count(out, "rowcast_source_connected", "gauge",
          "1 while the stream of changes is connected, or has come to its end.", source->connected);
    count(out, "rowcast_source_reconnects_total", "counter",
          "How often the stream was connected anew.", metrics->reconnects);
}

static void write_process(const struct process_figures *process, struct buffer *out)
{
    number(out, "process_cpu_seconds_total", "counter", "User and system time.",
           process->cpu_seconds);
    if (process->descriptors >= 0)
        count(out, "process_open_fds", "gauge", "Open file descriptors.",
              (uint64_t)process->descriptors);
    count(out, "process_max_fds", "gauge", "Most file descriptors that may be open.",
          process->max_descriptors);
    count(out, "process_virtual_memory_bytes", "gauge", "Virtual memory.", process->virtual_size);
    count(out, "process_resident_memory_bytes", "gauge", "Resident memory.", process->resident);
    count(out, "process_threads", "gauge", "Threads.", (uint64_t)process->threads);
    number(out, "process_start_time_seconds", "gauge", "When the process began, since 1970.",
           process->started);
}

void metrics_write(const struct metrics *metrics, const struct status *status, struct buffer *out)
{
    exposition_family(out, "rowcast_build_info", "gauge", "Always 1; the version is a label.");
    exposition_count(out, "rowcast_build_info", EXPOSITION_LABELS("version", status->version), 1);
    write_clients(metrics, status, out);
    count(out, "rowcast_transactions_total", "counter", "Transactions read.",
          metrics->transactions);
    write_rows(&metrics->rows, out);
    tallied(out, "rowcast_events_total", "Events that scripts made, by type.", "type",
            &metrics->events);
    write_scripts(metrics, status, out);
    exposition_family(out, "rowcast_commit_to_send_seconds", "histogram",
                      "From a transaction's commit until a worker has written its events to the "
                      "sockets that took them.");
    exposition_histogram(out, "rowcast_commit_to_send_seconds", NULL, &status->delay,
                         &traffic_delay_bounds);
    if (status->shadow)
        write_shadow(status->shadow, out);
    write_delivery(status, out);
    write_history(metrics, status, out);
    write_source(metrics, &status->source, out);
    write_process(&status->process, out);
}
