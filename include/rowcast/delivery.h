// SPDX-License-Identifier: MIT
// Transactions to events to clients: runs the scripts, gives the events to the workers and the history, and does what
// on_error says with a transaction whose script fails.
//
// skip: the failing rows make no event, the rest of the transaction goes out.
// hold: nothing of the transaction goes out, nor of what comes behind, until its scripts run without a failure.
// A transaction that comes in parts (change.h) is held at the failing part; the parts before have gone out.
#ifndef ROWCAST_DELIVERY_H
#define ROWCAST_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "rowcast/failed.h"
#include "rowcast/formats.h"
#include "rowcast/history.h"
#include "rowcast/metrics.h"
#include "rowcast/script.h"
#include "rowcast/server.h"
#include "rowcast/shadow.h"
#include "rowcast/source.h"
#include "rowcast/topics.h"

struct delivery;

// All must outlive the delivery.
struct delivery_config {
    struct topics *topics;
    struct history *history;
    struct formats *formats;
    struct metrics *metrics; // rows, events and scripts are counted there
    struct failed *failed;   // where failing transactions are written; may be NULL
    const char *spec;        // what makes a spec of one of them (failures.h); NULL where failed is
    bool hold;
};

struct delivery *delivery_new(const struct delivery_config *config);
void delivery_free(struct delivery *delivery); // NULL is fine

void delivery_set_server(struct delivery *delivery, struct server *server);
void delivery_set_script(struct delivery *delivery, struct script *script); // between two calls
void delivery_set_shadow(struct delivery *delivery,
                         struct shadow *shadow); // sees all that goes out; NULL: nobody

// Events go to the history only, to nobody's queue.
void delivery_mute(struct delivery *delivery, bool muted);

// Takes over the transaction. `now` in milliseconds of the loop's clock. False: it, or one before it, is held, and
// all that were taken since wait behind it in order. Who brings them stops doing so.
bool delivery_take(struct delivery *delivery, const struct source_identity *identity,
                   struct transaction *transaction, int64_t now);

// Runs what is held again, as after a reload. True: nothing is held any more.
bool delivery_retry(struct delivery *delivery, int64_t now);

// Drops what is held: its stream has ended.
void delivery_forget(struct delivery *delivery);

// The sentence that says what is held and why; NULL: nothing is.
const char *delivery_held(const struct delivery *delivery);
const struct transaction *delivery_held_transaction(const struct delivery *delivery);

// Once a second: tells how many failures were only counted.
void delivery_tick(struct delivery *delivery, int64_t now);

// Rows whose script failed since the start.
uint64_t delivery_failures(const struct delivery *delivery);

#endif
