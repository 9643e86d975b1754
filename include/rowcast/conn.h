// SPDX-License-Identifier: MIT
// One connection, from accept to the closed socket.
//
//   HANDSHAKE --upgraded--> OPEN --peer ends--> PARTING --application has answered--> CLOSING
//   HANDSHAKE --refused--> CLOSING    OPEN --server ends--> CLOSING --all written--> SHUT
//   SHUT --peer's FIN--> DEAD         from everywhere, on an error or a passed deadline --> DEAD
//
// Lives in a slot of the crowd. Output is queued and the connection noted as dirty; conn_proceed
// writes it in the same turn of the loop.
#ifndef ROWCAST_CONN_H
#define ROWCAST_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "rowcast/deadlines.h"
#include "rowcast/frame.h"
#include "rowcast/heartbeat.h"
#include "rowcast/ip.h"
#include "rowcast/list.h"
#include "rowcast/outqueue.h"
#include "rowcast/rate.h"
#include "rowcast/subscribers.h"
#include "rowcast/transport.h"

struct hall;

enum conn_state {
    CONN_FREE,      // a slot without a connection
    CONN_HANDSHAKE, // reading the request
    CONN_OPEN,      // a client: the application knows it
    CONN_PARTING,   // the peer has sent its last; the application may still answer what came before
    CONN_CLOSING,   // a Close or an HTTP answer is on its way out
    CONN_SHUT,      // all is out, the FIN too: input is thrown away until the peer's
    CONN_DEAD,      // closed, waiting for the loop's word
};

#define CONN_PARKED UINT64_MAX

struct conn {
    struct transport transport;
    struct hall *hall;
    uint64_t serial;
    uint32_t slot;
    uint16_t code;       // what `closed` will say
    uint8_t state;       // enum conn_state; changed in conn.c by one function only
    bool ended;          // the peer's FIN has come
    uint8_t window_bits; // of the compressed messages it reads (RFC 7692); 0: it reads none
    bool watched;        // parked, and the application is to be told when little waits
    bool stalled;        // it had something to say while the hall was paused
    struct pulse pulse;
    struct ip address; // since OPEN: the client's, also behind proxies
    struct rate_bucket rate;
    uint32_t discarded; // bytes thrown away since CLOSING
    uint32_t asked;     // reports of what it did that are not answered yet
    union {
        struct conn_head *head; // HANDSHAKE: of a request that comes in pieces, or NULL
        struct frame *farewell; // then: the Close that goes out at the end of PARTING, or NULL
    };
    struct websocket *websocket; // between two messages NULL
    struct outqueue queue;
    struct subscriber subscriber;
    uint64_t place;           // of the newest event published to it, or CONN_PARKED: it gets none
    struct deadline deadline; // of the state; in OPEN of the slowed or, without a time, the stalled
    struct list_link dirty;   // in the hall's list
};

// Takes over the socket. The conn is zeroed memory with hall, slot and serial set.
void conn_open(struct conn *conn, int socket);

// Queues a frame that the client asked for, or a ping. Takes over the reference; gone clients get
// nothing.
void conn_send(struct conn *conn, struct frame *frame);

// Queues a reference to a frame with the live events from the place `first` to `last`. A client that does
// not keep up is parked instead, and `parked` is told. Returns whether it was queued.
bool conn_publish(struct conn *conn, struct frame *frame, uint64_t first, uint64_t last);

// The same for an open connection that is idle: nothing is queued, and nothing is to be decided. What goes
// is written at once, and nothing is left to do for conn_proceed if that is all.
bool conn_is_idle(const struct conn *conn);
bool conn_publish_at_once(struct conn *conn, struct frame *frame, uint64_t last);

// The form of a message for this client: compressed, if it has agreed to that, its window is large enough,
// and it is smaller. Made once for all clients of all threads. Borrowed from the frame.
struct frame *conn_form(const struct conn *conn, struct frame *frame);

// The application has answered one of the reports; it may park the client before its last answer.
void conn_answered(struct conn *conn);
void conn_park(struct conn *conn);
void conn_unpark(struct conn *conn);
void conn_watch(struct conn *conn); // `hungry`, once

// Ends an open client with 4100, and throws away what is unsent.
void conn_outrun(struct conn *conn);

// Ends an open client with this Close frame, one in the handshake with 503. Borrows the frame.
void conn_close(struct conn *conn, int code, struct frame *close);

// The application has handled all that came before a PARTING.
void conn_part(struct conn *conn);

// Ends it without a word, and throws away what is unsent.
void conn_cut(struct conn *conn);

// A deadline has passed: the handshake's, the closing's, or the slowed client's.
void conn_expire(struct conn *conn);

// Its turn in the heartbeat.
void conn_look(struct conn *conn, struct frame *ping);

// What its socket did not take is tried once more.
void conn_try_again(struct conn *conn);

// Decides what happens next: writing, shutting down, closing, reading. Called after anything
// changed.
void conn_proceed(struct conn *conn);

// For the hall's pools.
extern const struct websocket_events conn_websocket_events;
extern const struct transport_events conn_transport_events;

#endif
