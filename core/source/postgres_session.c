// SPDX-License-Identifier: MIT
// Connections that block.
#include "postgres_session.h"

#include <string.h>

// The server's notices ("wal_level is insufficient", ...) say again what our sentences say.
static void ignore_notice(void *user, const PGresult *result)
{
    (void)user;
    (void)result;
}

static int open_as(struct postgres_session *session, const struct postgres_config *config,
                   bool walsender, struct fault *fault)
{
    *session = (struct postgres_session){0};
    if (conninfo_init(&session->info, config->database, walsender, fault) < 0)
        return -1;
    session->conn = PQconnectdbParams((const char *const *)session->info.keywords,
                                      (const char *const *)session->info.values, 0);
    session->place = (struct postgres_place){.info = &session->info,
                                             .conn = session->conn,
                                             .slot = config->slot,
                                             .publication = config->publication};
    if (PQstatus(session->conn) == CONNECTION_OK) {
        PQsetNoticeReceiver(session->conn, ignore_notice, NULL);
        return 0;
    }
    postgres_fault_connection(fault, &session->place);
    postgres_session_close(session);
    return -1;
}

int postgres_session_open(struct postgres_session *session, const struct postgres_config *config,
                          struct fault *fault)
{
    return open_as(session, config, false, fault);
}

int postgres_session_open_walsender(struct postgres_session *session,
                                    const struct postgres_config *config, struct fault *fault)
{
    return open_as(session, config, true, fault);
}

int postgres_session_check_stream(const struct postgres_config *config, struct fault *fault)
{
    struct postgres_session session;
    if (postgres_session_open_walsender(&session, config, fault) < 0)
        return -1;
    PGresult *result = PQexec(session.conn, "IDENTIFY_SYSTEM");
    int failed = 0;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        failed = postgres_fault_result(fault, &session.place, result);
    PQclear(result);
    postgres_session_close(&session);
    return failed;
}

void postgres_session_close(struct postgres_session *session)
{
    PQfinish(session->conn);
    conninfo_release(&session->info);
    *session = (struct postgres_session){0};
}

PGresult *postgres_session_query(struct postgres_session *session, const char *sql,
                                 const char *const *values, int count, struct fault *fault)
{
    PGresult *result = PQexecParams(session->conn, sql, count, NULL, values, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return result;
    postgres_fault_result(fault, &session->place, result);
    PQclear(result);
    return NULL;
}

const char *postgres_field(const PGresult *result, int row, int column)
{
    return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

bool postgres_is_true(const PGresult *result, int row, int column)
{
    const char *value = postgres_field(result, row, column);
    return value && value[0] == 't';
}

static void append_and_free(struct buffer *text, char *quoted)
{
    if (quoted)
        buffer_append_text(text, quoted);
    PQfreemem(quoted);
}

void postgres_append_identifier(struct buffer *text, const struct postgres_session *session,
                                const char *name)
{
    append_and_free(text, PQescapeIdentifier(session->conn, name, strlen(name)));
}

void postgres_append_literal(struct buffer *text, const struct postgres_session *session,
                             const char *value)
{
    append_and_free(text, PQescapeLiteral(session->conn, value, strlen(value)));
}
