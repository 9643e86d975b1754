// SPDX-License-Identifier: MIT
// A stream that nobody else sees: through a slot that goes with its connection. Blocks; for `rowcast record`.
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "postgres_session.h"
#include "postgres_slot.h"
#include "rowcast/clock.h"
#include "rowcast/memory.h"
#include "rowcast/pgoutput.h"
#include "wire.h"

#define STATUS_MICROSECONDS 1000000
#define SILENCE_MICROSECONDS 60000000
#define SLOT_NAME_SIZE 64

struct recording {
    struct postgres_session session;
    const struct postgres_recorder *recorder;
    struct pgoutput *decoder;
    uint64_t written;    // everything before it was taken
    int64_t told, heard; // the last status, the last message; microseconds
    bool open;           // a part of a transaction was taken, but not its last
    bool enough;
};

static void take(void *user, struct transaction *transaction)
{
    struct recording *recording = user;
    uint64_t end = transaction->end_lsn;
    recording->open = !transaction->last;
    if (recording->enough) {
        transaction_free(transaction);
        return;
    }
    recording->enough = !recording->recorder->transaction(recording->recorder->user, transaction);
    if (end)
        recording->written = end;
}

// ---- the stream ----

static int send_status(struct recording *recording, struct fault *fault)
{
    char status[WIRE_STATUS_SIZE];
    PGconn *conn = recording->session.conn;
    recording->told = clock_now();
    wire_status(status, recording->written, recording->written, recording->told, true);
    if (PQputCopyData(conn, status, sizeof status) < 0 || PQflush(conn) < 0)
        return postgres_fault_broken(fault, &recording->session.place);
    return 0;
}

static int take_message(struct recording *recording, const char *bytes, size_t size,
                        struct fault *fault)
{
    struct wire wire = wire_of(bytes, size);
    uint8_t kind = wire_u8(&wire);
    uint64_t first = wire_u64(&wire), second = wire_u64(&wire);
    recording->heard = clock_now();
    if (kind == 'k' && !pgoutput_in_transaction(recording->decoder) && first > recording->written)
        recording->written = first;
    if (kind == 'k' && wire_u8(&wire))
        return send_status(recording, fault);
    if (kind != 'w')
        return 0;
    (void)second;
    wire_u64(&wire);
    return pgoutput_feed(recording->decoder, wire.at, wire_left(&wire), fault);
}

static int end_of_stream(struct recording *recording, struct fault *fault)
{
    PGresult *result = PQgetResult(recording->session.conn);
    int status = PQresultStatus(result) == PGRES_FATAL_ERROR
                     ? postgres_fault_result(fault, &recording->session.place, result)
                     : postgres_fault_broken(fault, &recording->session.place);
    PQclear(result);
    return status;
}

// Until something comes, somebody wants it to end, or a second has passed.
static int wait_for_message(struct recording *recording, struct fault *fault)
{
    PGconn *conn = recording->session.conn;
    struct pollfd fds[] = {{.fd = PQsocket(conn), .events = POLLIN},
                           {.fd = recording->recorder->stop_fd, .events = POLLIN}};
    poll(fds, 2, STATUS_MICROSECONDS / 1000);
    if (fds[0].revents && !PQconsumeInput(conn))
        return postgres_fault_broken(fault, &recording->session.place);
    if (clock_now() - recording->heard > SILENCE_MICROSECONDS)
        return postgres_fault(fault, &recording->session.place,
                              "{where} has been silent for a minute: the recording ends.", NULL);
    return 0;
}

static bool goes_on(const struct recording *recording)
{
    enum postgres_stop stop = recording->recorder->stop(recording->recorder->user);
    return !recording->enough && stop != POSTGRES_STOP_NOW &&
           (stop != POSTGRES_STOP_BETWEEN || recording->open);
}

static int follow(struct recording *recording, struct fault *fault)
{
    int result = 0;
    while (result == 0 && goes_on(recording)) {
        char *bytes;
        int size = PQgetCopyData(recording->session.conn, &bytes, 1);
        if (size > 0) {
            result = take_message(recording, bytes, (size_t)size, fault);
            PQfreemem(bytes);
        } else {
            result =
                size == 0 ? wait_for_message(recording, fault) : end_of_stream(recording, fault);
        }
        if (result == 0 && clock_now() - recording->told >= STATUS_MICROSECONDS)
            result = send_status(recording, fault);
    }
    return result;
}

