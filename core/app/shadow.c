// SPDX-License-Identifier: MIT
// A candidate folder of scripts beside the live one.
#include "rowcast/shadow.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "rowcast/clock.h"
#include "rowcast/log.h"
#include "rowcast/memory.h"
#include "rowcast/reload.h"

#define BATCH 100 // transactions
#define SENTENCE 512

struct item {
    struct item *next;
    struct transaction *transaction;
    struct event_id base;
    struct comparison_events live;
};

// What goes to the other thread and comes back. While it is there nobody else touches it, but for `stop`.
struct job {
    uv_work_t work;
    struct script *script;
    struct item *items;
    size_t bytes; // of them
    struct comparison found;
    atomic_bool stop;
};

struct shadow {
    uv_loop_t *loop;
    const char *folder;
    struct reload *reload;
    struct job job;
    bool working, closing;
    struct script *script;         // lent to the job while that works
    struct script *fresh;          // to take over when it has worked
    struct comparison_events live; // of the transaction under way
    struct item *first, **end;     // that wait
    size_t waiting;                // bytes of them and of those that the job has
    struct comparison found;
    uint64_t hash, skipped, reloads, reload_failures;
    int64_t loaded;
    char sentence[SENTENCE];
};

// ---- items ----

static void free_items(struct item *item)
{
    while (item) {
        struct item *next = item->next;
        comparison_drop(&item->live);
        transaction_free(item->transaction);
        free(item);
        item = next;
    }
}

static size_t size_of(const struct item *item)
{
    return sizeof *item + item->transaction->arena.size + item->live.bytes;
}

// The first ones that wait, cut off from the others.
static struct item *take_batch(struct shadow *shadow)
{
    struct item *batch = shadow->first, **end = &shadow->first;
    for (int count = 0; *end && count < BATCH; count++) {
        shadow->job.bytes += size_of(*end);
        end = &(*end)->next;
    }
    shadow->first = *end;
    *end = NULL;
    if (!shadow->first)
        shadow->end = &shadow->first;
    return batch;
}

// ---- the other thread ----

static void on_work(uv_work_t *work)
{
    struct job *job = container_of(work, struct job, work);
    for (struct item *item = job->items; item && !atomic_load(&job->stop); item = item->next)
        comparison_run(&job->found, job->script, item->transaction, &item->base, &item->live);
    free_items(job->items);
    job->items = NULL;
}

// ---- this one ----

static void free_all(struct shadow *shadow)
{
    free_items(shadow->first);
    comparison_drop(&shadow->live);
    comparison_release(&shadow->found);
    comparison_release(&shadow->job.found);
    script_free(shadow->script);
    script_free(shadow->fresh);
    free(shadow);
}

static void use_fresh(struct shadow *shadow)
{
    if (!shadow->fresh || shadow->working)
        return;
    reload_discard(shadow->loop, shadow->script);
    shadow->script = shadow->fresh;
    shadow->fresh = NULL;
    shadow->hash = script_hash(shadow->script);
    shadow->loaded = clock_now();
    comparison_forget(&shadow->found);
}

static void on_worked(uv_work_t *work, int status);

static void proceed(struct shadow *shadow)
{
    use_fresh(shadow);
    if (shadow->working || !shadow->first || !shadow->script)
        return;
    shadow->working = true;
    shadow->job.script = shadow->script;
    shadow->job.items = take_batch(shadow);
    uv_queue_work(shadow->loop, &shadow->job.work, on_work, on_worked);
}

static void on_worked(uv_work_t *work, int status)
{
    struct shadow *shadow = container_of(work, struct shadow, job.work);
    (void)status; // it is never cancelled
    shadow->working = false;
    shadow->waiting -= shadow->job.bytes;
    shadow->job.bytes = 0;
    if (shadow->closing) {
        free_all(shadow);
        return;
    }
    comparison_merge(&shadow->found, &shadow->job.found);
    comparison_release(&shadow->job.found);
    comparison_init(&shadow->job.found);
    proceed(shadow);
}

