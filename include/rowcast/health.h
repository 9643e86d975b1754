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
    char scripts[HEALTH_SENTENCE];
};

bool health_ready(const struct health *health);
void health_write_alive(struct buffer *out);                              // the body of /health
void health_write_ready(const struct health *health, struct buffer *out); // the body of /ready

#endif
