// SPDX-License-Identifier: MIT
// Clients that are behind: fed from the history, each in its turn.
#include <stdlib.h>

#include "clients_state.h"
#include "rowcast/log.h"
#include "rowcast/memory.h"

// Of feeding: time a turn of the loop, events a client's turn gives it, and how many are looked at.
#define FEED_TIME 1000000 // nanoseconds
#define FEED_EVENTS 512
#define FEED_STEPS 4096

static void begin_pursuit(struct clients *clients, struct client *client, uint64_t from,
                          struct conflation conflation)
{
    clients->behind++;
    client_begin_pursuit(client, clients->config.history, from, conflation);
}

void clients_park(struct clients *clients, struct client *client)
{
    server_park(clients->config.server, client->ref);
    begin_pursuit(clients, client, history_end(clients->config.history),
                  (struct conflation){NULL, 0});
}

void clients_end_pursuit(struct clients *clients, struct client *client)
{
    clients->behind -= client->pursuit != NULL;
    client_end_pursuit(client);
}

// Back to the worker, from here on.
void clients_serve_live(struct clients *clients, struct client *client)
{
    clients_end_pursuit(clients, client);
    server_unpark(clients->config.server, client->ref);
}

void clients_parked(struct clients *clients, struct client_ref ref, uint64_t place)
{
    struct client *client = clients_find(clients, ref);
    if (!client || client->closing || client->pursuit)
        return;
    uint64_t from = place > clients->reset ? place : clients->reset;
    log_write(LOG_DEBUG, "client_slow", LOG_FIELDS(LOG_TEXT("client_id", client->id)),
              "the client does not keep up: it is served from the history");
    begin_pursuit(clients, client, from, clients->conflation);
    client->pursuit->watched = true;
}

void clients_watch(struct clients *clients, struct client *client)
{
    client->pursuit->watched = true;
    server_watch(clients->config.server, client->ref);
}

void clients_make_ready(struct clients *clients, struct client *client)
{
    if (!list_holds(&client->pursuit->ready))
        list_append(&clients->ready, &client->pursuit->ready);
}

void clients_hungry(struct clients *clients, struct client_ref ref)
{
    struct client *client = clients_find(clients, ref);
    if (!client || !client->pursuit)
        return;
    client->pursuit->watched = false;
    clients_make_ready(clients, client);
}

void clients_lose(struct clients *clients, struct client *client)
{
    if (log_says(LOG_INFO, "client_lost", NULL))
        log_write(
            LOG_INFO, "client_lost",
            LOG_FIELDS(LOG_TEXT("client_id", client->id),
                       LOG_TEXT("address", client_handshake(client).address)),
            "the client was too slow: events it had not got have left the history; it is closed "
            "with 4100");
    server_outrun(clients->config.server, client->ref);
    clients_leave_alone(clients, client);
}

// Gives a client its next events: as many as it takes at once, or all there are.
static enum catchup_step give_batch(struct clients *clients, struct client *client, size_t *bytes)
{
    const struct event *event;
    uint32_t steps = FEED_STEPS, events = 0;
    enum catchup_step step = CATCHUP_EVENT;
    while (step == CATCHUP_EVENT && events < FEED_EVENTS && *bytes < clients->config.batch) {
        step = catchup_next(&client->pursuit->catchup, &client->choices, &steps, &event);
        if (step != CATCHUP_EVENT)
            break;
        events++;
        *bytes += clients_send_event(clients, client, event->frames[FORMAT_JSON], &event->id);
        if (client->closing)
            break;
    }
    return step;
}

// True: it has everything, and is served live.
static bool give(struct clients *clients, struct client *client)
{
    size_t bytes = 0;
    if (clients_give_rows(clients, client))
        return false;
    enum catchup_step step = give_batch(clients, client, &bytes);
    if (client->closing)
        return false;
    switch (step) {
    case CATCHUP_DONE:
        if (client->join) {
            clients_go_on_joining(clients, client);
            return false;
        }
        clients_serve_live(clients, client);
        return true;
    case CATCHUP_LOST:
        clients_lose(clients, client);
        return false;
    default:
        if (bytes > 0)
            clients_watch(clients, client);
        else
            clients_make_ready(clients, client);
        return false;
    }
}

// From here on the worker leaves the client to us: what it has missed comes first, then what is
// published meanwhile. Most have missed little, and get it before anything else happens.
void clients_replay(struct clients *clients, struct client *client, struct missed_events missed)
{
    struct choice *choice = choices_find(&client->choices, missed.topic);
    if (choice) {
        clients_park(clients, client);
        catchup_add(&client->pursuit->catchup, missed.cursor, missed.until,
                    filter_ref(choice->filter), NULL);
        if (server_has_room(clients->config.server))
            give(clients, client);
        else
            clients_make_ready(clients, client);
    }
    topics_unref(clients->config.topics, missed.topic);
}

bool clients_feed(struct clients *clients)
{
    struct list_link *first;
    uint64_t until = 0;
    // While the stream begins anew, what is in the history is not for those who are here.
    if (!clients->started)
        return false;
    snapshots_turn(clients->config.snapshots);
    clients_wake_joining(clients);
    bool more = clients_wake_awaiting(clients);
    while ((first = list_first(&clients->ready)) && server_has_room(clients->config.server)) {
        if (until == 0)
            until = uv_hrtime() + FEED_TIME;
        list_leave(first);
        struct client *client = container_of(first, struct pursuit, ready)->client;
        if (give(clients, client))
            clients_proceed(clients, client);
        if (uv_hrtime() >= until)
            break;
    }
    return more || (list_first(&clients->ready) && server_has_room(clients->config.server));
}

uint32_t clients_behind(const struct clients *clients)
{
    return clients->behind;
}
