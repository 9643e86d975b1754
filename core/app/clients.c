// SPDX-License-Identifier: MIT
// The brain's side of the clients: hooks and commands.
#include "rowcast/clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/client.h"
#include "rowcast/clock.h"
#include "rowcast/log.h"
#include "rowcast/map.h"
#include "rowcast/memory.h"

#define FAILURE_SIZE 4096

// A hook's commands may call further hooks; a script that answers itself for ever is stopped here.
#define MAX_HOOK_DEPTH 8

#define UNAVAILABLE "The event stream is not available yet; try again later"

struct clients {
    struct clients_config config;
    struct script *script;
    struct map by_ref; // struct client_ref -> struct client *
    bool started;
    uint64_t now;
    bool connected;
    uint64_t subscriptions; // of all clients
};

static void run_hook(struct clients *clients, struct client *client, struct script_call *call,
                     int depth);

struct clients *clients_new(const struct clients_config *config)
{
    struct clients *clients = memory_new(sizeof *clients);
    clients->config = *config;
    map_init(&clients->by_ref);
    return clients;
}

static struct client *find(const struct clients *clients, struct client_ref ref)
{
    uint64_t *client = map_get(&clients->by_ref, &ref, sizeof ref);
    return client ? (struct client *)(uintptr_t)*client : NULL;
}

void clients_set_server(struct clients *clients, struct server *server)
{
    clients->config.server = server;
}

void clients_set_script(struct clients *clients, struct script *script)
{
    clients->script = script;
}

// ---- hooks ----

struct view {
    const struct clients *clients;
    const struct client *client;
};

static const char *subscription_name(void *user, size_t index)
{
    struct view *view = user;
    return topics_name(view->clients->config.topics, view->client->topics[index]);
}

static void fail_client(struct clients *clients, struct client *client, const char *failure)
{
    size_t first_line = strcspn(failure, "\n");
    metrics_failed(clients->config.metrics, CLIENTS_SCRIPT);
    log_write(LOG_ERROR, "client_script_failed",
              LOG_FIELDS(LOG_TEXT("client_id", client->id), LOG_TEXT("traceback", failure)),
              "%.*s; the client is closed with 1011", (int)first_line, failure);
    server_close(clients->config.server, client->ref, 1011, "internal error");
}

static struct script_commands *call_script(struct clients *clients, struct client *client,
                                           struct script_call *call)
{
    char failure[FAILURE_SIZE];
    struct view view = {clients, client};
    struct script_client shown = {
        .id = client->id,
        .address = client->address,
        .path = client->path,
        .query = client->query,
        .protocol = client->protocol,
        .cookie = client->cookie,
        .user_agent = client->user_agent,
        .origin = client->origin,
        .state = client->state,
        .state_size = client->state_size,
        .subscription_count = client->topic_count,
        .subscription = subscription_name,
        .user = &view,
    };
    int64_t began = clock_steady();
    struct script_commands *commands =
        script_client(clients->script, &shown, call, failure, sizeof failure);
    if (script_has_hook(clients->script, call->hook))
        metrics_ran(clients->config.metrics, CLIENTS_SCRIPT, 0, 0, clock_steady() - began);
    if (*failure)
        fail_client(clients, client, failure);
    return commands;
}

static void report_error(struct clients *clients, struct client *client,
                         const struct script_command *command, const char *word,
                         const char *sentence, int depth)
{
    struct script_call call = {.hook = HOOK_ERROR,
                               .word = word,
                               .sentence = sentence,
                               .with_result = true,
                               .topic = command->topic,
                               .ref = command->ref,
                               .ref_size = command->ref_size};
    run_hook(clients, client, &call, depth + 1);
}

// ---- counting ----

static void count_error(struct clients *clients, const char *code)
{
    if (*code == '\0')
        code = TALLY_OTHER;
    metrics_count(&clients->config.metrics->errors, code, strlen(code));
}

// What the error hook was called for is counted by the core's word, however the script puts it.
static void count_errors(struct clients *clients, const struct script_call *call,
                         const struct script_commands *commands)
{
    if (!commands)
        return;
    if (call->hook == HOOK_ERROR) {
        count_error(clients, call->word);
        return;
    }
    for (size_t i = 0; i < commands->count; i++)
        if (commands->items[i].error)
            count_error(clients, commands->items[i].error);
}

