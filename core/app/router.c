// SPDX-License-Identifier: MIT
// The brain: source -> script -> hub -> net.
#include "router_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/clock.h"
#include "rowcast/log.h"
#include "rowcast/memory.h"

#define TICK 1000            // milliseconds
#define SUBSCRIBE_WAIT 30000 // milliseconds

// ---- health ----

void router_publish_health(struct router *router)
{
    struct buffer alive, ready;
    buffer_init(&alive, 1 << 16);
    buffer_init(&ready, 1 << 16);
    health_write_alive(&alive);
    health_write_ready(&router->health, HEALTH_PUBLIC, &ready);
    buffer_append_byte(&alive, '\0');
    buffer_append_byte(&ready, '\0');
    server_set_health(router->server, alive.bytes, health_ready(&router->health), ready.bytes);
    buffer_release(&alive);
    buffer_release(&ready);
}

static void set_source_health(struct router *router, bool ok, const char *sentence)
{
    router->health.source_ok = ok;
    router->health.source_private = false;
    snprintf(router->health.source, HEALTH_SENTENCE, "%.*s", HEALTH_SENTENCE - 1, sentence);
    router_publish_health(router);
}

// The sentence is for the operator: it may say where the database is.
static void set_source_away(struct router *router, const struct fault *fault)
{
    router->connected = false;
    set_source_health(router, false, fault->text);
    router->health.source_private = true;
    router_publish_health(router);
}

// ---- the brake ----

// A file waits while the stream is held; PostgreSQL is held by postgres_source_hold instead, which goes on listening.
static void pause_source(struct router *router)
{
    bool paused = server_congested(router->server) || (router->recorded && router->health.held);
    if (router->paused == paused)
        return;
    router->paused = paused;
    if (router->postgres)
        postgres_source_pause(router->postgres, paused);
    if (router->recorded)
        recorded_source_pause(router->recorded, paused);
}

// ---- rows to events to clients ----

// The stream runs as far as it can: clients are served from here on.
static void open_to_clients(struct router *router)
{
    if (router->resetting)
        clients_reset(router->clients);
    router->resetting = false;
    delivery_mute(router->delivery, false);
    clients_start(router->clients);
}

static void set_held(struct router *router, const char *sentence)
{
    router->health.held = sentence != NULL;
    snprintf(router->health.delivery, HEALTH_SENTENCE, "%s", sentence ? sentence : "ok");
    router_publish_health(router);
}

// The fields `lsn` and `id` of a log line.
struct place {
    char lsn[24], id[EVENT_ID_TEXT_SIZE];
};

static struct place place_of(uint64_t lsn, const struct event_id *id)
{
    struct place place;
    snprintf(place.lsn, sizeof place.lsn, "%X/%X", (unsigned)(lsn >> 32), (unsigned)lsn);
    event_id_text(id, place.id);
    return place;
}

static void log_held(const struct router *router, const char *before)
{
    const struct transaction *transaction = delivery_held_transaction(router->delivery);
    struct event_id id = source_event_id(&router->identity, transaction);
    struct place place = place_of(transaction->lsn, &id);
    log_write(LOG_ERROR, "stream_held",
              LOG_FIELDS(LOG_TEXT("lsn", place.lsn), LOG_NUMBER("xid", transaction->xid),
                         LOG_TEXT("id", place.id)),
              "%s%s", before, delivery_held(router->delivery));
}

// What is in the history is served; what comes behind the failing transaction waits.
static void hold(struct router *router)
{
    set_held(router, delivery_held(router->delivery));
    log_held(router, "");
    postgres_source_hold(router->postgres, true);
    pause_source(router);
    open_to_clients(router);
}

static void go_on(struct router *router)
{
    set_held(router, NULL);
    log_write(LOG_INFO, "stream_goes_on", NULL, "nothing is held any more");
    postgres_source_hold(router->postgres, false);
    pause_source(router);
}

static void take_transaction(void *user, struct transaction *transaction)
{
    struct router *router = user;
    router->within = !transaction->last;
    if (!delivery_take(router->delivery, &router->identity, transaction,
                       (int64_t)uv_now(router->loop)) &&
        !router->health.held)
        hold(router);
    router_swap_scripts(router);
}