// ---- what the live scripts made ----

void shadow_event(struct shadow *shadow, const struct script_event *event)
{
    comparison_note(&shadow->live, event);
}

void shadow_forget(struct shadow *shadow)
{
    comparison_drop(&shadow->live);
}

void shadow_take(struct shadow *shadow, struct transaction *transaction,
                 const struct event_id *base)
{
    bool full = shadow->waiting > SHADOW_MAX_BYTES;
    if (!shadow->script || full) {
        shadow->skipped += full ? transaction->change_count : 0;
        shadow_forget(shadow);
        transaction_free(transaction);
        return;
    }
    struct item *item = memory_new(sizeof *item);
    *item = (struct item){NULL, transaction, *base, shadow->live};
    shadow->live = (struct comparison_events){0};
    shadow->waiting += size_of(item);
    *shadow->end = item;
    shadow->end = &item->next;
    proceed(shadow);
}

// ---- its scripts ----

static void scripts_loaded(void *user, struct script *script, int64_t microseconds)
{
    struct shadow *shadow = user;
    reload_discard(shadow->loop, shadow->fresh);
    shadow->fresh = script;
    shadow->reloads++;
    snprintf(shadow->sentence, SENTENCE, "ok");
    log_write(LOG_INFO, "shadow_loaded",
              LOG_FIELDS(LOG_NUMBER("tables", (int64_t)script_table_count(script)),
                         LOG_NUMBER("took_us", microseconds)),
              "the scripts of %s run in the shadow of the live ones", shadow->folder);
    proceed(shadow);
}

static void scripts_failed(void *user, const struct fault *fault)
{
    struct shadow *shadow = user;
    snprintf(shadow->sentence, SENTENCE, "%.*s", SENTENCE - 1, fault->text);
    shadow->reload_failures++;
    log_write(LOG_WARN, "shadow_failed", NULL, "in the shadow: %s", fault->text);
}

static void scripts_mended(void *user)
{
    struct shadow *shadow = user;
    snprintf(shadow->sentence, SENTENCE, "ok");
    log_write(LOG_INFO, "shadow_mended", NULL, "%s has again what runs in the shadow already",
              shadow->folder);
}

static void scripts_blind(void *user, const char *why)
{
    (void)user;
    if (why)
        log_write(LOG_WARN, "shadow_not_watched", NULL,
                  "%s. The scripts in the shadow are looked through now and then instead", why);
}

// ---- life ----

struct shadow *shadow_new(uv_loop_t *loop, const char *folder, const struct script_limits *limits)
{
    static const struct reload_callbacks callbacks = {
        .loaded = scripts_loaded,
        .failed = scripts_failed,
        .mended = scripts_mended,
        .blind = scripts_blind,
    };
    struct shadow *shadow = memory_new(sizeof *shadow);
    struct reload_config config = {.folder = folder, .limits = *limits, .role = SCRIPT_SHADOW};
    shadow->loop = loop;
    shadow->folder = folder;
    shadow->end = &shadow->first;
    comparison_init(&shadow->found);
    comparison_init(&shadow->job.found);
    snprintf(shadow->sentence, SENTENCE, "not loaded yet");
    shadow->reload = reload_new(loop, &config, &callbacks, shadow);
    return shadow;
}

void shadow_close(struct shadow *shadow)
{
    if (!shadow)
        return;
    shadow->closing = true;
    reload_close(shadow->reload);
    if (!shadow->working) {
        free_all(shadow);
        return;
    }
    atomic_store(&shadow->job.stop, true);
    script_interrupt(shadow->script);
}

void shadow_state(const struct shadow *shadow, struct shadow_state *state)
{
    *state = (struct shadow_state){
        .folder = shadow->folder,
        .has_scripts = shadow->script != NULL,
        .hash = shadow->hash,
        .loaded = shadow->loaded,
        .sentence = shadow->sentence,
        .found = &shadow->found,
        .skipped = shadow->skipped,
        .reloads = shadow->reloads,
        .reload_failures = shadow->reload_failures,
    };
}
