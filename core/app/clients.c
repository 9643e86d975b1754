// SPDX-License-Identifier: MIT
// The brain's side of the clients: who is there, and what the stream and the server say to them.
#include "rowcast/clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients_state.h"
#include "rowcast/log.h"
#include "rowcast/memory.h"

#define UNAVAILABLE "The event stream is not available yet; try again later"

static struct conflation conflation_of(const char *const *names)
{
    uint32_t count = 0;
    while (names && names[count])
        count++;
    uint64_t *types = count ? memory_new(count * sizeof *types) : NULL;
    for (uint32_t i = 0; i < count; i++)
        types[i] = event_type_hash(names[i], strlen(names[i]));
    return (struct conflation){types, count};
}

struct clients *clients_new(const struct clients_config *config)
{
    struct clients *clients = memory_new(sizeof *clients);
    clients->config = *config;
    clients->conflation = conflation_of(config->conflate);
    roster_init(&clients->roster);
    list_init(&clients->ready);
    list_init(&clients->joining);
    list_init(&clients->awaiting);
    clients->nearest = UINT64_MAX;
    return clients;
}

struct client *clients_find(const struct clients *clients, struct client_ref ref)
{
    struct client *client = roster_at(&clients->roster, ref);
    return client && client->ref.serial == ref.serial ? client : NULL;
}

void clients_set_server(struct clients *clients, struct server *server)
{
    clients->config.server = server;
}

void clients_set_snapshots(struct clients *clients, struct snapshots *snapshots,
                           struct postgres_pool *pool)
{
    clients->config.snapshots = snapshots;
    clients->config.pool = pool;
}

static void for_each(struct clients *clients, void (*each)(struct clients *, struct client *))
{
    struct client_ref at = {0};
    struct client *client;
    while ((client = roster_next(&clients->roster, &at)))
        each(clients, client);
}

// Who has a format that the scripts have no more cannot be served.
static void keep_format(struct clients *clients, struct client *client)
{
    if (formats_has(clients->config.formats, client->format))
        return;
    if (!client->closing)
        clients_send_away(clients, client, 1011, "the scripts have no such format any more");
    clients_leave_format(clients, client);
}

void clients_set_script(struct clients *clients, struct script *script)
{
    clients->script = script;
    formats_set_script(clients->config.formats, script);
    for_each(clients, keep_format);
}

uint64_t clients_subscriptions(const struct clients *clients)
{
    return clients->subscriptions;
}

uint64_t clients_waiting(const struct clients *clients)
{
    struct client_ref at = {0};
    const struct client *client;
    uint64_t waiting = 0;
    while ((client = roster_next(&clients->roster, &at)))
        waiting += client->work && !client->pursuit;
    return waiting;
}

// ---- the stream ----

void clients_start(struct clients *clients)
{
    if (clients->started)
        return;
    clients->started = true;
    snapshots_set_running(clients->config.snapshots, true);
    for_each(clients, clients_proceed);
}

static void pass_on(struct clients *clients, struct client *client)
{
    clients_send_away(clients, client, 1001, "the stream has gone to another instance");
}

void clients_pause(struct clients *clients)
{
    clients->started = false;
    snapshots_set_running(clients->config.snapshots, false);
}

void clients_stop(struct clients *clients)
{
    clients_pause(clients);
    for_each(clients, pass_on);
}

// What it has not got by now was of before: that it is told.
static void tell_reset(struct clients *clients, struct client *client)
{
    char id[EVENT_ID_TEXT_SIZE];
    struct script_call call = {.hook = HOOK_ERROR,
                               .word = "stream_reset",
                               .sentence =
                                   "The event stream was interrupted, and events are missing: "
                                   "fetch the state anew",
                               .with_result = true,
                               .id = id};
    clients_position_text(clients, id);
    clients_reset_join(clients, client, &call);
    if (client->join)
        return; // it begins again
    if (client->pursuit)
        clients_serve_live(clients, client);
    if (client->choices.count > 0)
        clients_run_hook(clients, client, &call);
    clients_proceed(clients, client);
}

void clients_reset(struct clients *clients)
{
    clients->reset = history_end(clients->config.history);
    for_each(clients, tell_reset);
}

// The stream begins anew, or never began. Who has not got everything of before will be told so. What is
// behind an answer may have waited as long: each counts from its own arrival.
static void give_up(struct clients *clients, struct client *client)
{
    if (client->pursuit && !client->join) {
        clients_serve_live(clients, client);
        clients_proceed(clients, client);
    }
    while (client->work && !client->pursuit && clients_wait(clients, client) &&
           clients->now - client->asked >= (uint64_t)clients->config.wait) {
        struct script_command *command = clients_next_command(client);
        client->work->next++;
        clients_report_error(clients, client, command, "unavailable", UNAVAILABLE);
        clients_proceed(clients, client);
    }
}