static void log_reset(const struct router *router, const struct source_identity *identity,
                      const struct event_id *start)
{
    struct place place = place_of(identity->lsn, start);
    log_write(LOG_WARN, "stream_reset",
              LOG_FIELDS(LOG_NUMBER("connections", server_connections(router->server)),
                         LOG_TEXT("lsn", place.lsn), LOG_TEXT("id", place.id)),
              "the stream does not go on from where it was: %s; every subscriber is told to "
              "fetch its state anew",
              identity->gap);
}

// ---- the source ----

static void source_started(void *user, const struct source_identity *identity)
{
    struct router *router = user;
    bool begun = router->identity.epoch == identity->epoch;
    struct event_id start = {.epoch = identity->epoch,
                             .timeline = lineage_at(&identity->lineage, identity->lsn),
                             .lsn = identity->lsn,
                             .change = EVENT_ID_LAST_CHANGE,
                             .emit = EVENT_ID_LAST_EMIT};
    if (identity->gap)
        log_reset(router, identity, &start);
    if (!begun || identity->gap) {
        delivery_forget(router->delivery);
        router->within = false;
        set_held(router, NULL);
        router_swap_scripts(router);
        history_start(router->history, &start);
    }
    history_follow(router->history, &identity->lineage);
    router->identity = *identity;
    router_note_published(router, identity->published);
    router->connected = true;
    router->metrics.reconnects += router->streams++ > 0;
    if (identity->gap)
        clients_pause(router->clients);
    router->resetting |= identity->gap != NULL;
    delivery_mute(router->delivery, router->resetting);
    set_source_health(router, false, "reading what was committed meanwhile");
}

static void source_caught_up(void *user)
{
    struct router *router = user;
    set_source_health(router, true, "ok");
    router_check_published(router);
    log_write(LOG_INFO, "source_started",
              LOG_FIELDS(LOG_NUMBER("history_events", (int64_t)history_events(router->history))),
              "the event stream runs");
    open_to_clients(router);
}

static void source_published(void *user, const char *published)
{
    struct router *router = user;
    router_note_published(router, published);
    router_check_published(router);
}

// What is committed now passes us by: whoever stayed connected here would be silently behind.
static void source_superseded(void *user)
{
    struct router *router = user;
    log_write(LOG_WARN, "source_superseded",
              LOG_FIELDS(LOG_NUMBER("connections", server_connections(router->server))),
              "another instance reads the slot now: every client is closed with 1001");
    clients_stop(router->clients);
}

// Ids that other instances gave at quiet times are known here too.
static void source_passed(void *user, uint64_t lsn)
{
    struct router *router = user;
    history_advance(router->history, lsn);
}

static bool is_told(const struct router *router, const struct fault *fault)
{
    return !router->health.source_ok &&
           strncmp(router->health.source, fault->text, HEALTH_SENTENCE - 1) == 0;
}

static void source_lost(void *user, const struct fault *fault)
{
    struct router *router = user;
    if (is_told(router, fault))
        return;
    log_write(LOG_WARN, "source_lost", NULL, "%s", fault->text);
    set_source_away(router, fault);
}

static void tell_failure(struct router *router, const struct fault *fault)
{
    log_write(LOG_ERROR, "source_failed", NULL, "%s", fault->text);
    set_source_away(router, fault);
}

static void end_with(struct router *router, const struct fault *fault)
{
    router->exit_code = fault->code;
    router_drain(router);
}

static void source_ended(void *user, const struct fault *fault)
{
    struct router *router = user;
    if (!fault) {
        log_write(LOG_INFO, "source_ended", NULL,
                  "the recorded rows are at their end; clients stay connected");
        return;
    }
    tell_failure(router, fault);
    // No retry mends it, or none is wanted.
    if (router->postgres && (fault->code == EXIT_CONFIGURATION || router->settings->no_retry))
        end_with(router, fault);
}

static const struct source_callbacks source_callbacks = {
    .started = source_started,
    .caught_up = source_caught_up,
    .published = source_published,
    .superseded = source_superseded,
    .transaction = take_transaction,
    .passed = source_passed,
    .lost = source_lost,
    .ended = source_ended,
};

static void log_lines(const char *event, char *text)
{
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        log_write(LOG_INFO, event, NULL, "%s", line);
}

// What `rowcast db setup` does, into the log. Blocks for as long as the database takes.
static int set_up(struct router *router, const struct postgres_config *config, struct fault *fault)
{
    size_t count = script_table_count(router->script), size;
    struct postgres_table *tables = memory_new((count + 1) * sizeof *tables);
    for (size_t i = 0; i < count; i++)
        tables[i] = (struct postgres_table){script_table_schema(router->script, i),
                                            script_table_name(router->script, i)};
    char *text = NULL;
    FILE *out = open_memstream(&text, &size);
    int result = postgres_setup(config, tables, count, false, false, out, fault);
    fclose(out);
    if (result == 0 || !is_told(router, fault))
        log_lines("setup", text);
    free(text);
    free(tables);
    return result;
}