// ---- commands ----

static void position_text(const struct clients *clients, char text[EVENT_ID_TEXT_SIZE])
{
    event_id_text(history_position(clients->config.history), text);
}

// What the missed events are, or why they are not known. NULL: recovered.
static const char *decide_resume(const struct clients *clients,
                                 const struct script_command *command, uint32_t topic,
                                 struct history_cursor *cursor)
{
    struct event_id since;
    bool is_id = event_id_parse(command->since, command->since_size, &since) == 0;
    enum resume resume =
        is_id ? history_resume(clients->config.history, topic, &since, cursor) : RESUME_UNKNOWN_ID;
    clients->config.metrics->resumes[resume]++;
    return resume == RESUME_RECOVERED ? NULL : resume_word(resume);
}

static void add_subscription(struct clients *clients, struct client *client, uint32_t topic)
{
    client_add(client, topic);
    clients->subscriptions++;
}

static void send_missed(struct clients *clients, struct client *client,
                        struct history_cursor cursor, const struct filter *filter)
{
    const struct event *event;
    while ((event = history_next(clients->config.history, &cursor))) {
        if (!filter_wants(filter, event->type))
            continue;
        server_send(clients->config.server, client->ref, frame_ref(event->frames[FORMAT_JSON]));
        clients->config.metrics->resent++;
    }
}

// Confirmation, missed events, live events: in this order because they are called in this order.
static void subscribe(struct clients *clients, struct client *client,
                      const struct script_command *command, int depth)
{
    struct history_cursor cursor;
    char id[EVENT_ID_TEXT_SIZE];
    uint32_t topic = topics_take(clients->config.topics, command->topic, command->topic_size);
    bool known = client_has(client, topic);
    if (!known && client->topic_count >= clients->config.max_subscriptions) {
        topics_unref(clients->config.topics, topic);
        char sentence[80];
        snprintf(sentence, sizeof sentence, "Too many subscriptions: at most %u are allowed",
                 clients->config.max_subscriptions);
        report_error(clients, client, command, "too_many_subscriptions", sentence, depth);
        return;
    }
    if (known)
        topics_unref(clients->config.topics, topic);
    else
        add_subscription(clients, client, topic);
    const char *reason = command->since ? decide_resume(clients, command, topic, &cursor) : NULL;
    bool recovered = command->since && !reason;
    position_text(clients, id);
    struct filter *filter = command->types ? filter_new(command->types, command->type_count) : NULL;
    struct script_call call = {.hook = HOOK_SUBSCRIBED,
                               .with_result = true,
                               .topic = command->topic,
                               .recovered = recovered,
                               .reason = reason,
                               .id = recovered ? command->since : id,
                               .ref = command->ref,
                               .ref_size = command->ref_size};
    run_hook(clients, client, &call, depth + 1);
    if (recovered)
        send_missed(clients, client, cursor, filter);
    server_subscribe(clients->config.server, client->ref, topic, filter);
}

static void unsubscribe(struct clients *clients, struct client *client,
                        const struct script_command *command, int depth)
{
    uint32_t topic = topics_find(clients->config.topics, command->topic, command->topic_size);
    bool removed = topic != TOPIC_NONE && client_remove(client, topic);
    clients->subscriptions -= removed;
    if (removed)
        server_unsubscribe(clients->config.server, client->ref, topic);
    struct script_call call = {.hook = HOOK_UNSUBSCRIBED,
                               .with_result = true,
                               .topic = command->topic,
                               .ref = command->ref,
                               .ref_size = command->ref_size};
    run_hook(clients, client, &call, depth + 1);
    if (removed)
        topics_unref(clients->config.topics, topic);
}

static void pong(struct clients *clients, struct client *client,
                 const struct script_command *command, int depth)
{
    char id[EVENT_ID_TEXT_SIZE];
    position_text(clients, id);
    struct script_call call = {.hook = HOOK_PONG,
                               .with_result = true,
                               .id = id,
                               .ref = command->ref,
                               .ref_size = command->ref_size};
    run_hook(clients, client, &call, depth + 1);
}

static bool needs_stream(const struct script_command *command)
{
    return command->kind == COMMAND_SUBSCRIBE || command->kind == COMMAND_PONG;
}

