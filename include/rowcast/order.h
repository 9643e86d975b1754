// SPDX-License-Identifier: MIT
// What the brain tells a worker to do.
#ifndef ROWCAST_ORDER_H
#define ROWCAST_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "rowcast/filter.h"
#include "rowcast/frame.h"

enum order_kind {
    ORDER_SEND,        // slot, serial, frame
    ORDER_CLOSE,       // slot, serial, number: the code, frame: the Close
    ORDER_PART,        // slot, serial: its REPORT_CLOSED was handled, and all before it
    ORDER_SUBSCRIBE,   // slot, serial, topic, filter, number: see interest.h
    ORDER_UNSUBSCRIBE, // slot, serial, topic
    ORDER_PUBLISH,   // topic, type, serial: the event's place, frame. An event of several topics is
                     // as many orders in a row with one place
    ORDER_COMMITTED, // size: when the transaction of the publishes before was committed
    ORDER_ANSWERED,  // slot, serial: one report of what it did has been dealt with
    ORDER_PARK,      // slot, serial: no published events any more
    ORDER_UNPARK,    // slot, serial: published events again
    ORDER_WATCH,     // slot, serial: of a parked one. Answered by REPORT_HUNGRY
    ORDER_OUTRUN,    // slot, serial: 4100
    ORDER_HEALTH,    // frame: what /health answers
    ORDER_READY,     // frame: what /ready answers
    ORDER_ACKNOWLEDGE, // number: reports that were handled, size: bytes in them
    ORDER_DRAIN,       // size: milliseconds. Answered by REPORT_DONE when nobody is left
    ORDER_CUT,         // nobody is waited for any longer
    ORDER_STOP,        // the last one, after REPORT_DONE
};

// Owns its frame or filter.
struct order {
    enum order_kind kind;
    uint32_t slot, topic, number;
    uint64_t serial;
    union {
        uint64_t type;
        uint64_t size;
    };
    union {
        struct frame *frame;
        struct filter *filter; // ORDER_SUBSCRIBE; may be NULL
    };
};

// Gives back what orders own that nobody will carry out.
void orders_release(struct order *orders, size_t count);

#endif