// With `setup` the database is made ready first; while it is away this is tried again at each tick.
static int start_postgres(struct router *router, struct fault *fault)
{
    const struct settings *settings = router->settings;
    struct postgres_config config = {
        .database = settings->database,
        .slot = settings->slot,
        .publication = settings->publication,
        .history_time = settings->history_time,
        .replay_wal = (uint64_t)settings->replay_wal,
        .recreate_slot = settings->recreate_slot,
        .retry = !settings->no_retry,
    };
    router->waits_for_setup = settings->setup && set_up(router, &config, fault) != 0;
    if (router->waits_for_setup) {
        if (fault->code != EXIT_UNAVAILABLE || settings->no_retry)
            return -1;
        source_lost(router, fault);
        return 0;
    }
    router->postgres = postgres_source_start(router->loop, &config, &source_callbacks, router);
    return 0;
}

static int start_source(struct router *router, struct fault *fault)
{
    const struct settings *settings = router->settings;
    if (strcmp(settings->source, "postgres") != 0)
        return recorded_source_start(&router->recorded, router->loop, settings->source,
                                     &source_callbacks, router, fault);
    if (settings->database)
        return start_postgres(router, fault);
    struct source_identity none = {.epoch = source_epoch(NULL, 0)};
    source_started(router, &none);
    source_caught_up(router);
    return 0;
}

// Snapshots are of the database that the stream comes from.
static void start_snapshots(struct router *router)
{
    const struct settings *settings = router->settings;
    struct postgres_pool_config pool = {settings->database, settings->publication,
                                        (int)settings->snapshot_connections,
                                        settings->snapshot_timeout};
    if (settings->database && strcmp(settings->source, "postgres") == 0)
        router->pool = postgres_pool_new(router->loop, &pool);
    struct snapshots_config config = {&router->topics, router->history, router->pool,
                                      SUBSCRIBE_WAIT};
    router->snapshots =
        snapshots_new(router->loop, &config, &clients_snapshots_callbacks, router->clients);
    snapshots_set_script(router->snapshots, router->script);
    clients_set_snapshots(router->clients, router->snapshots, router->pool);
}

static void ask_source(void *user)
{
    struct router *router = user;
    router->asking = true;
}

// ---- the server's callbacks ----

static void client_opened(void *user, struct client_ref ref, const struct handshake *handshake)
{
    struct router *router = user;
    clients_opened(router->clients, ref, handshake, uv_now(router->loop));
}

static void client_message(void *user, struct client_ref ref, const char *bytes, size_t size,
                           bool binary)
{
    struct router *router = user;
    clients_message(router->clients, ref, bytes, size, binary, uv_now(router->loop));
}

static void client_limited(void *user, struct client_ref ref)
{
    struct router *router = user;
    clients_limited(router->clients, ref);
}

static void client_closed(void *user, struct client_ref ref, int code)
{
    struct router *router = user;
    clients_closed(router->clients, ref, code);
}

static void client_parked(void *user, struct client_ref ref, uint64_t place)
{
    struct router *router = user;
    clients_parked(router->clients, ref, place);
}

static void client_hungry(void *user, struct client_ref ref)
{
    struct router *router = user;
    clients_hungry(router->clients, ref);
}

static void all_drained(void *user)
{
    struct router *router = user;
    router->drained = true;
}

// ---- the loop ----

static void close_all(struct router *router)
{
    admin_close(router->admin);
    server_free(router->server);
    router->server = NULL;
    uv_close((uv_handle_t *)&router->tick, NULL);
    uv_close((uv_handle_t *)&router->end_of_turn, NULL);
    uv_close((uv_handle_t *)&router->more, NULL);
    snapshots_free(router->snapshots);
    postgres_pool_close(router->pool);
    delivery_set_shadow(router->delivery, NULL);
    shadow_close(router->shadow);
    router->shadow = NULL;
}

static void on_more(uv_idle_t *handle)
{
    (void)handle; // being active is all it is for
}

