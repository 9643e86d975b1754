// SPDX-License-Identifier: MIT
// What the brain counts, and how all that is counted is written for Prometheus. Owned by the brain's
// thread. Names from outside are bounded (tally.h).
#ifndef ROWCAST_METRICS_H
#define ROWCAST_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "rowcast/buffer.h"
#include "rowcast/change.h"
#include "rowcast/histogram.h"
#include "rowcast/history.h"
#include "rowcast/tally.h"

#define CLIENTS_SCRIPT "client.lua" // as the metrics call it

struct status;

// Of one script file.
struct script_figures {
    uint64_t rows, events, errors;
    struct histogram seconds; // of each run over rows that follow each other in a transaction
};

struct row_figures {
    uint64_t ops[CHANGE_MESSAGE + 1];
};

struct metrics {
    uint64_t transactions, connections, messages, reconnects;
    uint64_t resent; // missed events, delivered from the history
    uint64_t reloads, reload_failures;
    uint64_t resumes[RESUME_COUNT];
    struct tally rows;        // struct row_figures, by table as its script is named
    struct tally events;      // uint64_t, by type
    struct tally disconnects; // uint64_t, by reason
    struct tally errors;      // uint64_t, told to clients, by code
    struct tally scripts;     // struct script_figures, by file below the folder
};

void metrics_init(struct metrics *metrics);
void metrics_release(struct metrics *metrics);

// The table of a change as its script is named: "trades", "depot.bays".
const char *metrics_table(const struct change *change);

void metrics_count(struct tally *tally, const char *name, size_t size); // of uint64_t
void metrics_change(struct metrics *metrics, const struct change *change);
void metrics_disconnect(struct metrics *metrics, int code);
void metrics_know(struct metrics *metrics, const char *script); // is shown from now on, with 0
void metrics_ran(struct metrics *metrics, const char *script, uint64_t rows, uint64_t events,
                 int64_t nanoseconds);
void metrics_failed(struct metrics *metrics, const char *script);

// The text of /metrics.
void metrics_write(const struct metrics *metrics, const struct status *status, struct buffer *out);

#endif
