// SPDX-License-Identifier: MIT
// How a connection is made: the user's parameters and ours. With the other postgres_*.c the one
// door to libpq. Private to this room.
#ifndef ROWCAST_SOURCE_POSTGRES_CONNINFO_H
#define ROWCAST_SOURCE_POSTGRES_CONNINFO_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

#include "rowcast/fault.h"

#define CONNINFO_MAX 64             // libpq 15 knows 45 keywords
#define CONNINFO_CONNECT_SECONDS 10 // unless the user says connect_timeout

struct conninfo {
    char *keywords[CONNINFO_MAX + 1]; // NULL-terminated, as PQconnectStartParams wants them
    char *values[CONNINFO_MAX + 1];
    int count;
};

// Reads a URI or keywords, and adds what every connection of ours has: how values print (design 5),
// UTF-8, our name. `replication` makes it a walsender's. No text of the input is in the sentence: a
// mistake in it may have put the password anywhere.
int conninfo_init(struct conninfo *info, const char *database, bool replication,
                  struct fault *fault);
void conninfo_copy(struct conninfo *copy, const struct conninfo *info);
void conninfo_release(struct conninfo *info);

const char *conninfo_get(const struct conninfo *info, const char *keyword); // or NULL
void conninfo_set(struct conninfo *info, const char *keyword, const char *value);

long conninfo_connect_milliseconds(const struct conninfo *info);

#endif
