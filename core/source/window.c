// SPDX-License-Identifier: MIT
// How far a replication slot is held back.
#include "rowcast/window.h"

#include <stdbool.h>
#include <string.h>

void window_init(struct window *window, int64_t time, uint64_t bytes)
{
    memset(window, 0, sizeof *window);
    window->time = time;
    window->bytes = bytes;
}

static struct window_sample *at(struct window *window, size_t index)
{
    return &window->samples[(window->first + index) % WINDOW_SAMPLES];
}

static void let_go(struct window *window)
{
    window->held = at(window, 0)->lsn;
    window->first = (window->first + 1) % WINDOW_SAMPLES;
    window->count--;
}

// As many samples as there is room for are enough to follow both bounds closely.
static int is_worth_it(const struct window *window, const struct window_sample *newest,
                       uint64_t lsn, int64_t now)
{
    return now - newest->at >= window->time / (WINDOW_SAMPLES / 2) ||
           lsn - newest->lsn >= window->bytes / (WINDOW_SAMPLES / 4);
}

void window_add(struct window *window, uint64_t lsn, int64_t now)
{
    if (window->count > 0) {
        struct window_sample *newest = at(window, window->count - 1);
        if (lsn <= newest->lsn || !is_worth_it(window, newest, lsn, now))
            return;
    }
    if (window->count == WINDOW_SAMPLES)
        let_go(window);
    *at(window, window->count++) = (struct window_sample){lsn, now};
}

uint64_t window_held(struct window *window, uint64_t server, int64_t now)
{
    while (window->count > 0) {
        const struct window_sample *oldest = at(window, 0);
        uint64_t held = window->held ? window->held : oldest->lsn;
        bool old = now - oldest->at >= window->time;
        bool far = server > held && server - held > window->bytes;
        if (!old && !far)
            break;
        let_go(window);
    }
    return window->held;
}
