// SPDX-License-Identifier: MIT
// The admin port: a small HTTP server on the brain's loop. Never blocks it: clients are few, have
// little time, and are written to as fast as they read.
#ifndef ROWCAST_ADMIN_H
#define ROWCAST_ADMIN_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "rowcast/address.h"
#include "rowcast/fault.h"
#include "rowcast/frame.h"
#include "rowcast/http.h"

struct admin;

// Answers a request (GET or HEAD alike) with one reference.
typedef struct frame *admin_respond(void *user, const struct http_request *request);

struct admin_config {
    struct address address; // not off
    int64_t timeout;        // milliseconds for a request to arrive
    size_t max_header;      // bytes
};

// Listens. On failure -1 with a sentence (EXIT_UNAVAILABLE).
int admin_start(struct admin **admin, uv_loop_t *loop, const struct admin_config *config,
                admin_respond *respond, void *user, struct fault *fault);
int admin_port(const struct admin *admin);

void admin_close(struct admin *admin); // stops, cutting who is there; NULL is fine
void admin_free(struct admin *admin);  // after the loop's end; NULL is fine

#endif