// What a turn has collected goes to the workers before the loop waits again.
static void on_end_of_turn(uv_prepare_t *handle)
{
    struct router *router = container_of(handle, struct router, end_of_turn);
    if (router->drained) {
        close_all(router);
        return;
    }
    if (clients_feed(router->clients))
        uv_idle_start(&router->more, on_more);
    else
        uv_idle_stop(&router->more);
    if (router->asking && router->postgres)
        postgres_source_ask(router->postgres);
    router->asking = false;
    server_flush(router->server);
    pause_source(router);
}

static void watch_slot(struct router *router)
{
    struct slot slot;
    if (!router->postgres)
        return;
    postgres_source_slot(router->postgres, &slot);
    if (guard_look(&router->guard, &slot, &router->health))
        router_publish_health(router);
}

static void on_tick(uv_timer_t *handle)
{
    struct router *router = container_of(handle, struct router, tick);
    history_evict(router->history, clock_now());
    watch_slot(router);
    router_watch_again(router);
    clients_tick(router->clients, uv_now(router->loop),
                 router->health.source_ok && !router->health.held);
    delivery_tick(router->delivery, (int64_t)uv_now(router->loop));
    log_tick();
    struct fault fault;
    if (!router->waits_for_setup || router->health.draining || start_postgres(router, &fault) == 0)
        return;
    tell_failure(router, &fault);
    end_with(router, &fault);
}

void router_try_again(struct router *router)
{
    if (delivery_retry(router->delivery, (int64_t)uv_now(router->loop))) {
        go_on(router);
        return;
    }
    set_held(router, delivery_held(router->delivery));
    log_held(router, "still, ");
}

static int start_server(struct router *router, struct fault *fault)
{
    static const struct server_callbacks callbacks = {
        .opened = client_opened,
        .message = client_message,
        .limited = client_limited,
        .closed = client_closed,
        .parked = client_parked,
        .hungry = client_hungry,
        .drained = all_drained,
    };
    const struct settings *settings = router->settings;
    struct server_config config = {
        .host = settings->host,
        .port = (int)settings->port,
        .take_over = settings->take_over,
        .workers = (int)settings->workers,
        .heartbeat = settings->heartbeat,
        .handshake_timeout = settings->handshake_timeout,
        .max_header = (size_t)settings->max_header,
        .max_message = (size_t)settings->max_message,
        .max_queue = (size_t)settings->max_queue,
        .max_connections = (uint32_t)settings->max_connections,
        .max_per_address = (uint32_t)settings->max_connections_per_address,
        .max_fragments = (uint32_t)settings->max_fragments,
        .rate = settings->rate,
        .origins = settings->origins[0] ? settings->origins : NULL,
        .trusted = settings->trusted_proxies.items,
        .trusted_count = settings->trusted_proxies.count,
        .deflate = settings->deflate,
        .paths = settings->paths,
        .protocols = settings->protocols,
    };
    if (server_start(&router->server, router->loop, &config, &callbacks, router, fault) != 0)
        return -1;
    clients_set_server(router->clients, router->server);
    delivery_set_server(router->delivery, router->server);
    set_source_health(router, false, "the event stream has not begun yet");
    return 0;
}

static void log_listening(const struct router *router)
{
    const struct settings *settings = router->settings;
    int port = server_port(router->server);
    struct log_field fields[] = {
        LOG_NUMBER("port", port),
        LOG_NUMBER("workers", settings->workers),
        LOG_TEXT("scripts", settings->scripts),
        LOG_NUMBER("tables", (int64_t)script_table_count(router->script)),
        LOG_TEXT("version", ROWCAST_VERSION),
        {0},
        {0},
    };
    if (!router->admin) {
        log_write(LOG_INFO, "listening", fields, "listening on port %d", port);
        return;
    }
    int admin = admin_port(router->admin);
    fields[5] = LOG_NUMBER("admin_port", admin);
    log_write(LOG_INFO, "listening", fields, "listening on port %d, for operators on port %d", port,
              admin);
}

static int check_database(const struct router *router, struct fault *fault)
{
    const struct settings *settings = router->settings;
    if (settings->database || strcmp(settings->source, "postgres") != 0 ||
        script_table_count(router->script) == 0)
        return 0;
    return fault_set(
        fault, EXIT_CONFIGURATION,
        "No database is named, but %s/tables has scripts for %zu tables: set DATABASE_URL "
        "(postgresql://user@host/name), or run without one: rowcast --source FILE.",
        settings->scripts, script_table_count(router->script));
}

static void on_format_failed(void *user, uint32_t format, const struct event *event)
{
    struct router *router = user;
    clients_fail_format(router->clients, format, event);
}