// ---- the way to it ----

// Commands of a walsender know no parameters.
static PGresult *command(struct recording *recording, char *text, ExecStatusType expected,
                         struct fault *fault)
{
    PGresult *result = PQexec(recording->session.conn, text);
    free(text);
    if (PQresultStatus(result) == expected)
        return result;
    postgres_fault_result(fault, &recording->session.place, result);
    PQclear(result);
    return NULL;
}

static char *quote(struct recording *recording, const char *name, bool as_identifier)
{
    PGconn *conn = recording->session.conn;
    char *identifier = as_identifier ? PQescapeIdentifier(conn, name, strlen(name)) : NULL;
    const char *text = identifier ? identifier : name;
    char *literal = PQescapeLiteral(conn, text, strlen(text));
    char *copy = memory_text(literal ? literal : "''");
    PQfreemem(identifier);
    PQfreemem(literal);
    return copy;
}

// As for the router's own stream: see postgres_check.
static int check(struct recording *recording, const char *publication, struct fault *fault)
{
    char *name = quote(recording, publication, false);
    PGresult *result = command(
        recording,
        memory_format("SELECT EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubname = %s), "
                      "CASE WHEN pg_catalog.current_setting('server_encoding') = 'SQL_ASCII' "
                      "THEN pg_catalog.set_config('client_encoding', 'SQL_ASCII', false) END",
                      name),
        PGRES_TUPLES_OK, fault);
    free(name);
    if (!result)
        return -1;
    bool there = postgres_is_true(result, 0, 0);
    PQclear(result);
    return there ? 0
                 : postgres_fault(fault, &recording->session.place, POSTGRES_NO_PUBLICATION, NULL);
}

static int make_slot(struct recording *recording, const struct postgres_config *config, FILE *out,
                     struct fault *fault)
{
    char *text = memory_format("CREATE_REPLICATION_SLOT \"%s\" TEMPORARY LOGICAL pgoutput "
                               "NOEXPORT_SNAPSHOT",
                               config->slot);
    int sent = PQsendQuery(recording->session.conn, text);
    free(text);
    if (!sent)
        return postgres_fault_broken(fault, &recording->session.place);
    return postgres_slot_wait(&recording->session, config, "rowcast record", out, fault);
}

static int begin_stream(struct recording *recording, const struct postgres_config *config,
                        struct fault *fault)
{
    char *publication = quote(recording, config->publication, true);
    PGresult *result =
        command(recording,
                memory_format("START_REPLICATION SLOT \"%s\" LOGICAL 0/0 (proto_version '1', "
                              "publication_names %s, messages 'true')",
                              config->slot, publication),
                PGRES_COPY_BOTH, fault);
    free(publication);
    PQclear(result);
    recording->heard = recording->told = clock_now();
    return result ? 0 : -1;
}

static int run(struct recording *recording, const struct postgres_config *config, FILE *out,
               struct fault *fault)
{
    if (check(recording, config->publication, fault) < 0 ||
        make_slot(recording, config, out, fault) < 0)
        return -1;
    if (recording->recorder->began(recording->recorder->user, fault) < 0 ||
        begin_stream(recording, config, fault) < 0)
        return -1;
    return follow(recording, fault);
}

int postgres_record(const struct postgres_config *config, const struct postgres_recorder *recorder,
                    FILE *out, struct fault *fault)
{
    char slot[SLOT_NAME_SIZE];
    struct postgres_config own = *config;
    snprintf(slot, sizeof slot, "rowcast_record_%ld_%08" PRIx32, (long)getpid(),
             (uint32_t)clock_now());
    own.slot = slot;
    struct recording recording = {.recorder = recorder};
    if (postgres_session_open_walsender(&recording.session, &own, fault) < 0)
        return -1;
    recording.decoder = pgoutput_new(take, &recording);
    int result = run(&recording, &own, out, fault);
    pgoutput_free(recording.decoder);
    postgres_session_close(&recording.session); // and the slot goes with it
    return result;
}
