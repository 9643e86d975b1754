// SPDX-License-Identifier: MIT
// What a worker reports to the brain: collected during a turn of the loop, posted at its end,
// counted until it is acknowledged.
#ifndef ROWCAST_OUTBOX_H
#define ROWCAST_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowcast/fifo.h"
#include "rowcast/mailbox.h"
#include "rowcast/server.h"

enum report_kind {
    REPORT_OPENED,  // slot, serial, handshake
    REPORT_MESSAGE, // slot, serial, bytes, size, binary
    REPORT_LIMITED, // slot, serial
    REPORT_CLOSED,  // slot, serial, number: the code
    REPORT_PARKED,  // slot, serial, place: of the first event it did not get
    REPORT_HUNGRY,  // slot, serial
    REPORT_EMPTIED, // topic, number: the newest subscription handled
    REPORT_HANDLED, // number: of orders
    REPORT_DONE,    // drained; waits for ORDER_STOP
};

// Owns its handshake or bytes.
struct report {
    enum report_kind kind;
    uint32_t worker, slot;
    union {
        uint32_t topic;
        bool binary;
    };
    uint32_t number;
    uint64_t serial;
    union {
        size_t size;
        uint64_t place;
    };
    union {
        struct handshake *handshake;
        char *bytes;
    };
};

// What clients cause (OPENED, MESSAGE, CLOSED) is acknowledged, and bounded by that.
bool report_counts(const struct report *report);
void reports_release(struct report *reports, size_t count); // frees what they own

struct outbox {
    uint32_t worker;
    struct mailbox *mailbox; // of struct report; borrowed
    struct fifo reports;     // of this turn
    uint32_t pending;        // that count and are not acknowledged
    size_t pending_bytes;
    bool full; // too much is pending: clients must not be read. Until it is half of that
};

void outbox_init(struct outbox *outbox, uint32_t worker, struct mailbox *mailbox);
void outbox_release(struct outbox *outbox);                   // posted or not
void outbox_add(struct outbox *outbox, struct report report); // takes over what it owns
void outbox_post(struct outbox *outbox);
void outbox_acknowledge(struct outbox *outbox, uint32_t reports, size_t bytes);

#endif