// What an operator copies out of the log.
static char *spec_command(const struct settings *settings)
{
    return settings->failed ? memory_format("rowcast new spec --scripts %s --from %s",
                                            settings->scripts, settings->failed)
                            : NULL;
}

static void start_delivery(struct router *router)
{
    router->spec = spec_command(router->settings);
    struct delivery_config config = {.topics = &router->topics,
                                     .history = router->history,
                                     .formats = router->formats,
                                     .metrics = &router->metrics,
                                     .failed = router->failed,
                                     .spec = router->spec,
                                     .hold = router->settings->on_error == ON_ERROR_HOLD};
    router->delivery = delivery_new(&config);
    delivery_set_script(router->delivery, router->script);
}

static void start_shadow(struct router *router)
{
    struct script_limits limits = settings_script_limits(router->settings);
    if (!router->settings->shadow)
        return;
    router->shadow = shadow_new(router->loop, router->settings->shadow, &limits);
    delivery_set_shadow(router->delivery, router->shadow);
}

int router_start(struct router **result, uv_loop_t *loop, const struct settings *settings,
                 struct fault *fault)
{
    struct router *router = memory_new(sizeof *router);
    router->settings = settings;
    router->loop = loop;
    router->started = clock_now();
    router->process.descriptors = -1;
    metrics_init(&router->metrics);
    topics_init(&router->topics);
    router->history =
        history_new(&router->topics, (size_t)settings->history, settings->history_time * 1000);
    struct formats_config formats = {.topics = &router->topics,
                                     .metrics = &router->metrics,
                                     .failed = on_format_failed,
                                     .user = router};
    router->formats = formats_new(&formats);
    struct clients_config config = {
        .topics = &router->topics,
        .history = router->history,
        .formats = router->formats,
        .max_subscriptions = (uint32_t)settings->max_subscriptions,
        .per_second = settings->rate.per_second,
        .wait = SUBSCRIBE_WAIT,
        .ask = ask_source,
        .user = router,
        .batch = (size_t)settings->max_queue / 2,
        .conflate = settings->conflate,
        .metrics = &router->metrics,
    };
    router->clients = clients_new(&config);
    guard_init(&router->guard, settings->slot, settings->slot_limit, settings->replay_wal);
    if (router_load_scripts(router, fault) != 0 || check_database(router, fault) != 0)
        goto fail;
    if (settings->failed && failed_open(&router->failed, settings->failed, fault) != 0)
        goto fail;
    start_delivery(router);
    clients_set_script(router->clients, router->script);
    if (start_server(router, fault) != 0)
        goto fail;
    uv_timer_init(loop, &router->tick);
    uv_timer_start(&router->tick, on_tick, TICK, TICK);
    uv_prepare_init(loop, &router->end_of_turn);
    uv_prepare_start(&router->end_of_turn, on_end_of_turn);
    uv_idle_init(loop, &router->more);
    start_snapshots(router);
    router_watch_scripts(router);
    start_shadow(router);
    *result = router;
    if (router_watch(router, fault) == 0) {
        log_listening(router); // the first line of the log
        router->overrun = overrun_new(settings->skip, settings->script_timeout);
        overrun_set_script(router->overrun, router->script);
        if (start_source(router, fault) == 0)
            return 0;
    }
    router_drain(router);
    uv_run(loop, UV_RUN_DEFAULT);

fail:
    router_free(router);
    return -1;
}

void router_drain(struct router *router)
{
    if (router->health.draining)
        return;
    router->health.draining = true;
    router_publish_health(router);
    router_leave_scripts(router);
    postgres_source_close(router->postgres);
    recorded_source_close(router->recorded);
    router->postgres = NULL;
    router->recorded = NULL;
    log_write(LOG_INFO, "draining",
              LOG_FIELDS(LOG_NUMBER("connections", server_connections(router->server))),
              "closing every connection with 1001");
    server_drain(router->server, router->settings->drain);
}

int router_exit_code(const struct router *router)
{
    return router->exit_code;
}

void router_free(struct router *router)
{
    if (!router)
        return;
    delivery_free(router->delivery);
    free(router->spec);
    failed_close(router->failed);
    clients_free(router->clients);
    formats_free(router->formats);
    history_free(router->history);
    topics_release(&router->topics);
    overrun_free(router->overrun);
    router_free_scripts(router);
    admin_free(router->admin);
    metrics_release(&router->metrics);
    free(router);
}
