// SPDX-License-Identifier: MIT
// Rows to events to clients.
#include "rowcast/delivery.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/clock.h"
#include "rowcast/failures.h"
#include "rowcast/memory.h"

#define HELD_SIZE 512

// An event, and where it is counted once it goes out.
struct made {
    struct event event;
    uint64_t *count;
};

struct delivery {
    struct delivery_config config;
    struct server *server;
    struct script *script;
    struct shadow *shadow;
    struct source_identity identity;
    bool muted;
    struct failures failures;
    const char *newest_script; // that made an event, as it was named,
    uint16_t script_number;    // and its number in the metrics

    struct made *made; // by the transaction under way, where it may still be dropped
    size_t made_count, made_capacity;

    struct transaction **waiting; // the first one is held, the others came behind it
    size_t waiting_count, waiting_capacity;
    char held[HELD_SIZE];
};

struct delivery *delivery_new(const struct delivery_config *config)
{
    struct delivery *delivery = memory_new(sizeof *delivery);
    delivery->config = *config;
    failures_init(&delivery->failures);
    delivery->failures.spec = config->spec;
    return delivery;
}

void delivery_free(struct delivery *delivery)
{
    if (!delivery)
        return;
    delivery_forget(delivery);
    failures_release(&delivery->failures);
    free(delivery->made);
    free(delivery->waiting);
    free(delivery);
}

void delivery_set_server(struct delivery *delivery, struct server *server)
{
    delivery->server = server;
}

void delivery_set_script(struct delivery *delivery, struct script *script)
{
    delivery->script = script;
    delivery->newest_script = NULL;
}

void delivery_set_shadow(struct delivery *delivery, struct shadow *shadow)
{
    delivery->shadow = shadow;
}

void delivery_mute(struct delivery *delivery, bool muted)
{
    delivery->muted = muted;
}

// ---- events ----

static void release_topics(struct delivery *delivery, const struct event *event)
{
    for (uint32_t i = 0; i < event->topic_count; i++)
        topics_unref(delivery->config.topics, event->topics[i]);
}

static void publish(struct delivery *delivery, const struct made *made)
{
    const struct event *event = &made->event;
    struct frame *frame = event->frames[FORMAT_JSON];
    ++*made->count;
    frame_ref(frame); // the history may drop it at once
    uint64_t place = history_append(delivery->config.history, event, clock_now());
    if (!delivery->muted) {
        server_publish(delivery->server, event->topics, event->topic_count, event->type, place,
                       frame);
        formats_publish(delivery->config.formats, delivery->server, event, place);
    }
    frame_unref(frame);
    release_topics(delivery, event);
}

static void publish_all(struct delivery *delivery)
{
    for (size_t i = 0; i < delivery->made_count; i++)
        publish(delivery, &delivery->made[i]);
    delivery->made_count = 0;
}

static void drop_all(struct delivery *delivery)
{
    if (delivery->shadow)
        shadow_forget(delivery->shadow);
    for (size_t i = 0; i < delivery->made_count; i++) {
        frame_unref(delivery->made[i].event.frames[FORMAT_JSON]);
        release_topics(delivery, &delivery->made[i].event);
    }
    delivery->made_count = 0;
}

static void collect(struct delivery *delivery, const struct made *made)
{
    if (delivery->made_count == delivery->made_capacity) {
        delivery->made_capacity = delivery->made_capacity ? 2 * delivery->made_capacity : 64;
        delivery->made =
            memory_resize(delivery->made, delivery->made_capacity * sizeof *delivery->made);
    }
    delivery->made[delivery->made_count++] = *made;
}

// Mostly the same one makes the next event too.
static uint16_t number_of(struct delivery *delivery, const char *script)
{
    if (script != delivery->newest_script) {
        const char *name = script_name(delivery->script, script);
        delivery->script_number =
            (uint16_t)tally_number(&delivery->config.metrics->scripts, name, strlen(name));
        delivery->newest_script = script;
    }
    return delivery->script_number;
}

static void take_event(void *user, const struct script_event *source)
{
    struct delivery *delivery = user;
    if (delivery->shadow)
        shadow_event(delivery->shadow, source);
    struct made made = {
        .event = {.id = source->id,
                  .type = event_type_hash(source->type, source->type_size),
                  .topic_count = source->topic_count,
                  .script = number_of(delivery, source->script),
                  .op = (uint16_t)source->change->op,
                  .frames = {[FORMAT_JSON] = source->frame}},
        .count = tally_at(&delivery->config.metrics->events, source->type, source->type_size),
    };
    for (uint32_t i = 0; i < source->topic_count; i++)
        made.event.topics[i] =
            topics_take(delivery->config.topics, source->topics[i].name, source->topics[i].size);
    if (delivery->config.hold)
        collect(delivery, &made);
    else
        publish(delivery, &made);
}

