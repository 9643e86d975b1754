// SPDX-License-Identifier: MIT
// What goes wrong with a database, as sentences. Private to this room.
#ifndef ROWCAST_SOURCE_POSTGRES_FAULT_H
#define ROWCAST_SOURCE_POSTGRES_FAULT_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "postgres_conninfo.h"
#include "postgres_service.h"
#include "rowcast/buffer.h"
#include "rowcast/fault.h"

// What the sentences name. Borrowed texts; conn may be NULL.
struct postgres_place {
    const struct conninfo *info;
    const PGconn *conn;
    const char *slot, *publication;
    const struct postgres_service *service; // NULL: the host's name tells
};

// All return -1 and fill `fault` with EXIT_UNAVAILABLE. A sentence is a text in which these stand
// for what they say: {where} the database with host and port, {user}, {role} the user as an SQL
// identifier, {database}, {slot}, {publication} (as {slot}, in plain), {said} the server's own
// words; {log_rows}, {admin}, {replicate}, {direct}, {ca}, {ipv6} what its service says to that, where
// {direct_host} is the host behind a pooler.
int postgres_fault(struct fault *fault, const struct postgres_place *place, const char *sentence,
                   const char *said);
void postgres_append_sentence(struct buffer *text, const struct postgres_place *place,
                              const char *sentence, const char *said);

// A connection could not be made, or one that was made broke: PQerrorMessage tells.
int postgres_fault_connection(struct fault *fault, const struct postgres_place *place);
int postgres_fault_broken(struct fault *fault, const struct postgres_place *place);

// A command failed, or the stream ended with an error.
int postgres_fault_result(struct fault *fault, const struct postgres_place *place,
                          const PGresult *result);

// A query of a snapshot failed. EXIT_CONFIGURATION if it will fail again.
int postgres_fault_query(struct fault *fault, const struct postgres_place *place,
                         const PGresult *result);

// A server from 18 on warns that a change is left out, as there was no publication where it was made. Earlier ones
// fail there, with 42704.
bool postgres_is_skip(const PGresult *notice);

// Sentences that are not answers to an error: what the checks before the start find.
extern const char POSTGRES_WAL_LEVEL[], POSTGRES_STANDBY[], POSTGRES_NO_PUBLICATION[],
    POSTGRES_NO_PUBLICATION_THEN[], POSTGRES_NO_SLOT[], POSTGRES_SLOT_LOST[],
    POSTGRES_SLOT_DATABASE[], POSTGRES_SLOT_PHYSICAL[], POSTGRES_SLOT_PLUGIN[],
    POSTGRES_SLOT_ACTIVE[], POSTGRES_SLOT_NAME[], POSTGRES_NO_REPLICATION[];

#endif
