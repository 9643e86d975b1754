// SPDX-License-Identifier: MIT
// One client as the brain knows it: who it is, what it is subscribed to, what it waits with.
#ifndef ROWCAST_CLIENT_H
#define ROWCAST_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowcast/script.h"
#include "rowcast/server.h"
#include "rowcast/topics.h"

// A message that came while the client waits for the stream to start.
struct held_message {
    struct held_message *next;
    size_t size;
    bool binary;
    uint64_t asked; // when it came
    char bytes[];
};

#define CLIENT_MAX_HELD 100 // messages

struct client {
    struct client_ref ref;
    char id[32]; // "client_1699564800_abc123xyz"
    char *address, *path, *query, *protocol, *cookie, *user_agent, *origin; // NULL where absent
    char *state;                                                            // JSON
    size_t state_size;
    uint32_t *topics; // in order of subscribing, each holding a reference
    uint32_t topic_count, topic_capacity;
    // Waiting: the commands from `next_command` on, then the held messages, are carried out later.
    struct script_commands *commands; // NULL: not waiting
    size_t next_command;
    uint64_t asked;    // when the message under way came, in milliseconds of the loop's clock
    uint64_t deadline; // until when it waits
    struct held_message *held, **held_end;
    uint32_t held_count;
};

struct client *client_new(struct client_ref ref, const struct handshake *handshake);
void client_free(struct client *client, struct topics *topics); // gives back its references

bool client_has(const struct client *client, uint32_t topic);
void client_add(struct client *client, uint32_t topic);    // takes over a reference
bool client_remove(struct client *client, uint32_t topic); // the reference is the caller's again

// Keeps a message for later. False: too many wait already.
bool client_hold(struct client *client, const char *bytes, size_t size, bool binary,
                 uint64_t asked);
struct held_message *client_take_held(struct client *client); // oldest first, or NULL; caller frees

void client_set_state(struct client *client, const char *json, size_t size);

#endif