// Returns false after a close: what follows it is not done.
static bool carry_out(struct clients *clients, struct client *client,
                      struct script_command *command, int depth)
{
    if (!clients->started && needs_stream(command)) {
        report_error(clients, client, command, "unavailable", UNAVAILABLE, depth);
        return true;
    }
    switch (command->kind) {
    case COMMAND_SEND:
        server_send(clients->config.server, client->ref, script_command_take_frame(command));
        return true;
    case COMMAND_CLOSE:
        server_close(clients->config.server, client->ref, command->code, command->reason);
        return false;
    case COMMAND_STATE:
        client_set_state(client, command->state, command->state_size);
        return true;
    case COMMAND_SUBSCRIBE:
        subscribe(clients, client, command, depth);
        return true;
    case COMMAND_UNSUBSCRIBE:
        unsubscribe(clients, client, command, depth);
        return true;
    case COMMAND_PONG:
        pong(clients, client, command, depth);
        return true;
    }
    return true;
}

// The id may come from an instance that is further: within this time the stream of one that is connected
// reaches, or its server denies, every position there was.
#define AHEAD_WAIT 3000 // milliseconds

static bool is_ahead(const struct clients *clients, const struct client *client,
                     const struct script_command *command)
{
    struct event_id since;
    uint64_t wait = clients->connected ? AHEAD_WAIT : (uint64_t)clients->config.wait;
    return command->since && clients->now - client->asked < wait &&
           event_id_parse(command->since, command->since_size, &since) == 0 &&
           history_is_ahead(clients->config.history, &since);
}

// Carries out the commands from `next` on, and frees them; or leaves them waiting with the client.
static void carry_out_all(struct clients *clients, struct client *client,
                          struct script_commands *commands, size_t next, int depth)
{
    for (; next < commands->count; next++) {
        struct script_command *command = &commands->items[next];
        bool waits =
            (!clients->started && needs_stream(command)) || is_ahead(clients, client, command);
        if (waits && depth == 0) {
            client->commands = commands;
            client->next_command = next;
            client->deadline = client->asked + (uint64_t)clients->config.wait;
            return;
        }
        if (!carry_out(clients, client, command, depth))
            break;
    }
    script_commands_free(commands);
}

static void run_hook(struct clients *clients, struct client *client, struct script_call *call,
                     int depth)
{
    if (depth > MAX_HOOK_DEPTH) {
        fail_client(clients, client, "client.lua: its hooks call each other without an end");
        return;
    }
    struct script_commands *commands = call_script(clients, client, call);
    count_errors(clients, call, commands);
    if (commands)
        carry_out_all(clients, client, commands, 0, depth);
}

// ---- waiting for the stream ----

static void run_message(struct clients *clients, struct client *client, const char *bytes,
                        size_t size, bool binary, uint64_t asked)
{
    client->asked = asked;
    struct script_call call = {
        .hook = HOOK_MESSAGE, .payload = bytes, .payload_size = size, .binary = binary};
    run_hook(clients, client, &call, 0);
}

// Goes on with what the client waited with, until it waits again.
static void resume(struct clients *clients, struct client *client)
{
    struct held_message *held;
    struct script_commands *commands = client->commands;
    client->commands = NULL;
    carry_out_all(clients, client, commands, client->next_command, 0);
    while (!client->commands && (held = client_take_held(client))) {
        run_message(clients, client, held->bytes, held->size, held->binary, held->asked);
        free(held);
    }
}

static void for_each(struct clients *clients, void (*each)(struct clients *, struct client *))
{
    size_t position = 0;
    uint64_t *value;
    while ((value = map_next(&clients->by_ref, &position)))
        each(clients, (struct client *)(uintptr_t)*value);
}

uint64_t clients_subscriptions(const struct clients *clients)
{
    return clients->subscriptions;
}

uint64_t clients_waiting(const struct clients *clients)
{
    size_t position = 0;
    uint64_t *value, waiting = 0;
    while ((value = map_next(&clients->by_ref, &position)))
        waiting += ((struct client *)(uintptr_t)*value)->commands != NULL;
    return waiting;
}

static void go_on(struct clients *clients, struct client *client)
{
    if (client->commands)
        resume(clients, client);
}

void clients_start(struct clients *clients)
{
    if (clients->started)
        return;
    clients->started = true;
    for_each(clients, go_on);
}

