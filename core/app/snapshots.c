// SPDX-License-Identifier: MIT
// Snapshot, then stream.
#include "rowcast/snapshots.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/list.h"
#include "rowcast/log.h"
#include "rowcast/memory.h"
#include "rowcast/unseen.h"

#define TRIES 10
#define PAUSE 100 // milliseconds between two of them
#define FAILURE_SIZE 4096
#define MAX_HELD                                                                                   \
    (64u << 20) // bytes of messages that clients have not taken yet; then the next waits

enum snapshot_state {
    SNAPSHOT_RESTING, // to be tried (again) at try_at
    SNAPSHOT_ASKED,   // the database has it
    SNAPSHOT_READY,
};

struct snapshot {
    struct list_link link; // in snapshots->all
    struct snapshots *snapshots;
    void *owner;
    enum snapshot_state state;
    uint32_t topic;
    struct filter *filter;
    uint64_t asked, try_at; // uv_now
    int tries;
    struct script_queries *queries;
    struct postgres_snapshot *request;
    struct unseen_mark mark;

    struct frame **frames; // those not taken are owned
    uint32_t count, taken, capacity;
    size_t bytes;      // of those not taken
    uint32_t failures; // rows whose script failed
    struct visibility seen;
    struct event_id since;
    uint64_t end;   // of the log when it was taken
    uint64_t ready; // uv_now
};

struct snapshots {
    struct snapshots_config config;
    struct snapshots_callbacks callbacks;
    void *user;
    uv_loop_t *loop;
    uv_timer_t timer; // runs while one rests
    struct script *script;
    struct list all;
    struct unseen unseen;
    size_t held; // bytes of messages not taken
    bool running;
};

// ---- life ----

// The loop turns, and snapshots_turn does the rest.
static void on_timer(uv_timer_t *timer)
{
    (void)timer;
}

static void rest(struct snapshot *snapshot, uint64_t milliseconds)
{
    uv_timer_t *timer = &snapshot->snapshots->timer;
    snapshot->state = SNAPSHOT_RESTING;
    snapshot->try_at = uv_now(snapshot->snapshots->loop) + milliseconds;
    if (!uv_is_active((uv_handle_t *)timer) || uv_timer_get_due_in(timer) > milliseconds)
        uv_timer_start(timer, on_timer, milliseconds, 0);
}

struct snapshot *snapshot_start(struct snapshots *snapshots, uint32_t topic, struct filter *filter,
                                void *owner)
{
    struct snapshot *snapshot = memory_new(sizeof *snapshot);
    snapshot->snapshots = snapshots;
    snapshot->owner = owner;
    snapshot->topic = topic;
    snapshot->filter = filter_ref(filter);
    topics_ref(snapshots->config.topics, topic);
    snapshot->asked = uv_now(snapshots->loop);
    list_append(&snapshots->all, &snapshot->link);
    rest(snapshot, 0);
    return snapshot;
}

static void drop_frames(struct snapshot *snapshot)
{
    for (; snapshot->taken < snapshot->count; snapshot->taken++)
        frame_unref(snapshot->frames[snapshot->taken]);
    snapshot->snapshots->held -= snapshot->bytes;
    free(snapshot->frames);
    snapshot->frames = NULL;
    snapshot->bytes = 0;
    snapshot->count = snapshot->taken = snapshot->capacity = snapshot->failures = 0;
}

static void clear(struct snapshot *snapshot)
{
    if (snapshot->request)
        postgres_snapshot_cancel(snapshot->request);
    snapshot->request = NULL;
    unseen_cancel(&snapshot->mark);
    drop_frames(snapshot);
    visibility_release(&snapshot->seen);
    snapshot->end = 0;
}

void snapshot_free(struct snapshot *snapshot)
{
    if (!snapshot)
        return;
    clear(snapshot);
    list_leave(&snapshot->link);
    topics_unref(snapshot->snapshots->config.topics, snapshot->topic);
    filter_unref(snapshot->filter);
    script_queries_free(snapshot->queries);
    free(snapshot);
}

