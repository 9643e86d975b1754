// SPDX-License-Identifier: MIT
// The stream itself: messages in, transactions up, positions back.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "postgres_source.h"
#include "rowcast/clock.h"
#include "wire.h"

#define MESSAGES_PER_TURN 512
#define TURN_TIME 5000000 // nanoseconds: scripts may take long, and others wait
#define STATUS_MILLISECONDS 1000
#define SILENCE_FIRST 5000 // milliseconds; twice as long each time that nothing came of it:
#define SILENCE_LAST 60000 // a server may be silent while it decodes a very large transaction

// ---- positions back ----

static void put_status(struct postgres_source *source, uint64_t flushed, bool ask)
{
    char status[WIRE_STATUS_SIZE];
    uint64_t written = source->held ? source->server_end : source->safe;
    wire_status(status, written, flushed, clock_now(), ask);
    PQputCopyData(source->conn, status, sizeof status);
}

static void acknowledge(struct postgres_source *source, uint64_t flushed)
{
    put_status(source, flushed, false);
    if (flushed > source->acknowledged)
        source->acknowledged = flushed;
}

// The slot is held back, so that a restart reads its history anew. A server that stops waits until what
// it sent is flushed, or, where that is unknown (0), written: hence the second status. Where nothing is
// in flight `safe` follows the server's own position, so that WAL of other tables is freed in time. What is thrown
// away while the stream is held counts as written too, or the server could not stop; only flushed moves the slot.
static void send_status(struct postgres_source *source, bool ask)
{
    int64_t now = (int64_t)uv_now(source->loop);
    window_add(&source->window, source->safe, now);
    if (!source->unproven)
        acknowledge(source, window_held(&source->window, source->server_end, now));
    put_status(source, 0, ask);
}

// Writes what can be written and waits for the rest. False: the connection broke, and the source
// failed.
static bool flush(struct postgres_source *source)
{
    int left = PQflush(source->conn);
    if (left < 0) {
        postgres_fail_broken(source);
        return false;
    }
    postgres_watch(source, (source->paused ? 0 : UV_READABLE) | (left ? UV_WRITABLE : 0));
    return true;
}

static bool is_streaming(const struct postgres_source *source)
{
    return source->state == POSTGRES_STREAMING;
}

// ---- transactions up ----

// A connection that broke within a transaction too large to hand over whole: the same changes come
// again behind the next start, and what was delivered is left out.
static void leave_out_delivered(struct postgres_source *source, struct transaction *transaction)
{
    uint32_t count = 0;
    if (!source->cut || transaction->lsn != source->last.lsn)
        return;
    while (count < transaction->change_count &&
           transaction->changes[count].index < source->cut_next)
        count++;
    transaction->change_count -= count;
    memmove(transaction->changes, transaction->changes + count,
            transaction->change_count * sizeof *transaction->changes);
}

static void note_last(struct postgres_source *source, const struct transaction *transaction)
{
    source->last.lsn = transaction->lsn;
    source->last.xid = transaction->xid;
    source->last.time = transaction->time;
    source->cut = !transaction->last;
    if (transaction->change_count > 0)
        source->cut_next = transaction->changes[transaction->change_count - 1].index + 1;
}

static void advance(struct postgres_source *source, uint64_t lsn)
{
    source->safe = lsn;
    if (!source->behind || source->unproven || lsn < source->target)
        return;
    source->behind = false;
    source->callbacks.caught_up(source->user);
}

static void note_delivered(struct postgres_source *source, uint64_t end_lsn)
{
    advance(source, end_lsn);
    source->failures = 0;
    source->silence = SILENCE_FIRST;
}

