// SPDX-License-Identifier: MIT
// Keeps a script folder loaded.
#include "rowcast/reload.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rowcast/clock.h"
#include "rowcast/memory.h"
#include "rowcast/watch.h"

// Milliseconds.
#define QUIET 100
#define PATIENCE 2000
#define GLANCE 2000 // between two looks where changes may go unseen

enum outcome { NOTHING, LOADED, FAILED, MENDED };

// What goes to the other thread and comes back. While it is there nobody else touches it.
struct job {
    uv_work_t work;
    bool asked;
    int descriptor; // of inotify; -1: none yet
    struct watch_view view;
    enum outcome outcome;
    uint64_t hash; // of what was read; 0: nothing could be
    struct script *script;
    struct fault fault;
    int64_t microseconds;
};

struct reload {
    uv_loop_t *loop;
    struct reload_config config;
    struct reload_callbacks callbacks;
    void *user;

    struct job job;
    bool working, again, asked; // asked: the next job
    bool closing;
    int open_handles;

    uv_timer_t quiet, glance;
    uv_poll_t events;
    bool watching;          // `events` is initialised
    struct watch_view view; // what is looked at
    uint64_t changing;      // since when, of the loop's clock; 0: nothing is

    uint64_t loaded; // the hash of what was
    bool failing;    // the newest is not what was loaded, because:
    uint64_t failed; // what was read then, and
    struct fault fault;
};

static void start(struct reload *reload);

// ---- on the pool's thread: the reload's own fields are only read, and nobody writes them meanwhile ----

static bool is_known(const struct reload *reload, const struct job *job)
{
    return !job->asked && job->hash == (reload->failing ? reload->failed : reload->loaded);
}

static enum outcome fail(const struct reload *reload, const struct job *job)
{
    bool told = !job->asked && reload->failing && reload->failed == job->hash &&
                strcmp(reload->fault.text, job->fault.text) == 0;
    return told ? NOTHING : FAILED;
}

static enum outcome load(const struct reload *reload, struct job *job)
{
    struct bundle *bundle;
    if (bundle_read(&bundle, reload->config.folder, &job->fault) != 0)
        return fail(reload, job);
    job->hash = bundle->hash;
    if (is_known(reload, job)) {
        bundle_free(bundle);
        return NOTHING;
    }
    if (!job->asked && job->hash == reload->loaded) {
        bundle_free(bundle);
        return MENDED;
    }
    if (reload->callbacks.prepare && reload->callbacks.prepare(reload->user, &job->fault) != 0) {
        bundle_free(bundle);
        return fail(reload, job);
    }
    if (script_load_bundle(&job->script, bundle, &reload->config.limits, reload->config.role,
                           &job->fault) != 0)
        return fail(reload, job);
    return LOADED;
}

static void on_work(uv_work_t *work)
{
    struct job *job = container_of(work, struct job, work);
    const struct reload *reload = container_of(job, struct reload, job);
    // Before the folder is read: what changes behind this is seen, what came before is read.
    watch_look(&job->view, &job->descriptor, reload->config.folder, bundle_folders);
    watch_leave(job->descriptor, &reload->view, &job->view);
    int64_t began = clock_steady();
    job->outcome = load(reload, job);
    job->microseconds = (clock_steady() - began) / 1000;
}

// ---- when to look ----

static void on_quiet(uv_timer_t *timer)
{
    start(container_of(timer, struct reload, quiet));
}

static void on_glance(uv_timer_t *timer)
{
    struct reload *reload = container_of(timer, struct reload, glance);
    if (!reload->working)
        start(reload);
}

static void note_change(struct reload *reload)
{
    uint64_t now = uv_now(reload->loop);
    if (!reload->changing)
        reload->changing = now ? now : 1;
    uint64_t passed = now - reload->changing;
    uint64_t wait = passed >= PATIENCE ? 0 : PATIENCE - passed < QUIET ? PATIENCE - passed : QUIET;
    uv_timer_start(&reload->quiet, on_quiet, wait, 0);
}

static void on_events(uv_poll_t *poll, int status, int events)
{
    struct reload *reload = container_of(poll, struct reload, events);
    (void)status;
    (void)events;
    if (watch_read(reload->job.descriptor, &reload->view))
        note_change(reload);
}

