// SPDX-License-Identifier: MIT
// A plain connection that waits for its answers: for what `rowcast db` does. Private to this room.
#ifndef ROWCAST_SOURCE_POSTGRES_SESSION_H
#define ROWCAST_SOURCE_POSTGRES_SESSION_H

#include "postgres_conninfo.h"
#include "postgres_fault.h"
#include "rowcast/buffer.h"
#include "rowcast/postgres.h"

struct postgres_session {
    struct conninfo info;
    PGconn *conn;
    struct postgres_place place;
};

// 0, or -1 with a sentence; then there is nothing to close.
int postgres_session_open(struct postgres_session *session, const struct postgres_config *config,
                          struct fault *fault);
// As a walsender, which knows simple queries only.
int postgres_session_open_walsender(struct postgres_session *session,
                                    const struct postgres_config *config, struct fault *fault);
// Whether the connection of a stream would be one: a pooler may let a plain one through only. 0, or -1 with a sentence.
int postgres_session_check_stream(const struct postgres_config *config, struct fault *fault);
void postgres_session_close(struct postgres_session *session);

// NULL with a sentence unless the answer is rows or a completed command. Free it with PQclear.
PGresult *postgres_session_query(struct postgres_session *session, const char *sql,
                                 const char *const *values, int count, struct fault *fault);

const char *postgres_field(const PGresult *result, int row, int column); // NULL for NULL
bool postgres_is_true(const PGresult *result, int row, int column);

// Both append in quotes what may stand in SQL.
void postgres_append_identifier(struct buffer *text, const struct postgres_session *session,
                                const char *name);
void postgres_append_literal(struct buffer *text, const struct postgres_session *session,
                             const char *value);

#endif
