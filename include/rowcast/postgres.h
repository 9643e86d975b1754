// SPDX-License-Identifier: MIT
// The change stream of a PostgreSQL database through one replication slot (chapters 49 and 55.4).
#ifndef ROWCAST_POSTGRES_H
#define ROWCAST_POSTGRES_H

#include <stdbool.h>
#include <stdio.h>
#include <uv.h>

#include "rowcast/arena.h"
#include "rowcast/change.h"
#include "rowcast/slot.h"
#include "rowcast/source.h"

struct postgres_config {
    const char *database; // libpq URI or keywords
    const char *slot;     // lower case, digits, underscore
    const char *publication;
    int64_t history_time; // milliseconds that delivered WAL stays behind the slot for a restart
    uint64_t replay_wal;  // but at most so many bytes of it
    uint64_t slot_limit;  // bytes of WAL kept for the slot at which `rowcast db status` complains
    bool
        recreate_slot; // a lost slot is dropped and made anew: what was committed meanwhile is skipped
    bool retry;        // false: the first failure ends the source (`ended` with EXIT_UNAVAILABLE)
};

struct postgres_source;

// Connects in the background and keeps trying with jittered backoff for as long as it lives. It
// changes nothing in the database: a missing publication or slot is a `lost` with the command that makes it.
// On each reconnect names the last transaction it delivered, so that this comes again: where another one
// comes, the log is another one, and the stream begins anew (`gap`). Goes on after a promotion that kept all
// that was delivered. Acknowledges a transaction's end_lsn after `transaction` returned, never inside one, and
// never to a server that has not proved to have the log that was read.
struct postgres_source *postgres_source_start(uv_loop_t *loop, const struct postgres_config *config,
                                              const struct source_callbacks *callbacks, void *user);
void postgres_source_pause(struct postgres_source *source,
                           bool paused); // stops reading, not answering

// From inside `transaction`: who got it keeps it, and it is not safe. Nothing more is delivered or acknowledged; what
// comes is read, so that the server can stop, and thrown away. With `held` false again the transaction counts as safe,
// and the stream goes on behind it. A stream that begins with a gap is not held. NULL is fine.
void postgres_source_hold(struct postgres_source *source, bool held);

// Where a source is, for who watches it. Texts live as long as the source.
struct postgres_progress {
    const char *system; // identifier of the cluster; NULL before the first stream
    bool streaming;     // the connection stands and the stream runs
    uint64_t server;    // where the server's log ends, as far as was heard; 0: not heard yet
    uint64_t safe;      // everything before it was delivered
    uint64_t flushed;   // acknowledged for good: the server keeps its log from here
};

void postgres_source_progress(const struct postgres_source *source,
                              struct postgres_progress *progress);
// What the slot costs the server, as it was seen some seconds ago at most while the stream runs, and at the last
// attempt otherwise; and how far the stream is behind now. No I/O.
void postgres_source_slot(struct postgres_source *source, struct slot *slot);

// Asks the server how far it is: soon `passed` is called, where nothing is in flight.
void postgres_source_ask(struct postgres_source *source);
void postgres_source_close(
    struct postgres_source *source); // asynchronous; NULL is fine; no callback after it

// ---- what `rowcast record` does; it blocks ----

enum postgres_stop { POSTGRES_STOP_NOT, POSTGRES_STOP_BETWEEN, POSTGRES_STOP_NOW };

struct postgres_recorder {
    // The slot is there: what is committed from now on comes. -1 with a sentence ends it.
    int (*began)(void *user, struct fault *fault);
    // Takes the transaction (or part) over. False: enough.
    bool (*transaction)(void *user, struct transaction *transaction);
    // Asked again and again, at once when `stop_fd` is readable: whether to end, between two transactions or now.
    enum postgres_stop (*stop)(void *user);
    int stop_fd; // -1: none
    void *user;
};

// Streams through a temporary slot of its own (config->slot does not count) until it is told to stop: 0, or -1 with a
// sentence. Says on `out` for what it waits.
int postgres_record(const struct postgres_config *config, const struct postgres_recorder *recorder,
                    FILE *out, struct fault *fault);

// ---- what `rowcast db` does; these block ----

// A table of the scripts: "public.trades".
struct postgres_table {
    const char *schema, *table;
};

// Makes publication (first) and slot where missing and adds missing tables; idempotent. Tables must
// exist, with the spelling of the script file (did-you-mean otherwise); one whose updates would fail for want
// of a replica identity is refused unless `identity_full`, which then sets REPLICA IDENTITY FULL on it.
// A lost slot is refused unless the configuration says `recreate_slot`.
// `dry_run` prints the SQL instead of running it. Says on `out` what it did.
int postgres_setup(const struct postgres_config *config, const struct postgres_table *tables,
                   size_t table_count, bool identity_full, bool dry_run, FILE *out,
                   struct fault *fault);

// Prints what the scripts of each table get of the old row, and the tables without a script, as comments of SQL.
int postgres_guide(const struct postgres_config *config, const struct postgres_table *tables,
                   size_t table_count, FILE *out, struct fault *fault);

// Drops slot and publication where they are there; idempotent. A slot that is being read, or that is another
// program's, is refused. Says on `out` what it did.
int postgres_drop(const struct postgres_config *config, bool dry_run, FILE *out,
                  struct fault *fault);

// ---- what `rowcast check` and `rowcast new` ask; it blocks ----

#define POSTGRES_DESCRIBED_ROWS 3

struct postgres_described {
    const char *suggestion; // of a name nearly like it, where it does not exist; or NULL
    const struct relation *
        relation; // the columns that are sent, those of the replica identity as keys; NULL: none such
    const char *unfit; // why it can never be published; NULL: it can
    bool published;
    bool lacks_identity;  // its UPDATE and DELETE fail while it is published
    bool full;            // old rows are whole, or, for a partitioned table, may be
    const char *identity; // in words
    const struct row *rows[POSTGRES_DESCRIBED_ROWS];
    uint32_t row_count;
    bool sampled; // rows that are in it; else one that might be
};

struct postgres_description {
    struct arena arena;
    bool publication;                  // there is one
    struct postgres_described *tables; // as they were asked for
    size_t table_count;
};

// Looks and changes nothing. 0, or -1 with a sentence; to be released in both cases.
int postgres_describe(const struct postgres_config *config, const struct postgres_table *tables,
                      size_t table_count, struct postgres_description *description,
                      struct fault *fault);
void postgres_description_release(struct postgres_description *description);

// Prints server, publication, slot, lag, retained WAL, replica identities, and for each thing missing
// the command that makes it. 0 if all is in place, 1 if something is missing, -1 with a sentence if it cannot tell.
int postgres_status(const struct postgres_config *config, const struct postgres_table *tables,
                    size_t table_count, FILE *out, struct fault *fault);

#endif