void postgres_stream_deliver(void *user, struct transaction *transaction)
{
    struct postgres_source *source = user;
    if (source->closing || !is_streaming(source) || !postgres_prove(source, transaction)) {
        transaction_free(transaction);
        return;
    }
    if (transaction->lsn < source->safe) { // it came again as the proof
        transaction_free(transaction);
        advance(source, source->safe);
        return;
    }
    leave_out_delivered(source, transaction);
    if (!transaction->last && transaction->change_count == 0) {
        transaction_free(transaction);
        return;
    }
    uint64_t end_lsn = transaction->last ? transaction->end_lsn : 0;
    note_last(source, transaction);
    source->callbacks.transaction(source->user, transaction);
    if (end_lsn && source->held)
        source->held_end = end_lsn;
    else if (end_lsn)
        note_delivered(source, end_lsn);
}

void postgres_stream_release(struct postgres_source *source)
{
    uint64_t end = source->held_end;
    source->held_end = 0;
    if (source->gap[0])
        return; // the next stream begins anew: what was held has no place in it
    if (end && is_streaming(source) && !source->missed)
        note_delivered(source, end);
    else if (end)
        source->safe = end; // the next stream begins there
    if (is_streaming(source) && source->missed)
        postgres_start_over(source);
}

// ---- messages in ----

static void on_data(struct postgres_source *source, struct wire *wire)
{
    wire_u64(wire); // where the record begins: not in order
    uint64_t end = wire_u64(wire);
    wire_u64(wire); // the server's clock
    struct fault fault;
    if (end > source->server_end)
        source->server_end = end;
    source->missed |= source->held;
    if (!source->held && pgoutput_feed(source->decoder, wire->at, wire_left(wire), &fault) < 0)
        postgres_fail(source, &fault);
}

// The next commit may begin right at `end`.
static void pass(struct postgres_source *source, uint64_t end)
{
    if (end >= source->safe && source->callbacks.passed)
        source->callbacks.passed(source->user, end - 1);
    advance(source, end > source->safe ? end : source->safe);
}

static void on_keepalive(struct postgres_source *source, struct wire *wire)
{
    uint64_t end = wire_u64(wire);
    wire_u64(wire); // the server's clock
    bool asked = wire_u8(wire);
    if (wire->wrong)
        return;
    if (end > source->server_end)
        source->server_end = end;
    if (!source->held && !pgoutput_in_transaction(source->decoder) &&
        postgres_prove_passed(source, end))
        pass(source, end);
    if (asked && is_streaming(source))
        send_status(source, false);
}

static void on_message(struct postgres_source *source, const char *bytes, size_t size)
{
    struct wire wire = wire_of(bytes, size);
    source->heard = uv_now(source->loop);
    switch (wire_u8(&wire)) {
    case 'w':
        on_data(source, &wire);
        break;
    case 'k':
        on_keepalive(source, &wire);
        break;
    }
}

// The stream is over: the server says why, or just goes.
static void on_end(struct postgres_source *source)
{
    PGresult *result = PQgetResult(source->conn);
    if (PQresultStatus(result) == PGRES_FATAL_ERROR)
        postgres_fail_result(source, result);
    else if (result)
        postgres_fail_as(source, "{where} is being stopped. It is asked again until it is back.",
                         NULL);
    else
        postgres_fail_broken(source);
    PQclear(result);
}

// True if libpq may hold more messages.
static bool take_messages(struct postgres_source *source)
{
    uint64_t until = uv_hrtime() + TURN_TIME;
    for (int i = 0; i < MESSAGES_PER_TURN && uv_hrtime() < until; i++) {
        if (source->paused)
            return false;
        char *bytes;
        int size = PQgetCopyData(source->conn, &bytes, 1);
        if (source->skipped)
            postgres_fail_as(source, POSTGRES_NO_PUBLICATION_THEN, NULL);
        else if (size < 0)
            on_end(source);
        else if (size > 0)
            on_message(source, bytes, (size_t)size);
        if (size > 0)
            PQfreemem(bytes);
        if (size <= 0)
            return false;
        if (!is_streaming(source))
            return false;
    }
    return true;
}

