// SPDX-License-Identifier: MIT
// What those who watch the router are told: /status, /metrics and the log line of SIGUSR1.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "router_state.h"
#include "rowcast/answer.h"
#include "rowcast/clock.h"
#include "rowcast/log.h"
#include "rowcast/memory.h"
#include "rowcast/status.h"

#define BODY_MAX (8u << 20)
#define NOTHING_HERE                                                                               \
    "404 Not Found: there are /health, /ready, /status (JSON), /metrics (Prometheus), /events and /explain\n"

// ---- gathering ----

static void gather_slot(const struct router *router, struct status_source *source)
{
    struct slot slot;
    postgres_source_slot(router->postgres, &slot);
    if (slot.seen != 0)
        source->retained = (int64_t)slot.retained;
    if (slot.server > source->server)
        source->server = slot.server;
    if (source->connected)
        source->lag_bytes = (int64_t)slot.lag_bytes;
    if (source->system)
        source->lag_milliseconds = slot.lag_milliseconds;
}

static void gather_postgres(const struct router *router, struct status_source *source)
{
    struct postgres_progress progress;
    postgres_source_progress(router->postgres, &progress);
    source->system = progress.system;
    source->connected = progress.streaming;
    source->safe = progress.safe;
    source->flushed = progress.flushed;
    source->server = progress.server;
    gather_slot(router, source);
}

static void gather_source(const struct router *router, struct status_source *source)
{
    const struct settings *settings = router->settings;
    bool postgres = strcmp(settings->source, "postgres") == 0;
    *source = (struct status_source){
        .kind = !postgres            ? "recorded"
                : settings->database ? "postgres"
                                     : "none",
        .slot = settings->slot,
        .publication = settings->publication,
        .timeline = router->identity.lineage.timeline,
        .connected = router->connected,
        .lag_bytes = -1,
        .lag_milliseconds = -1,
        .retained = -1,
    };
    if (router->postgres)
        gather_postgres(router, source);
}

static void gather_workers(const struct router *router, struct status *status)
{
    struct status_worker *workers;
    if (!router->server)
        return;
    status->worker_count = server_workers(router->server);
    status->workers = workers = memory_new(status->worker_count * sizeof *workers);
    for (uint32_t i = 0; i < status->worker_count; i++) {
        const struct traffic *traffic = server_traffic(router->server, i);
        workers[i] = (struct status_worker){
            .connections = counter_read(&traffic->open),
            .deliveries = counter_read(&traffic->deliveries),
            .sent = counter_read(&traffic->sent),
            .queued = counter_read(&traffic->queued),
            .orders = server_unhandled(router->server, i),
        };
        histogram_add(&status->delay, &traffic->delay);
    }
}

// Of a script that router_note_scripts has seen.
static const struct script_figures *figures_of(const struct router *router, const char *script)
{
    return tally_find(&router->metrics.scripts, script, strlen(script));
}

static void gather_scripts(const struct router *router, struct status *status)
{
    struct status_script *tables;
    const struct script_figures *figures = figures_of(router, CLIENTS_SCRIPT);
    status->client_errors = figures->errors;
    status->table_count = script_table_count(router->script);
    status->tables = tables = memory_new((status->table_count + 1) * sizeof *tables);
    for (size_t i = 0; i < status->table_count; i++) {
        const char *file = script_name(router->script, script_table_file(router->script, i));
        figures = figures_of(router, file);
        tables[i] = (struct status_script){file, figures->rows, figures->events, figures->errors,
                                           counter_read(&figures->seconds.sum)};
    }
}

// `status` is released with release().
static void gather(const struct router *router, struct status *status)
{
    const struct settings *settings = router->settings;
    *status = (struct status){
        .version = ROWCAST_VERSION,
        .started = router->started,
        .now = clock_now(),
        .pid = (int)getpid(),
        .port = router->server ? server_port(router->server) : 0,
        .admin_port = router->admin ? admin_port(router->admin) : 0,
        .health = &router->health,
        .position = *history_position(router->history),
        .history_events = history_events(router->history),
        .history_bytes = history_bytes(router->history),
        .history_max_bytes = (size_t)settings->history,
        .history_max_milliseconds = settings->history_time,
        .connections = router->server ? server_connections(router->server) : 0,
        .subscriptions = clients_subscriptions(router->clients),
        .waiting = clients_waiting(router->clients),
        .behind = clients_behind(router->clients),
        .topics = router->topics.live,
        .scripts = settings->scripts,
        .scripts_hash = script_hash(router->script),
        .scripts_loaded = router->scripts.loaded,
        .reload = {router->scripts.result, router->scripts.at, router->scripts.took,
                   router->scripts.fresh != NULL, router->scripts.blind},
        .lua_memory = script_memory(router->script),
        .lua_memory_limit = settings_script_limits(settings).memory,
        .held = delivery_held(router->delivery),
        .failed_rows = delivery_failures(router->delivery),
        .failed_file = settings->failed,
        .failed_missing = router->failed ? failed_missing(router->failed) : 0,
        .process = router->process,
    };
    if (router->shadow) {
        struct shadow_state *shadow = memory_new(sizeof *shadow);
        shadow_state(router->shadow, shadow);
        status->shadow = shadow;
    }
    status->has_ends = history_ends(router->history, &status->oldest, &status->newest);
    gather_source(router, &status->source);
    gather_workers(router, status);
    gather_scripts(router, status);
    process_measure(&status->process);
}