void snapshot_restart(struct snapshot *snapshot)
{
    clear(snapshot);
    rest(snapshot, 0);
}

// ---- failing ----

static void report(struct snapshots *snapshots, uint32_t topic, const struct fault *fault)
{
    enum log_level level = fault->code == EXIT_UNAVAILABLE ? LOG_WARN : LOG_ERROR;
    if (!log_says(level, "snapshot_failed", fault->text))
        return;
    log_write(level, "snapshot_failed",
              LOG_FIELDS(LOG_TEXT("topic", topics_name(snapshots->config.topics, topic))), "%s",
              fault->text);
}

static void fail(struct snapshot *snapshot, const struct fault *fault)
{
    struct snapshots *snapshots = snapshot->snapshots;
    const char *code = fault->code == EXIT_UNAVAILABLE ? "unavailable" : "internal";
    const char *sentence =
        fault->code == EXIT_UNAVAILABLE
            ? "No snapshot can be taken at the moment, and nothing was subscribed; try again later"
        : fault->code == EXIT_FAILED
            ? "The snapshot is too large, and nothing was subscribed"
            : "No snapshot can be taken because of a mistake in the server, and nothing was subscribed";
    report(snapshots, snapshot->topic, fault);
    snapshots->callbacks.failed(snapshots->user, snapshot->owner, code, sentence);
    snapshot_free(snapshot);
}

static void try_again(struct snapshot *snapshot, const char *why)
{
    struct fault fault;
    clear(snapshot);
    if (++snapshot->tries < TRIES) {
        rest(snapshot, PAUSE);
        return;
    }
    fault_set(&fault, EXIT_UNAVAILABLE, "A snapshot was taken %d times in vain: %s.", TRIES, why);
    fail(snapshot, &fault);
}

// ---- rows ----

static bool is_of(const struct script_event *event, const char *topic, size_t size)
{
    for (uint32_t i = 0; i < event->topic_count; i++)
        if (event->topics[i].size == size && memcmp(event->topics[i].name, topic, size) == 0)
            return true;
    return false;
}

static void take_message(void *user, const struct script_event *event)
{
    struct snapshot *snapshot = user;
    struct topics *topics = snapshot->snapshots->config.topics;
    if (!is_of(event, topics_name(topics, snapshot->topic),
               topics_name_size(topics, snapshot->topic)) ||
        !filter_wants(snapshot->filter, event_type_hash(event->type, event->type_size))) {
        frame_unref(event->frame);
        return;
    }
    if (snapshot->count == snapshot->capacity) {
        snapshot->capacity = snapshot->capacity ? 2 * snapshot->capacity : 128;
        snapshot->frames =
            memory_resize(snapshot->frames, snapshot->capacity * sizeof *snapshot->frames);
    }
    snapshot->frames[snapshot->count++] = event->frame;
    snapshot->bytes += event->frame->size;
    snapshot->snapshots->held += event->frame->size;
}

static void take_failure(void *user, const struct change *change, const char *script,
                         const char *message)
{
    struct snapshot *snapshot = user;
    if (snapshot->failures++ > 0 || !log_says(LOG_ERROR, "row_script_failed", message))
        return;
    log_write(LOG_ERROR, "row_script_failed",
              LOG_FIELDS(LOG_TEXT("script", script),
                         LOG_TEXT("table", change->relation ? change->relation->name : ""),
                         LOG_TEXT("op", change_op_name(change->op)),
                         LOG_NUMBER("change", change->index), LOG_TEXT("traceback", message)),
              "%.*s; this row is missing in a snapshot, and perhaps further ones",
              (int)strcspn(message, "\n"), message);
}

