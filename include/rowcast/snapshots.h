// SPDX-License-Identifier: MIT
// Snapshot, then stream: the rows of a topic, as the database has them at one moment, and what of the stream
// they lack. One thread, the brain's.
#ifndef ROWCAST_SNAPSHOTS_H
#define ROWCAST_SNAPSHOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "rowcast/filter.h"
#include "rowcast/frame.h"
#include "rowcast/history.h"
#include "rowcast/postgres_snapshot.h"
#include "rowcast/script.h"
#include "rowcast/topics.h"

struct snapshots;
struct snapshot; // one client's

// `owner` is what snapshot_start was given.
struct snapshots_callbacks {
    void (*ready)(void *user, void *owner);
    // An error for the client; the snapshot is freed afterwards.
    void (*failed)(void *user, void *owner, const char *code, const char *sentence);
};

struct snapshots_config {
    struct topics *topics;
    struct history *history;
    struct postgres_pool *pool; // NULL: there is no database
    int64_t wait;               // milliseconds until a snapshot that does not come is given up
};

struct snapshots *snapshots_new(uv_loop_t *loop, const struct snapshots_config *config,
                                const struct snapshots_callbacks *callbacks, void *user);
void snapshots_free(struct snapshots *snapshots); // when there is no snapshot left; NULL is fine
void snapshots_set_script(struct snapshots *snapshots, struct script *script);

// False: there is no database to take one of.
bool snapshots_possible(const struct snapshots *snapshots);

// The stream runs; or the history has begun anew, and what comes is not yet for those who are here.
void snapshots_set_running(struct snapshots *snapshots, bool running);

// Once a turn of the loop.
void snapshots_turn(struct snapshots *snapshots);
// Once a second. `failed` for those that have waited too long.
void snapshots_tick(struct snapshots *snapshots);

// Takes references to the topic and to the filter (NULL: all types). No callback comes from inside.
struct snapshot *snapshot_start(struct snapshots *snapshots, uint32_t topic, struct filter *filter,
                                void *owner);
void snapshot_free(struct snapshot *snapshot); // at any time, but not from `failed`; NULL is fine
void snapshot_restart(struct snapshot *snapshot);

uint32_t snapshot_topic(const struct snapshot *snapshot);
struct filter *snapshot_filter(const struct snapshot *snapshot);

// ---- once it is ready ----

bool snapshot_is_ready(const struct snapshot *snapshot);
uint32_t snapshot_count(const struct snapshot *snapshot); // of its messages
struct frame *snapshot_next(struct snapshot *snapshot);   // the next one, for the caller; or NULL
bool snapshot_has_next(const struct snapshot *snapshot);
// What of the stream the rows contain, to be left out of it: alive as long as the snapshot.
const struct visibility *snapshot_seen(const struct snapshot *snapshot);
// Of the topic's events behind this id, and only of those, the rows may lack some.
const struct event_id *snapshot_since(const struct snapshot *snapshot);
// Whether everything that the rows contain has passed in the stream: behind it nothing is to be left out.
bool snapshot_has_passed(const struct snapshot *snapshot);

#endif
