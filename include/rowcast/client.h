// SPDX-License-Identifier: MIT
// One client as the brain knows it: who it is, what it is subscribed to, what it has asked for and what
// it still has to get. There may be very many that just listen: what serves only those who ask, catch up
// or join a snapshot is in memory of its own while they do.
#ifndef ROWCAST_CLIENT_H
#define ROWCAST_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowcast/catchup.h"
#include "rowcast/choices.h"
#include "rowcast/list.h"
#include "rowcast/script.h"
#include "rowcast/server.h"
#include "rowcast/snapshots.h"
#include "rowcast/topics.h"

// A message that came while the client was busy. The worker bounds how many there are.
struct held_message {
    struct held_message *next;
    size_t size;
    bool binary;
    uint64_t asked; // when it came
    char bytes[];
};

// What a resume has missed: from the cursor on, before the place `until`.
struct missed_events {
    uint32_t topic; // holds a reference
    struct history_cursor cursor;
    uint64_t until;
};

// Commands under way. A hook that they call puts its own on top: those are carried out first.
struct client_work {
    struct client_work *below;
    struct script_commands *commands; // NULL: none
    size_t next;
    struct missed_events missed; // what comes when the commands are done; topic TOPIC_NONE: nothing
};

// While it is not served live: what it still has to get, and who says when.
struct pursuit {
    struct client *client;
    struct catchup catchup;
    struct list_link ready; // it takes more
    bool watched;           // the worker will tell when it does
};

// While it joins a snapshot with the stream, in pursuit of it.
struct join {
    struct client *client;
    struct list_link link; // in the list of those that do
    struct snapshot *snapshot;
    const struct script_command *command; // what asked for it, in the work
    const char *reason; // why the missed events are not known; NULL: none were asked for
    bool confirmed;
    uint64_t progress; // when it last took a row
};

// Busy: work is under way, and waits for the stream or for the pursuit. Then messages are held.
struct client {
    struct client_ref ref;
    char *state;               // JSON, or NULL
    struct choices choices;    // what it is subscribed to, each holding references to its topics
    struct client_work *work;  // NULL: none
    struct pursuit *pursuit;   // NULL: it is served live
    struct join *join;         // NULL: none
    struct held_message *held; // the newest, whose next is the oldest; NULL: none
    struct list_link await;    // its next command waits for the stream to pass a position
    uint64_t asked;  // when the message under way came, in milliseconds of the loop's clock
    uint32_t format; // see formats.h
    uint16_t depth;  // lists of commands in the work
    bool answering;  // the worker has not been told yet that what was asked is answered
    bool closing;    // it has been sent away: nothing is done for it any more
    uint8_t sent;    // which texts of the handshake are there, a bit each
    char id[];       // "client_1699564800_abc123xyz", and behind its NUL those texts
};

struct client *client_new(struct client_ref ref, const struct handshake *handshake);
void client_free(struct client *client, struct topics *topics); // gives back its references

// What it sent with its upgrade; lives as long as the client.
struct handshake client_handshake(const struct client *client);

static inline bool client_is_busy(const struct client *client)
{
    return client->work != NULL || client->pursuit != NULL;
}

// Takes over the commands (may be NULL) and the missed events' reference.
void client_push_work(struct client *client, struct script_commands *commands,
                      struct missed_events missed);
// Takes the topmost away: what it had missed, with its reference.
struct missed_events client_pop_work(struct client *client);
void client_drop_work(struct client *client, struct topics *topics);

// Neither may be there yet.
void client_begin_pursuit(struct client *client, const struct history *history, uint64_t from,
                          struct conflation conflation);
void client_begin_join(struct client *client, struct snapshot *snapshot,
                       const struct script_command *command, const char *reason);

// Both end it if there is one. What is left out for the snapshot's sake must have been caught up with, or
// not matter any more.
void client_end_pursuit(struct client *client);
void client_end_join(struct client *client);
void client_forget_join(struct client *client); // its snapshot frees itself

// Keeps a message for later.
void client_hold(struct client *client, const char *bytes, size_t size, bool binary,
                 uint64_t asked);
struct held_message *client_take_held(struct client *client); // oldest first, or NULL; caller frees

void client_set_state(struct client *client, const char *json);

#endif