static void be_ready(struct snapshot *snapshot)
{
    struct snapshots *snapshots = snapshot->snapshots;
    snapshot->state = SNAPSHOT_READY;
    snapshot->ready = uv_now(snapshots->loop);
    snapshots->callbacks.ready(snapshots->user, snapshot->owner);
}

// ---- from the database ----

static void note_begin(void *user)
{
    struct snapshot *snapshot = user;
    unseen_begin(&snapshot->snapshots->unseen, &snapshot->mark);
}

// The rows and the stream are of one server, and what the rows lack is in the history. NULL: so it is.
static const char *find_reason_against(struct snapshot *snapshot, const struct postgres_view *view)
{
    struct snapshots *snapshots = snapshot->snapshots;
    const struct event_id *position = history_position(snapshots->config.history);
    struct history_cursor cursor;
    if (!snapshots->running || view->epoch != position->epoch ||
        view->timeline != history_timeline(snapshots->config.history))
        return "the server that was asked is not the one that the change stream comes from";
    if (!unseen_find(&snapshots->unseen, &snapshot->mark, &view->visibility, snapshot->topic,
                     &snapshot->since))
        return "the database holds commits back for so long (synchronous replication?) that their "
               "events have left the history";
    if (history_resume(snapshots->config.history, snapshot->topic, &snapshot->since, &cursor) !=
        RESUME_RECOVERED)
        return "events left the history meanwhile, which is too small (history)";
    return NULL;
}

static void take_view(void *user, struct postgres_view *view)
{
    struct snapshot *snapshot = user;
    struct script_sink sink = {.event = take_message, .failed = take_failure, .user = snapshot};
    struct event_id none = {0};
    snapshot->request = NULL;
    const char *reason = find_reason_against(snapshot, view);
    if (reason) {
        try_again(snapshot, reason);
        return;
    }
    snapshot->end = view->end;
    snapshot->seen = view->visibility;
    view->visibility = (struct visibility){0};
    script_transaction(snapshot->snapshots->script, view->rows, &none, &sink);
    be_ready(snapshot);
}

static void take_fault(void *user, const struct fault *fault)
{
    struct snapshot *snapshot = user;
    snapshot->request = NULL;
    fail(snapshot, fault);
}

static void ask_database(struct snapshot *snapshot)
{
    static const struct postgres_snapshot_callbacks callbacks = {note_begin, take_view, take_fault};
    struct snapshots *snapshots = snapshot->snapshots;
    struct topics *topics = snapshots->config.topics;
    char failure[FAILURE_SIZE];
    script_queries_free(snapshot->queries);
    snapshot->queries =
        script_snapshot(snapshots->script, topics_name(topics, snapshot->topic),
                        topics_name_size(topics, snapshot->topic), failure, sizeof failure);
    if (!snapshot->queries) {
        struct fault fault;
        fault_set(&fault, EXIT_CONFIGURATION, "%s", failure);
        fail(snapshot, &fault);
    } else if (snapshot->queries->count == 0) { // no table has rows of it
        snapshot->since = *history_position(snapshots->config.history);
        be_ready(snapshot);
    } else {
        snapshot->state = SNAPSHOT_ASKED;
        snapshot->request =
            postgres_snapshot_start(snapshots->config.pool, snapshot->queries->items,
                                    snapshot->queries->count, &callbacks, snapshot);
    }
}

// ---- all of them ----

static void for_each(struct snapshots *snapshots, void (*each)(struct snapshot *))
{
    struct list_link *link = snapshots->all.head.next, *next;
    for (; link != &snapshots->all.head; link = next) {
        next = link->next;
        each(container_of(link, struct snapshot, link));
    }
}

static void proceed(struct snapshot *snapshot)
{
    uint64_t now = uv_now(snapshot->snapshots->loop);
    if (snapshot->state != SNAPSHOT_RESTING)
        return;
    if (snapshot->try_at > now)
        rest(snapshot, snapshot->try_at - now);
    else if (snapshot->snapshots->held > MAX_HELD)
        rest(snapshot, PAUSE);
    else
        ask_database(snapshot);
}

