// SPDX-License-Identifier: MIT
// A question to the router that runs here: one HTTP GET. For commands, which have nothing else to do: it blocks.
#ifndef ROWCAST_INQUIRY_H
#define ROWCAST_INQUIRY_H

#include "rowcast/address.h"
#include "rowcast/buffer.h"
#include "rowcast/fault.h"
#include "rowcast/settings.h"

#define INQUIRY_PATIENCE 5 // seconds for each step

struct inquiry {
    char host[ADDRESS_HOST_SIZE];
    int port;
    const char *host_setting, *port_setting; // what a sentence tells to look at
};

// Whom the settings name: the public port, or the admin port; who listens on every address is asked on
// the loopback. -1 with a sentence: it is off, or any free one.
int inquiry_public(struct inquiry *inquiry, const struct settings *settings, const char *command,
                   struct fault *fault);
int inquiry_admin(struct inquiry *inquiry, const struct settings *settings, const char *command,
                  struct fault *fault);

// Asks for `target` (a path with its query, escaped). Returns the status with the body in `body` (cleared before,
// a NUL behind its end), or -1 with a sentence.
int inquiry_ask(const struct inquiry *inquiry, const char *target, struct buffer *body,
                struct fault *fault);

// Appends a value of a query, escaped.
void inquiry_escape(struct buffer *out, const char *value);

#endif
