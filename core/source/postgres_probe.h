// SPDX-License-Identifier: MIT
// Asks the server the same question every few seconds, on a connection of its own beside the stream's, which is
// busy with the stream. Never blocks, and costs nobody anything if it fails. Private to this room.
#ifndef ROWCAST_SOURCE_POSTGRES_PROBE_H
#define ROWCAST_SOURCE_POSTGRES_PROBE_H

#include "postgres_conninfo.h"
#include "postgres_socket.h"

#define POSTGRES_PROBE_MILLISECONDS 5000 // between two questions; and how long each may take

// `result`: the rows. NULL: there was no answer this time, nor the time before; `conn` tells why.
typedef void postgres_probe_answered(void *user, const PGresult *result, const PGconn *conn);

enum postgres_probe_state {
    PROBE_AWAY,
    PROBE_CONNECTING,
    PROBE_RESTING,
    PROBE_ASKING,
};

struct postgres_probe {
    struct postgres_socket socket;
    uv_timer_t timer;
    postgres_probe_answered *answered;
    void *user;

    enum postgres_probe_state state;
    struct conninfo info;
    char *question;
    PGconn *conn;
    int failures;     // in a row
    PGresult *result; // the first one of the question under way
};

void postgres_probe_init(struct postgres_probe *probe, uv_loop_t *loop,
                         postgres_probe_answered *answered, void *user);

// Begins to ask `question` (one that gives rows) of the very server that `stream` is connected to.
void postgres_probe_start(struct postgres_probe *probe, const char *database, const PGconn *stream,
                          const char *question);
void postgres_probe_stop(struct postgres_probe *probe);

// Stopped, and for good; the struct may be freed in `closed`, which gets the timer.
void postgres_probe_close(struct postgres_probe *probe, uv_close_cb closed);

#endif