void snapshots_turn(struct snapshots *snapshots)
{
    if (snapshots->running)
        for_each(snapshots, proceed);
}

// The server may keep the end of its log in memory, where the stream does not come from.
static void hurry(struct snapshot *snapshot)
{
    struct snapshots *snapshots = snapshot->snapshots;
    if (snapshots->config.pool && uv_now(snapshots->loop) - snapshot->ready > 500 &&
        !snapshot_has_passed(snapshot))
        postgres_pool_flush_log(snapshots->config.pool);
}

static void tick(struct snapshot *snapshot)
{
    struct snapshots *snapshots = snapshot->snapshots;
    if (snapshot->state == SNAPSHOT_READY) {
        hurry(snapshot);
        return;
    }
    if (uv_now(snapshots->loop) - snapshot->asked < (uint64_t)snapshots->config.wait)
        return;
    struct fault fault;
    fault_set(
        &fault, EXIT_UNAVAILABLE,
        "A snapshot was not there after %lld s. If this stays, look at the load of the database, "
        "or raise snapshot_connections.",
        (long long)snapshots->config.wait / 1000);
    fail(snapshot, &fault);
}

void snapshots_tick(struct snapshots *snapshots)
{
    for_each(snapshots, tick);
}

void snapshots_set_running(struct snapshots *snapshots, bool running)
{
    snapshots->running = running;
    if (!running)
        unseen_clear(&snapshots->unseen);
}

bool snapshots_possible(const struct snapshots *snapshots)
{
    return snapshots->config.pool != NULL;
}

void snapshots_set_script(struct snapshots *snapshots, struct script *script)
{
    snapshots->script = script;
}

struct snapshots *snapshots_new(uv_loop_t *loop, const struct snapshots_config *config,
                                const struct snapshots_callbacks *callbacks, void *user)
{
    struct snapshots *snapshots = memory_new(sizeof *snapshots);
    snapshots->config = *config;
    snapshots->callbacks = *callbacks;
    snapshots->user = user;
    snapshots->loop = loop;
    list_init(&snapshots->all);
    unseen_init(&snapshots->unseen, config->history);
    uv_timer_init(loop, &snapshots->timer);
    return snapshots;
}

static void on_closed(uv_handle_t *handle)
{
    free(container_of(handle, struct snapshots, timer));
}

void snapshots_free(struct snapshots *snapshots)
{
    if (!snapshots)
        return;
    unseen_release(&snapshots->unseen);
    uv_close((uv_handle_t *)&snapshots->timer, on_closed);
}

// ---- for its owner ----

uint32_t snapshot_topic(const struct snapshot *snapshot)
{
    return snapshot->topic;
}

struct filter *snapshot_filter(const struct snapshot *snapshot)
{
    return snapshot->filter;
}

bool snapshot_is_ready(const struct snapshot *snapshot)
{
    return snapshot->state == SNAPSHOT_READY;
}

uint32_t snapshot_count(const struct snapshot *snapshot)
{
    return snapshot->count;
}

bool snapshot_has_next(const struct snapshot *snapshot)
{
    return snapshot->taken < snapshot->count;
}

struct frame *snapshot_next(struct snapshot *snapshot)
{
    if (!snapshot_has_next(snapshot))
        return NULL;
    struct frame *frame = snapshot->frames[snapshot->taken++];
    snapshot->bytes -= frame->size;
    snapshot->snapshots->held -= frame->size;
    return frame;
}

const struct visibility *snapshot_seen(const struct snapshot *snapshot)
{
    return &snapshot->seen;
}

const struct event_id *snapshot_since(const struct snapshot *snapshot)
{
    return &snapshot->since;
}

bool snapshot_has_passed(const struct snapshot *snapshot)
{
    return history_position(snapshot->snapshots->config.history)->lsn + 1 >= snapshot->end;
}