static void watch(struct reload *reload)
{
    bool was_blind = reload->view.blind[0], is_blind = reload->job.view.blind[0];
    watch_view_release(&reload->view);
    reload->view = reload->job.view;
    reload->job.view = (struct watch_view){0};
    if (!reload->watching && reload->job.descriptor >= 0) {
        reload->watching = true;
        reload->open_handles++;
        uv_poll_init(reload->loop, &reload->events, reload->job.descriptor);
        uv_poll_start(&reload->events, UV_READABLE, on_events);
    }
    if (is_blind != was_blind)
        reload->callbacks.blind(reload->user, is_blind ? reload->view.blind : NULL);
    if (is_blind)
        uv_timer_start(&reload->glance, on_glance, GLANCE, GLANCE);
    else
        uv_timer_stop(&reload->glance);
}

// ---- what came of it ----

static void note_failure(struct reload *reload)
{
    reload->failing = true;
    reload->failed = reload->job.hash;
    reload->fault = reload->job.fault;
    reload->callbacks.failed(reload->user, &reload->fault);
}

static void take_outcome(struct reload *reload)
{
    struct job *job = &reload->job;
    switch (job->outcome) {
    case NOTHING:
        break;
    case LOADED:
        reload->failing = false;
        reload->loaded = job->hash;
        reload->callbacks.loaded(reload->user, job->script, job->microseconds);
        break;
    case FAILED:
        note_failure(reload);
        break;
    case MENDED:
        reload->failing = false;
        reload->callbacks.mended(reload->user);
        break;
    }
}

static void finish(struct reload *reload)
{
    watch_view_release(&reload->view);
    watch_view_release(&reload->job.view);
    if (reload->job.descriptor >= 0)
        close(reload->job.descriptor);
    free(reload);
}

static void on_worked(uv_work_t *work, int status)
{
    struct reload *reload = container_of(work, struct reload, job.work);
    (void)status; // it is never cancelled
    reload->working = false;
    if (reload->closing) {
        if (reload->job.outcome == LOADED)
            script_free(reload->job.script);
        if (reload->open_handles == 0)
            finish(reload);
        return;
    }
    watch(reload);
    take_outcome(reload);
    if (reload->again)
        start(reload);
}

static void start(struct reload *reload)
{
    if (reload->working) {
        reload->again = true;
        return;
    }
    reload->again = false;
    reload->changing = 0;
    reload->working = true;
    reload->job.asked = reload->asked;
    reload->asked = false;
    reload->job.hash = 0;
    uv_queue_work(reload->loop, &reload->job.work, on_work, on_worked);
}

struct reload *reload_new(uv_loop_t *loop, const struct reload_config *config,
                          const struct reload_callbacks *callbacks, void *user)
{
    struct reload *reload = memory_new(sizeof *reload);
    reload->loop = loop;
    reload->config = *config;
    reload->callbacks = *callbacks;
    reload->user = user;
    reload->loaded = config->hash;
    reload->job.descriptor = -1;
    uv_timer_init(loop, &reload->quiet);
    uv_timer_init(loop, &reload->glance);
    reload->open_handles = 2;
    start(reload);
    return reload;
}

void reload_now(struct reload *reload)
{
    reload->asked = true;
    start(reload);
}

bool reload_is_asked(const struct reload *reload)
{
    return reload && (reload->asked || (reload->working && reload->job.asked));
}

// ---- the end ----

struct discarded {
    uv_work_t work;
    struct script *script;
};

static void on_discard(uv_work_t *work)
{
    script_free(container_of(work, struct discarded, work)->script);
}

static void on_discarded(uv_work_t *work, int status)
{
    (void)status;
    free(container_of(work, struct discarded, work));
}

void reload_discard(uv_loop_t *loop, struct script *script)
{
    if (!script)
        return;
    struct discarded *discarded = memory_new(sizeof *discarded);
    discarded->script = script;
    uv_queue_work(loop, &discarded->work, on_discard, on_discarded);
}

static void on_closed(struct reload *reload)
{
    if (--reload->open_handles == 0 && !reload->working)
        finish(reload);
}

static void on_quiet_closed(uv_handle_t *handle)
{
    on_closed(container_of(handle, struct reload, quiet));
}

static void on_glance_closed(uv_handle_t *handle)
{
    on_closed(container_of(handle, struct reload, glance));
}

static void on_events_closed(uv_handle_t *handle)
{
    on_closed(container_of(handle, struct reload, events));
}

void reload_close(struct reload *reload)
{
    if (!reload)
        return;
    reload->closing = true;
    uv_close((uv_handle_t *)&reload->quiet, on_quiet_closed);
    uv_close((uv_handle_t *)&reload->glance, on_glance_closed);
    if (reload->watching)
        uv_close((uv_handle_t *)&reload->events, on_events_closed);
}