// Under TLS one call may leave a part of a record decrypted but unread, and the socket does not
// tell: a record is 16 KiB at most and each call reads 8 KiB at least.
static bool read_socket(struct postgres_source *source)
{
    bool open = true;
    for (int calls = PQsslInUse(source->conn) ? 3 : 1; calls > 0 && open; calls--)
        open = PQconsumeInput(source->conn);
    return open;
}

void postgres_stream_proceed(struct postgres_source *source, bool readable)
{
    if (readable && !source->paused) {
        // What had arrived before the connection broke still counts.
        bool broken = !read_socket(source);
        bool more = take_messages(source);
        if (!is_streaming(source))
            return;
        if (broken && !more) {
            postgres_fail_broken(source);
            return;
        }
        postgres_drain(source, more);
    }
    flush(source);
}

// ---- time ----

static uint64_t silent_for(const struct postgres_source *source)
{
    return source->paused ? 0 : uv_now(source->loop) - source->heard;
}

static void give_up(struct postgres_source *source)
{
    char said[32];
    snprintf(said, sizeof said, "%" PRIu64 " seconds", source->silence / 1000);
    if (source->silence < SILENCE_LAST)
        source->silence *= 2;
    postgres_fail_as(
        source,
        "{where} has been silent for {said}, though it was asked each second: the "
        "connection is made anew. If this stays, look at the network and at the server's "
        "load.",
        said);
}

// Each status asks for an answer, so that a dead server is noticed. When this process itself was
// busy, the answers wait in the socket: they are read before the verdict.
void postgres_stream_tick(struct postgres_source *source)
{
    if (silent_for(source) > source->silence)
        postgres_stream_proceed(source, true);
    if (!is_streaming(source))
        return;
    if (silent_for(source) > source->silence) {
        give_up(source);
        return;
    }
    send_status(source, !source->paused);
    if (flush(source))
        postgres_wake(source, STATUS_MILLISECONDS);
}

void postgres_source_ask(struct postgres_source *source)
{
    if (!is_streaming(source) || source->closing)
        return;
    send_status(source, !source->paused);
    flush(source);
}

// ---- life ----

void postgres_stream_begin(struct postgres_source *source)
{
    source->state = POSTGRES_STREAMING;
    source->started = source->heard = uv_now(source->loop);
    if (source->silence == 0)
        source->silence = SILENCE_FIRST;
    source->identity.gap = source->gap[0] ? source->gap : NULL;
    if (source->gap[0]) {
        source->held = false;
        source->held_end = 0;
    }
    source->missed = source->held;
    if (source->safe == 0)
        source->safe = source->acknowledged = source->confirmed;
    source->unproven = source->confirmed < source->safe || source->cut;
    // A commit may begin right at `safe`.
    source->identity.lsn = source->safe > 0 ? source->safe - 1 : 0;
    window_add(&source->window, source->safe, (int64_t)source->started);
    source->target = source->server_end;
    source->behind = true;
    source->waits_since = 0;
    source->superseded = false;
    source->recreating = false;
    source->reported.text[0] = '\0';
    pgoutput_reset(source->decoder);
    postgres_wake(source, STATUS_MILLISECONDS);
    postgres_drain(source, !source->paused); // messages may have come with the answer
    if (source->unproven)
        send_status(source, true); // a quiet server says by its answer that there is nothing
    if (!flush(source))
        return;
    postgres_watch_slot(source);
    source->callbacks.started(source->user, &source->identity);
    source->gap[0] = '\0';
    if (!source->closing && is_streaming(source))
        advance(source, source->safe);
}

void postgres_stream_brake(struct postgres_source *source)
{
    source->heard = uv_now(source->loop);
    postgres_drain(source, !source->paused); // libpq may hold what the socket no longer tells
    postgres_watch(source, source->paused ? 0 : UV_READABLE);
}

void postgres_stream_farewell(struct postgres_source *source)
{
    send_status(source, false);
    PQflush(source->conn);
}