void clients_tick(struct clients *clients, uint64_t now, bool connected)
{
    clients->now = now;
    clients->connected = connected;
    for_each(clients, clients->started ? clients_proceed : give_up);
    for_each(clients, clients_give_up_reading);
    snapshots_tick(clients->config.snapshots);
    clients_hurry_awaiting(clients);
}

// ---- what the server says ----

void clients_opened(struct clients *clients, struct client_ref ref,
                    const struct handshake *handshake, uint64_t now)
{
    clients->now = now;
    struct client *client = client_new(ref, handshake);
    roster_put(&clients->roster, ref, client);
    log_write(
        LOG_DEBUG, "client_connected",
        LOG_FIELDS(LOG_TEXT("client_id", client->id), LOG_TEXT("address", handshake->address)),
        "a client has connected");
    client->asked = now;
    client->answering = true;
    clients->config.metrics->connections++;
    struct script_call call = {.hook = HOOK_CONNECT};
    clients_run_hook(clients, client, &call);
    clients_proceed(clients, client);
}

void clients_message(struct clients *clients, struct client_ref ref, const char *bytes, size_t size,
                     bool binary, uint64_t now)
{
    struct client *client = clients_find(clients, ref);
    clients->now = now;
    if (!client || client->closing)
        return;
    clients->config.metrics->messages++;
    if (client_is_busy(client)) {
        client_hold(client, bytes, size, binary, now);
        return;
    }
    clients_take_message(clients, client, bytes, size, binary, now);
    clients_proceed(clients, client);
}

void clients_limited(struct clients *clients, struct client_ref ref)
{
    struct client *client = clients_find(clients, ref);
    struct script_command nothing = {0};
    char sentence[120];
    if (!client)
        return;
    snprintf(sentence, sizeof sentence,
             "Too many messages: at most %lld a second are read; whoever goes on is closed",
             (long long)clients->config.per_second);
    if (log_says(LOG_INFO, "client_limited", NULL))
        log_write(LOG_INFO, "client_limited",
                  LOG_FIELDS(LOG_TEXT("client_id", client->id),
                             LOG_TEXT("address", client_handshake(client).address)),
                  "a client sends more than %lld messages a second, and is read more slowly",
                  (long long)clients->config.per_second);
    clients_report_error(clients, client, &nothing, "rate_limited", sentence);
    clients_proceed(clients, client);
}

void clients_closed(struct clients *clients, struct client_ref ref, int code)
{
    struct client *client = clients_find(clients, ref);
    if (!client)
        return;
    struct script_call call = {.hook = HOOK_DISCONNECT, .code = code};
    script_commands_free(clients_call_script(clients, client, &call));
    log_write(LOG_DEBUG, "client_disconnected",
              LOG_FIELDS(LOG_TEXT("client_id", client->id), LOG_NUMBER("code", code)),
              "a client has gone");
    roster_put(&clients->roster, ref, NULL);
    metrics_disconnect(clients->config.metrics, code);
    clients->subscriptions -= client->choices.count;
    clients_end_pursuit(clients, client);
    clients_leave_format(clients, client);
    client_free(client, clients->config.topics);
}

static void free_client(struct clients *clients, struct client *client)
{
    clients_leave_format(clients, client);
    client_free(client, clients->config.topics);
}

void clients_free(struct clients *clients)
{
    if (!clients)
        return;
    for_each(clients, free_client);
    roster_release(&clients->roster);
    free((void *)clients->conflation.types);
    free(clients);
}

// ---- looking back ----

static bool wants(const struct client *client, const struct event *event)
{
    for (uint32_t i = 0; i < event->topic_count; i++) {
        const struct choice *choice = choices_find(&client->choices, event->topics[i]);
        if (choice && filter_wants(choice->filter, event->type))
            return true;
    }
    return false;
}

void clients_audience(const struct clients *clients, const struct event *event, uint64_t place,
                      struct clients_audience *audience)
{
    struct client_ref at = {0};
    struct client *client;
    *audience = (struct clients_audience){0};
    while ((client = roster_next(&clients->roster, &at))) {
        if (!wants(client, event))
            continue;
        audience->subscribed++;
        if (!client->pursuit || catchup_place(&client->pursuit->catchup) > place)
            continue;
        if (audience->behind < CLIENTS_NAMED)
            audience->named[audience->behind] = client->id;
        audience->behind++;
    }
}
