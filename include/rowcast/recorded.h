// SPDX-License-Identifier: MIT
// Recorded rows (contract section 7): JSON lines, one transaction each.
#ifndef ROWCAST_RECORDED_H
#define ROWCAST_RECORDED_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "rowcast/buffer.h"
#include "rowcast/source.h"

// ---- the reader: lines in, transactions out; pure ----

struct recorded_reader;

typedef void recorded_deliver(void *user, struct transaction *transaction); // takes it over

struct recorded_reader *recorded_reader_new(recorded_deliver *deliver, void *user);
void recorded_reader_free(struct recorded_reader *reader); // NULL is fine

// From now on a transaction may have any "lsn", not only one above that of the transaction before.
void recorded_reader_any_order(struct recorded_reader *reader);

// Reads one line (without its line end). Blank lines are skipped but counted. A line with "more":true
// is held until the one that ends its transaction. `now` (microseconds) stands in for a missing time.
// 0, or -1 with a sentence that names the line.
int recorded_reader_line(struct recorded_reader *reader, const char *line, size_t size, int64_t now,
                         struct fault *fault);
// The input ended: -1 with a sentence if a transaction is unfinished.
int recorded_reader_end(struct recorded_reader *reader, struct fault *fault);

// ---- the writer: transactions in, lines out; pure ----

#define RECORDED_MAX_LINE (64u << 20) // a longer one is refused by the reader

// Appends the changes of the transaction (or part) from number `from` on as one line with its line end: as
// many as fit into the buffer, whose maximum should not pass RECORDED_MAX_LINE. `notes` (may be NULL) are
// further members of the line, each with its comma behind, which the reader passes over. Returns the number of
// the first change that is not in it; while that is below change_count the line says "more":true, and the rest
// goes to the next. Returns `from` without appending anything where not even one change fits.
// What is read from the lines makes scripts see what they saw of the original, byte for byte.
uint32_t recorded_write(struct buffer *out, const struct transaction *transaction, uint32_t from,
                        const char *notes);

// ---- a whole file, at once: for replay ----

// The transactions may stand in any order, as in a file that several runs have appended to.
int recorded_read_file(const char *path, recorded_deliver *deliver, void *user,
                       struct fault *fault);

// ---- the source: a file or "-" (standard input) on a loop ----

struct recorded_source;

int recorded_source_start(struct recorded_source **source, uv_loop_t *loop, const char *path,
                          const struct source_callbacks *callbacks, void *user,
                          struct fault *fault);
void recorded_source_pause(struct recorded_source *source, bool paused);
void recorded_source_close(
    struct recorded_source *source); // asynchronous; NULL is fine; no callback after it

// The identity of every file: ids depend on lsn or line number alone.
struct source_identity recorded_identity(void);

#endif