static void release(struct status *status)
{
    free((void *)status->workers);
    free((void *)status->tables);
    free((void *)status->shadow);
}

void router_log_status(const struct router *router)
{
    struct status status;
    gather(router, &status);
    status_log(&status);
    release(&status);
}

void router_summary(const struct router *router, char text[ROUTER_SUMMARY])
{
    const struct health *health = &router->health;
    const char *wrong = health->draining      ? "draining"
                        : !health->source_ok  ? health->source
                        : health->held        ? health->delivery
                        : !health->scripts_ok ? health->scripts
                        : health->slot_risky  ? health->slot
                                              : NULL;
    snprintf(text, ROUTER_SUMMARY, "%s; clients: %u%s%s", health_word(health),
             router->server ? server_connections(router->server) : 0, wrong ? "; " : "",
             wrong ? wrong : "");
}

// ---- the admin port ----

static void count_descriptors(uv_work_t *work)
{
    struct router *router = container_of(work, struct router, counting);
    router->counted = process_count_descriptors();
}

static void on_counted(uv_work_t *work, int status)
{
    struct router *router = container_of(work, struct router, counting);
    router->counts = false;
    if (status == 0)
        router->process.descriptors = router->counted;
}

// Thousands of them take milliseconds, which the brain does not have: another thread counts, and the
// figure is as old as the last time that somebody asked.
static void start_counting(struct router *router)
{
    if (router->counts)
        return;
    router->counts =
        uv_queue_work(router->loop, &router->counting, count_descriptors, on_counted) == 0;
}

static struct frame *answer_health(const struct router *router)
{
    struct buffer body;
    buffer_init(&body, BODY_MAX);
    health_write_ready(&router->health, HEALTH_OPERATOR, &body);
    buffer_append_byte(&body, '\0');
    struct frame *frame = answer_json(health_ready(&router->health) ? 200 : 503, body.bytes);
    buffer_release(&body);
    return frame;
}

static struct frame *answer_alive(void)
{
    struct buffer body;
    buffer_init(&body, BODY_MAX);
    health_write_alive(&body);
    buffer_append_byte(&body, '\0');
    struct frame *frame = answer_json(200, body.bytes);
    buffer_release(&body);
    return frame;
}

static struct frame *answer_status(struct router *router, bool as_metrics)
{
    struct status status;
    struct buffer body;
    buffer_init(&body, BODY_MAX);
    gather(router, &status);
    if (as_metrics)
        metrics_write(&router->metrics, &status, &body);
    else
        status_write_json(&status, &body);
    release(&status);
    buffer_append_byte(&body, '\0');
    struct frame *frame = body.overflowed ? answer_text(500, "500: the answer is too large\n")
                          : as_metrics    ? answer_metrics(body.bytes)
                                          : answer_json(200, body.bytes);
    buffer_release(&body);
    return frame;
}

static struct frame *respond(void *user, const struct http_request *request)
{
    struct router *router = user;
    if (http_is(request->path, "/health"))
        return answer_alive();
    if (http_is(request->path, "/ready"))
        return answer_health(router);
    if (http_is(request->path, "/status"))
        return answer_status(router, false);
    if (http_is(request->path, "/explain"))
        return router_answer_explain(router, request);
    if (http_is(request->path, "/events"))
        return router_answer_events(router, request);
    if (!http_is(request->path, "/metrics"))
        return answer_text(404, NOTHING_HERE);
    start_counting(router);
    return answer_status(router, true);
}

static int start_admin(struct router *router, struct fault *fault)
{
    const struct settings *settings = router->settings;
    struct admin_config config = {.timeout = settings->handshake_timeout,
                                  .max_header = (size_t)settings->max_header};
    process_measure(&router->process);
    address_parse(settings->admin, &config.address); // the settings have checked it
    if (config.address.off)
        return 0;
    start_counting(router);
    return admin_start(&router->admin, router->loop, &config, respond, router, fault);
}

int router_watch(struct router *router, struct fault *fault)
{
    if (start_admin(router, fault) == 0)
        return 0;
    router->admin_waits = router->settings->take_over;
    if (!router->admin_waits)
        return -1;
    log_write(LOG_INFO, "admin_waits", NULL,
              "%s. The port is taken as soon as the instance that has it has gone", fault->text);
    return 0;
}

void router_watch_again(struct router *router)
{
    struct fault fault;
    if (!router->admin_waits || start_admin(router, &fault) != 0)
        return;
    router->admin_waits = false;
    log_write(LOG_INFO, "admin_listening",
              LOG_FIELDS(LOG_NUMBER("admin_port", admin_port(router->admin))),
              "listening for operators on port %d", admin_port(router->admin));
}
