// SPDX-License-Identifier: MIT
// HTTP answers as bytes for the wire. Each ends its connection; 101 ends HTTP on it.
#ifndef ROWCAST_ANSWER_H
#define ROWCAST_ANSWER_H

#include "rowcast/frame.h"

// One reference, owned by the caller.
struct frame *answer_json(int status, const char *body);
struct frame *answer_text(int status, const char *body);
struct frame *answer_metrics(const char *body); // Prometheus' text format
// With a body that says the status in words, and the headers it asks for (Allow, Upgrade, ...).
struct frame *answer_refusal(int status);
// What HEAD gets: the same without the body. Takes over the reference.
struct frame *answer_without_body(struct frame *answer);
// 101. `key` as in handshake.h; `protocol` may be NULL.
struct frame *answer_upgrade(const char *key, const char *protocol, const char *extension);

#endif
