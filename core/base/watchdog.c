// SPDX-License-Identifier: MIT
// Ends the process when a call does not end.
#include "rowcast/watchdog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "rowcast/memory.h"

#define LOOKS 4 // within the limit
#define MILLISECOND 1000000LL

// `state` is twice the number of calls that have begun; one more while one is under way. EXPIRED once the watchdog has
// taken it: the call does not end any more. Whoever changes it to that has the call for himself.
#define EXPIRED UINT64_MAX

struct watchdog {
    _Atomic uint64_t state;
    uint64_t calls;   // of the watched thread
    const void *call; // what it is, while it is under way
    int64_t limit;    // nanoseconds
    void (*expired)(void *user, const void *call);
    void *user;
    clockid_t clock; // the watched thread's
    uv_thread_t thread;
    uv_mutex_t mutex; // of `ended`
    uv_cond_t end;
    bool ended;
};

bool watchdog_expires(struct watchdog_look *seen, uint64_t call, int64_t time, int64_t limit)
{
    if (call == 0 || call != seen->call) {
        *seen = (struct watchdog_look){call, time};
        return false;
    }
    return time - seen->since >= limit;
}

static int64_t read_clock(const struct watchdog *watchdog)
{
    struct timespec now;
    if (clock_gettime(watchdog->clock, &now) != 0)
        return 0;
    return now.tv_sec * 1000 * MILLISECOND + now.tv_nsec;
}

static void look(struct watchdog *watchdog, struct watchdog_look *seen)
{
    uint64_t state = atomic_load_explicit(&watchdog->state, memory_order_acquire);
    uint64_t call = state % 2 == 1 ? state : 0;
    if (watchdog_expires(seen, call, read_clock(watchdog), watchdog->limit) &&
        atomic_compare_exchange_strong(&watchdog->state, &state, EXPIRED))
        watchdog->expired(watchdog->user, watchdog->call);
}

static void run(void *user)
{
    struct watchdog *watchdog = user;
    struct watchdog_look seen = {0};
    uv_mutex_lock(&watchdog->mutex);
    while (!watchdog->ended) {
        look(watchdog, &seen);
        uv_cond_timedwait(&watchdog->end, &watchdog->mutex, (uint64_t)watchdog->limit / LOOKS);
    }
    uv_mutex_unlock(&watchdog->mutex);
}

static void release(struct watchdog *watchdog)
{
    uv_cond_destroy(&watchdog->end);
    uv_mutex_destroy(&watchdog->mutex);
    free(watchdog);
}

struct watchdog *watchdog_start(int64_t limit, void (*expired)(void *user, const void *call),
                                void *user)
{
    struct watchdog *watchdog = memory_new(sizeof *watchdog);
    watchdog->limit = limit * MILLISECOND;
    watchdog->expired = expired;
    watchdog->user = user;
    uv_mutex_init(&watchdog->mutex);
    uv_cond_init(&watchdog->end);
    if (pthread_getcpuclockid(pthread_self(), &watchdog->clock) == 0 &&
        uv_thread_create(&watchdog->thread, run, watchdog) == 0)
        return watchdog;
    release(watchdog);
    return NULL;
}

void watchdog_stop(struct watchdog *watchdog)
{
    if (!watchdog)
        return;
    uv_mutex_lock(&watchdog->mutex);
    watchdog->ended = true;
    uv_cond_signal(&watchdog->end);
    uv_mutex_unlock(&watchdog->mutex);
    uv_thread_join(&watchdog->thread);
    release(watchdog);
}

void watchdog_enter(struct watchdog *watchdog, const void *call)
{
    watchdog->call = call;
    atomic_store_explicit(&watchdog->state, 2 * ++watchdog->calls + 1, memory_order_release);
}

void watchdog_leave(struct watchdog *watchdog)
{
    uint64_t state = 2 * watchdog->calls + 1;
    if (atomic_compare_exchange_strong(&watchdog->state, &state, 2 * watchdog->calls))
        return;
    for (;;) // a moment too late: the process ends
        pause();
}
