// SPDX-License-Identifier: MIT
// The decoder of PostgreSQL's logical replication messages (PostgreSQL chapter 55.9, protocol version 1,
// text values): bytes in, transactions out. Pure; every read is checked against the message's end.
#ifndef ROWCAST_PGOUTPUT_H
#define ROWCAST_PGOUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "rowcast/change.h"
#include "rowcast/fault.h"

struct pgoutput;

// Takes over the transaction (or part of one).
typedef void pgoutput_deliver(void *user, struct transaction *transaction);

struct pgoutput *pgoutput_new(pgoutput_deliver *deliver, void *user);
void pgoutput_free(struct pgoutput *decoder); // NULL is fine

// Forgets a transaction that is under way and all relations: the connection begins anew.
void pgoutput_reset(struct pgoutput *decoder);

// Decodes one message (the payload of one XLogData). 0, or -1 with a sentence: the stream is broken.
int pgoutput_feed(struct pgoutput *decoder, const void *message, size_t size, struct fault *fault);

// True between Begin and Commit: positions of the server must not be acknowledged meanwhile.
int pgoutput_in_transaction(const struct pgoutput *decoder);

#endif
