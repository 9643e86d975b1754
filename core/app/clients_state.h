// SPDX-License-Identifier: MIT
// What the parts of the brain's side of the clients share. Private to this room.
#ifndef ROWCAST_APP_CLIENTS_STATE_H
#define ROWCAST_APP_CLIENTS_STATE_H

#include "rowcast/client.h"
#include "rowcast/clients.h"
#include "rowcast/list.h"
#include "rowcast/roster.h"

struct clients {
    struct clients_config config;
    struct script *script;
    struct roster roster;
    struct list ready; // pursuits of clients that take more, each in its turn
    struct conflation conflation;
    uint64_t reset;      // what has a place before this was void for everybody
    uint32_t behind;     // clients that catch up
    struct list joining; // joins of a snapshot with the stream,
    struct event_id fed; // woken when the history was here
    uint64_t fed_end;
    struct list awaiting; // clients whose subscribe waits for the stream to pass a position;
    uint64_t nearest;     // no such position is before this one
    uint64_t awaited;     // the stream's when they were last looked at
    bool started;
    uint64_t now;
    bool connected;
    uint64_t subscriptions; // of all clients
};

struct client *clients_find(const struct clients *clients, struct client_ref ref); // or NULL
void clients_position_text(const struct clients *clients, char text[EVENT_ID_TEXT_SIZE]);

// ---- hooks and commands: clients_work.c ----

// What the hook wants done, or NULL.
struct script_commands *clients_call_script(struct clients *clients, struct client *client,
                                            struct script_call *call);
// Calls the hook; the commands it wants are the next to be carried out, by clients_proceed.
void clients_run_hook(struct clients *clients, struct client *client, struct script_call *call);
void clients_report_error(struct clients *clients, struct client *client,
                          const struct script_command *command, const char *word,
                          const char *sentence);
void clients_take_message(struct clients *clients, struct client *client, const char *bytes,
                          size_t size, bool binary, uint64_t asked);

// Carries out what is under way until something has to wait; when all is answered, takes up what was
// asked meanwhile.
void clients_proceed(struct clients *clients, struct client *client);
void clients_carry_out(struct clients *clients, struct client *client,
                       struct script_command *command);
// True: the topic is chosen, with this filter (taken over). False: it would be one too many.
bool clients_choose(struct clients *clients, struct client *client, uint32_t topic,
                    struct filter *filter);
// What is published of a topic it has chosen goes to it from here on.
void clients_hear(struct clients *clients, struct client *client, uint32_t topic);
// The next command; NULL: the topmost work is done.
struct script_command *clients_next_command(const struct client *client);
bool clients_wait(const struct clients *clients,
                  const struct client *client); // that one, for the stream

void clients_send_away(struct clients *clients, struct client *client, int code,
                       const char *reason);
void clients_leave_alone(struct clients *clients, struct client *client); // it is closing

// ---- formats: clients_format.c ----

void clients_choose_format(struct clients *clients, struct client *client, const char *name);
void clients_leave_format(struct clients *clients, struct client *client);
// Sends an event, whose JSON frame is borrowed, in the client's format. The bytes that it took; 0 too if the script
// leaves it out, or if it failed: then the client is closing. `id` NULL: a row of a snapshot.
size_t clients_send_event(struct clients *clients, struct client *client, struct frame *json,
                          const struct event_id *id);

// ---- reading one's writes: clients_lsn.c ----

// Whether the next command has to wait for the stream to pass its after_lsn.
bool clients_await_lsn(const struct clients *clients, const struct client *client,
                       const struct script_command *command);
// It does not, any more. False: because it is not possible, which the client was told.
bool clients_check_lsn(struct clients *clients, struct client *client,
                       const struct script_command *command);
// The next command waits, perhaps for that.
void clients_note_waiting(struct clients *clients, struct client *client);
// Those that the stream has passed by now go on, for a bounded time. True: some are left.
bool clients_wake_awaiting(struct clients *clients);
void clients_hurry_awaiting(struct clients *clients); // once a second

// ---- catching up: clients_feed.c ----

// What a resume has missed comes next (takes over the reference), then what is published meanwhile.
void clients_replay(struct clients *clients, struct client *client, struct missed_events missed);
// The worker leaves the client to us; from here on it catches up.
void clients_park(struct clients *clients, struct client *client);
void clients_watch(struct clients *clients, struct client *client); // until it takes more
void clients_make_ready(struct clients *clients, struct client *client);
void clients_lose(struct clients *clients, struct client *client); // closes it with 4100
// Back to the worker, from here on.
void clients_serve_live(struct clients *clients, struct client *client);
void clients_end_pursuit(struct clients *clients, struct client *client); // if there is one

// ---- joining a snapshot with the stream: clients_join.c ----

// `command` stays in the work until it is done. The topic must not be one of the choices.
void clients_begin_join(struct clients *clients, struct client *client,
                        const struct script_command *command, uint32_t topic, struct filter *filter,
                        const char *reason);
// Gives it as many rows as it takes at once. False: it has none to get.
bool clients_give_rows(struct clients *clients, struct client *client);
// The client has everything there is of its topics. What else is to come makes it ready again.
void clients_go_on_joining(struct clients *clients, struct client *client);
// Those that wait for the stream to pass.
void clients_wake_joining(struct clients *clients);
void clients_give_up_reading(struct clients *clients, struct client *client);
// Continuity has ended, which the call tells: rows that nobody has seen are taken anew, behind it.
void clients_reset_join(struct clients *clients, struct client *client, struct script_call *call);

#endif