static void take_failure(void *user, const struct change *change, const char *script,
                         const char *message)
{
    struct delivery *delivery = user;
    metrics_failed(delivery->config.metrics, script_name(delivery->script, script));
    failures_add(&delivery->failures, change, script, message);
}

static void take_run(void *user, const char *script, uint64_t rows, uint64_t events,
                     int64_t nanoseconds)
{
    struct delivery *delivery = user;
    metrics_ran(delivery->config.metrics, script_name(delivery->script, script), rows, events,
                nanoseconds);
}

// ---- transactions ----

// True: it has gone out. False: it must be held.
static bool run(struct delivery *delivery, const struct transaction *transaction, int64_t now)
{
    struct event_id id = source_event_id(&delivery->identity, transaction);
    struct script_sink sink = {take_event, take_failure, delivery, take_run};
    failures_begin(&delivery->failures, transaction, delivery->config.hold, now);
    script_transaction(delivery->script, transaction, &id, &sink);
    const char *failures = failures_end(&delivery->failures);
    if (failures && delivery->config.failed)
        failed_write(delivery->config.failed, transaction, failures);
    if (failures && delivery->config.hold) {
        drop_all(delivery);
        return false;
    }
    publish_all(delivery);
    if (delivery->identity.lineage.timeline > 0) // recorded rows were committed at any time
        server_committed(delivery->server, transaction->time);
    if (transaction->last) {
        id.change = EVENT_ID_LAST_CHANGE;
        id.emit = EVENT_ID_LAST_EMIT;
        history_commit(delivery->config.history, &id);
    }
    return true;
}

// It has gone out.
static void let_go(struct delivery *delivery, struct transaction *transaction)
{
    struct event_id id = source_event_id(&delivery->identity, transaction);
    if (delivery->shadow)
        shadow_take(delivery->shadow, transaction, &id);
    else
        transaction_free(transaction);
}

static void wait(struct delivery *delivery, struct transaction *transaction)
{
    if (delivery->waiting_count == delivery->waiting_capacity) {
        delivery->waiting_capacity =
            delivery->waiting_capacity ? 2 * delivery->waiting_capacity : 4;
        delivery->waiting = memory_resize(delivery->waiting,
                                          delivery->waiting_capacity * sizeof *delivery->waiting);
    }
    delivery->waiting[delivery->waiting_count++] = transaction;
}

static void explain(struct delivery *delivery, const struct transaction *transaction)
{
    snprintf(delivery->held, sizeof delivery->held,
             "the stream is held before LSN %X/%X (xid %" PRIu32 "): %.256s. Mend the script and "
             "reload it (kill -HUP), or start with --on-error skip",
             (unsigned)(transaction->lsn >> 32), (unsigned)transaction->lsn, transaction->xid,
             failures_first(&delivery->failures));
}

static void count(struct delivery *delivery, const struct transaction *transaction)
{
    struct metrics *metrics = delivery->config.metrics;
    for (uint32_t i = 0; i < transaction->change_count; i++)
        metrics_change(metrics, &transaction->changes[i]);
    metrics->transactions += transaction->last;
}

bool delivery_take(struct delivery *delivery, const struct source_identity *identity,
                   struct transaction *transaction, int64_t now)
{
    delivery->identity = *identity;
    count(delivery, transaction);
    if (delivery->waiting_count == 0) {
        if (run(delivery, transaction, now)) {
            let_go(delivery, transaction);
            return true;
        }
        explain(delivery, transaction);
    }
    wait(delivery, transaction);
    return false;
}

bool delivery_retry(struct delivery *delivery, int64_t now)
{
    size_t done = 0;
    while (done < delivery->waiting_count && run(delivery, delivery->waiting[done], now))
        let_go(delivery, delivery->waiting[done++]);
    delivery->waiting_count -= done;
    memmove(delivery->waiting, delivery->waiting + done,
            delivery->waiting_count * sizeof *delivery->waiting);
    if (delivery->waiting_count > 0)
        explain(delivery, delivery->waiting[0]);
    return delivery->waiting_count == 0;
}

void delivery_forget(struct delivery *delivery)
{
    for (size_t i = 0; i < delivery->waiting_count; i++)
        transaction_free(delivery->waiting[i]);
    delivery->waiting_count = 0;
}

const char *delivery_held(const struct delivery *delivery)
{
    return delivery->waiting_count > 0 ? delivery->held : NULL;
}

const struct transaction *delivery_held_transaction(const struct delivery *delivery)
{
    return delivery->waiting_count > 0 ? delivery->waiting[0] : NULL;
}

void delivery_tick(struct delivery *delivery, int64_t now)
{
    failures_tick(&delivery->failures, now);
}

uint64_t delivery_failures(const struct delivery *delivery)
{
    return delivery->failures.total;
}
