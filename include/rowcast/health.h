// SPDX-License-Identifier: MIT
// What /health and /ready say: the checks, and what they add up to. Pure.
#ifndef ROWCAST_HEALTH_H
#define ROWCAST_HEALTH_H

#include <stdbool.h>

#include "rowcast/buffer.h"

#define HEALTH_SENTENCE 512

struct health {
    bool source_ok;  // the stream runs (or has come to its end)
    bool scripts_ok; // the newest scripts are the running ones
    bool draining;
    char source[HEALTH_SENTENCE]; // "ok", or why not
    bool source_private;          // the sentence may name hosts, databases and files
    char scripts[HEALTH_SENTENCE];
    bool slot_risky;                // the slot makes the server keep too much WAL
    char slot[HEALTH_SENTENCE];     // "ok", or what it keeps and why; "": there is none
    bool held;                      // the stream stands still at a transaction whose script fails
    char delivery[HEALTH_SENTENCE]; // why, if it is held; names scripts, and may quote a row
};

enum health_reader { HEALTH_PUBLIC, HEALTH_OPERATOR };

// What stands for a private sentence where anybody may read it.
#define HEALTH_SOURCE_AWAY                                                                         \
    "the change stream is not available; the log and the admin port's /ready say why"
#define HEALTH_SLOT_RISK                                                                           \
    "the replication slot keeps more than it should; the log and the admin port's /ready say why"
#define HEALTH_DELIVERY_HELD                                                                       \
    "the stream is held at a row whose script fails; the log and the admin port's /ready say which"

bool health_ready(const struct health *health);
const char *health_word(const struct health *health); // "ok", "degraded" or "unavailable"
void health_write_alive(struct buffer *out);          // the body of /health
// The body of /ready.
void health_write_ready(const struct health *health, enum health_reader reader, struct buffer *out);

#endif