static void send_away(struct clients *clients, struct client *client)
{
    server_close(clients->config.server, client->ref, 1001,
                 "the stream has gone to another instance");
}

void clients_pause(struct clients *clients)
{
    clients->started = false;
}

void clients_stop(struct clients *clients)
{
    clients_pause(clients);
    for_each(clients, send_away);
}

static void tell_reset(struct clients *clients, struct client *client)
{
    char id[EVENT_ID_TEXT_SIZE];
    if (client->topic_count == 0)
        return;
    position_text(clients, id);
    struct script_call call = {.hook = HOOK_ERROR,
                               .word = "stream_reset",
                               .sentence =
                                   "The event stream was interrupted, and events are missing: "
                                   "fetch the state anew",
                               .with_result = true,
                               .id = id};
    run_hook(clients, client, &call, 1);
}

void clients_reset(struct clients *clients)
{
    for_each(clients, tell_reset);
}

// What is behind an answer may have waited as long: each counts from its own arrival.
static void give_up(struct clients *clients, struct client *client)
{
    while (client->commands && client->deadline <= clients->now) {
        struct script_command *command = &client->commands->items[client->next_command++];
        report_error(clients, client, command, "unavailable", UNAVAILABLE, 0);
        resume(clients, client);
    }
}

void clients_tick(struct clients *clients, uint64_t now, bool connected)
{
    clients->now = now;
    clients->connected = connected;
    for_each(clients, clients->started ? go_on : give_up);
}

// ---- what the server says ----

void clients_opened(struct clients *clients, struct client_ref ref,
                    const struct handshake *handshake, uint64_t now)
{
    clients->now = now;
    struct client *client = client_new(ref, handshake);
    map_put(&clients->by_ref, &ref, sizeof ref, (uintptr_t)client);
    log_write(LOG_DEBUG, "client_connected",
              LOG_FIELDS(LOG_TEXT("client_id", client->id), LOG_TEXT("address", client->address)),
              "a client has connected");
    client->asked = now;
    clients->config.metrics->connections++;
    struct script_call call = {.hook = HOOK_CONNECT};
    run_hook(clients, client, &call, 0);
}

void clients_message(struct clients *clients, struct client_ref ref, const char *bytes, size_t size,
                     bool binary, uint64_t now)
{
    struct client *client = find(clients, ref);
    clients->now = now;
    if (!client)
        return;
    clients->config.metrics->messages++;
    if (!client->commands) {
        run_message(clients, client, bytes, size, binary, now);
        return;
    }
    if (!client_hold(client, bytes, size, binary, now)) {
        struct script_command nothing = {0};
        report_error(clients, client, &nothing, "unavailable",
                     "The event stream is not available yet, and too many messages wait for it", 0);
    }
}

void clients_limited(struct clients *clients, struct client_ref ref)
{
    struct client *client = find(clients, ref);
    struct script_command nothing = {0};
    char sentence[120];
    if (!client)
        return;
    snprintf(sentence, sizeof sentence,
             "Too many messages: at most %lld a second are read; whoever goes on is closed",
             (long long)clients->config.per_second);
    log_write(LOG_INFO, "client_limited",
              LOG_FIELDS(LOG_TEXT("client_id", client->id), LOG_TEXT("address", client->address)),
              "a client sends more than %lld messages a second, and is read more slowly",
              (long long)clients->config.per_second);
    report_error(clients, client, &nothing, "rate_limited", sentence, 0);
}

void clients_closed(struct clients *clients, struct client_ref ref, int code)
{
    struct client *client = find(clients, ref);
    if (!client)
        return;
    struct script_call call = {.hook = HOOK_DISCONNECT, .code = code};
    script_commands_free(call_script(clients, client, &call));
    log_write(LOG_DEBUG, "client_disconnected",
              LOG_FIELDS(LOG_TEXT("client_id", client->id), LOG_NUMBER("code", code)),
              "a client has gone");
    map_remove(&clients->by_ref, &ref, sizeof ref);
    metrics_disconnect(clients->config.metrics, code);
    clients->subscriptions -= client->topic_count;
    client_free(client, clients->config.topics);
}

static void free_client(struct clients *clients, struct client *client)
{
    client_free(client, clients->config.topics);
}

void clients_free(struct clients *clients)
{
    if (!clients)
        return;
    for_each(clients, free_client);
    map_release(&clients->by_ref);
    free(clients);
}
