// SPDX-License-Identifier: MIT
// What the hooks of client.lua want done, command by command.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients_state.h"
#include "rowcast/clock.h"
#include "rowcast/log.h"

// A hook's commands may call further hooks; a script that answers itself for ever is stopped here.
#define MAX_HOOK_DEPTH 8

#define FAILURE_SIZE 4096

static const struct missed_events NOTHING_MISSED = {.topic = TOPIC_NONE};

// ---- hooks ----

struct view {
    const struct clients *clients;
    struct client *client;
};

static const char *subscription_name(void *user, size_t index)
{
    struct view *view = user;
    choices_compact(&view->client->choices);
    return topics_name(view->clients->config.topics,
                       choices_items(&view->client->choices)[index].topic);
}

// What it still waits for is dropped.
void clients_leave_alone(struct clients *clients, struct client *client)
{
    client->closing = true;
    clients_end_pursuit(clients, client);
    client_end_join(client);
    client_drop_work(client, clients->config.topics);
}

void clients_send_away(struct clients *clients, struct client *client, int code, const char *reason)
{
    server_close(clients->config.server, client->ref, code, reason);
    clients_leave_alone(clients, client);
}

static void fail_client(struct clients *clients, struct client *client, const char *failure)
{
    size_t first_line = strcspn(failure, "\n");
    metrics_failed(clients->config.metrics, CLIENTS_SCRIPT);
    if (log_says(LOG_ERROR, "client_script_failed", failure))
        log_write(LOG_ERROR, "client_script_failed",
                  LOG_FIELDS(LOG_TEXT("client_id", client->id), LOG_TEXT("traceback", failure)),
                  "%.*s; the client is closed with 1011", (int)first_line, failure);
    clients_send_away(clients, client, 1011, "internal error");
}

struct script_commands *clients_call_script(struct clients *clients, struct client *client,
                                            struct script_call *call)
{
    char failure[FAILURE_SIZE];
    struct view view = {clients, client};
    struct handshake handshake = client_handshake(client);
    struct script_client shown = {
        .id = client->id,
        .address = handshake.address,
        .path = handshake.path,
        .query = handshake.query,
        .protocol = handshake.protocol,
        .cookie = handshake.cookie,
        .user_agent = handshake.user_agent,
        .origin = handshake.origin,
        .state = client->state,
        .state_size = client->state ? strlen(client->state) : 0,
        .subscription_count = client->choices.count,
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

// Calls the hook; the commands it wants are the next to be carried out.
void clients_run_hook(struct clients *clients, struct client *client, struct script_call *call)
{
    if (client->closing)
        return;
    if (client->depth > MAX_HOOK_DEPTH) {
        fail_client(clients, client, "client.lua: its hooks call each other without an end");
        return;
    }
    struct script_commands *commands = clients_call_script(clients, client, call);
    count_errors(clients, call, commands);
    if (commands)
        client_push_work(client, commands, NOTHING_MISSED);
}

void clients_report_error(struct clients *clients, struct client *client,
                          const struct script_command *command, const char *word,
                          const char *sentence)
{
    struct script_call call = {.hook = HOOK_ERROR,
                               .word = word,
                               .sentence = sentence,
                               .with_result = true,
                               .topic = command->topic,
                               .ref = command->ref,
                               .ref_size = command->ref_size};
    clients_run_hook(clients, client, &call);
}

// ---- commands ----

void clients_position_text(const struct clients *clients, char text[EVENT_ID_TEXT_SIZE])
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

bool clients_choose(struct clients *clients, struct client *client, uint32_t topic,
                    struct filter *filter)
{
    struct choice *choice = choices_find(&client->choices, topic);
    if (!choice && client->choices.count >= clients->config.max_subscriptions) {
        filter_unref(filter);
        return false;
    }
    if (choice) {
        filter_unref(choice->filter);
        choice->filter = filter;
    } else {
        topics_ref(clients->config.topics, topic);
        choices_add(&client->choices, topic, filter);
        choices_find(&client->choices, topic)->heard =
            formats_topic(clients->config.formats, client->format, topic);
        clients->subscriptions++;
    }
    return true;
}

void clients_hear(struct clients *clients, struct client *client, uint32_t topic)
{
    const struct choice *choice = choices_find(&client->choices, topic);
    server_subscribe(clients->config.server, client->ref, choice->heard,
                     filter_ref(choice->filter));
}

static void refuse_too_many(struct clients *clients, struct client *client,
                            const struct script_command *command)
{
    char sentence[80];
    snprintf(sentence, sizeof sentence, "Too many subscriptions: at most %u are allowed",
             clients->config.max_subscriptions);
    clients_report_error(clients, client, command, "too_many_subscriptions", sentence);
}

static void remove_choice(struct clients *clients, struct client *client, uint32_t topic)
{
    struct choice *choice = choices_find(&client->choices, topic);
    if (!choice)
        return;
    uint32_t heard = choice->heard;
    choices_remove(&client->choices, choice);
    clients->subscriptions--;
    server_unsubscribe(clients->config.server, client->ref, heard);
    topics_unref(clients->config.topics, heard);
    topics_unref(clients->config.topics, topic);
}

static void take_snapshot(struct clients *clients, struct client *client,
                          const struct script_command *command, uint32_t topic,
                          struct filter *filter, const char *reason)
{
    if (!snapshots_possible(clients->config.snapshots)) {
        clients_report_error(clients, client, command, "invalid_option",
                             "snapshot is not possible: this server reads no database");
        return;
    }
    if (!choices_find(&client->choices, topic) &&
        client->choices.count >= clients->config.max_subscriptions) {
        refuse_too_many(clients, client, command);
        return;
    }
    remove_choice(clients, client, topic);
    clients_begin_join(clients, client, command, topic, filter, reason);
}

// Confirmation, missed events, live events: in this order. What was missed comes when the commands that
// confirm have been carried out.
static void subscribe_to(struct clients *clients, struct client *client,
                         const struct script_command *command, uint32_t topic,
                         struct filter *filter)
{
    const struct history *history = clients->config.history;
    struct missed_events missed = {.topic = topic, .until = history_end(history)};
    char id[EVENT_ID_TEXT_SIZE];
    const char *reason =
        command->since ? decide_resume(clients, command, topic, &missed.cursor) : NULL;
    bool recovered = command->since && !reason;
    if (command->snapshot && !recovered) {
        take_snapshot(clients, client, command, topic, filter, reason);
        return;
    }
    if (!clients_choose(clients, client, topic, filter_ref(filter))) {
        refuse_too_many(clients, client, command);
        return;
    }
    clients_position_text(clients, id);
    clients_hear(clients, client, topic);
    if (recovered && history_place(history, &missed.cursor) < missed.until) {
        topics_ref(clients->config.topics, topic);
        client_push_work(client, NULL, missed);
    }
    struct script_call call = {.hook = HOOK_SUBSCRIBED,
                               .with_result = true,
                               .topic = command->topic,
                               .recovered = recovered,
                               .conflate = clients->config.conflate,
                               .reason = reason,
                               .id = recovered ? command->since : id,
                               .ref = command->ref,
                               .ref_size = command->ref_size};
    clients_run_hook(clients, client, &call);
}

static void subscribe(struct clients *clients, struct client *client,
                      const struct script_command *command)
{
    if (!clients_check_lsn(clients, client, command))
        return;
    uint32_t topic = topics_take(clients->config.topics, command->topic, command->topic_size);
    struct filter *filter = command->types ? filter_new(command->types, command->type_count) : NULL;
    subscribe_to(clients, client, command, topic, filter);
    filter_unref(filter);
    topics_unref(clients->config.topics, topic);
}

static void unsubscribe(struct clients *clients, struct client *client,
                        const struct script_command *command)
{
    uint32_t topic = topics_find(clients->config.topics, command->topic, command->topic_size);
    if (topic != TOPIC_NONE)
        remove_choice(clients, client, topic);
    struct script_call call = {.hook = HOOK_UNSUBSCRIBED,
                               .with_result = true,
                               .topic = command->topic,
                               .ref = command->ref,
                               .ref_size = command->ref_size};
    clients_run_hook(clients, client, &call);
}

static void pong(struct clients *clients, struct client *client,
                 const struct script_command *command)
{
    char id[EVENT_ID_TEXT_SIZE];
    clients_position_text(clients, id);
    struct script_call call = {.hook = HOOK_PONG,
                               .with_result = true,
                               .id = id,
                               .ref = command->ref,
                               .ref_size = command->ref_size};
    clients_run_hook(clients, client, &call);
}

void clients_carry_out(struct clients *clients, struct client *client,
                       struct script_command *command)
{
    switch (command->kind) {
    case COMMAND_SEND:
        server_send(clients->config.server, client->ref, script_command_take_frame(command));
        break;
    case COMMAND_CLOSE:
        clients_send_away(clients, client, command->code, command->reason);
        break;
    case COMMAND_STATE:
        client_set_state(client, command->state);
        break;
    case COMMAND_SUBSCRIBE:
        subscribe(clients, client, command);
        break;
    case COMMAND_UNSUBSCRIBE:
        unsubscribe(clients, client, command);
        break;
    case COMMAND_PONG:
        pong(clients, client, command);
        break;
    case COMMAND_FORMAT:
        clients_choose_format(clients, client, command->format);
        break;
    }
}

// ---- working ----

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

static bool needs_stream(const struct script_command *command)
{
    return command->kind == COMMAND_SUBSCRIBE || command->kind == COMMAND_PONG;
}

// The next command; NULL: the topmost work is done.
struct script_command *clients_next_command(const struct client *client)
{
    const struct client_work *work = client->work;
    return work->commands && work->next < work->commands->count ? &work->commands->items[work->next]
                                                                : NULL;
}

bool clients_wait(const struct clients *clients, const struct client *client)
{
    const struct script_command *command = clients_next_command(client);
    return command &&
           ((!clients->started && needs_stream(command)) || is_ahead(clients, client, command) ||
            clients_await_lsn(clients, client, command));
}

// Carries out the commands under way until one has to wait. True: all are done.
static bool work_on(struct clients *clients, struct client *client)
{
    while (client->work && !client->pursuit) {
        if (clients_wait(clients, client)) {
            clients_note_waiting(clients, client);
            return false;
        }
        list_leave(&client->await);
        struct script_command *command = clients_next_command(client);
        if (command) {
            client->work->next++;
            clients_carry_out(clients, client, command);
        } else {
            struct missed_events missed = client_pop_work(client);
            if (missed.topic != TOPIC_NONE)
                clients_replay(clients, client, missed);
        }
    }
    return !client_is_busy(client);
}

void clients_take_message(struct clients *clients, struct client *client, const char *bytes,
                          size_t size, bool binary, uint64_t asked)
{
    client->asked = asked;
    client->answering = true;
    struct script_call call = {
        .hook = HOOK_MESSAGE, .payload = bytes, .payload_size = size, .binary = binary};
    clients_run_hook(clients, client, &call);
}

// What was asked before is answered, then what was asked meanwhile is taken up.
void clients_proceed(struct clients *clients, struct client *client)
{
    struct held_message *held;
    while (work_on(clients, client)) {
        if (client->answering)
            server_answered(clients->config.server, client->ref);
        client->answering = false;
        held = client_take_held(client);
        if (!held)
            return;
        clients_take_message(clients, client, held->bytes, held->size, held->binary, held->asked);
        free(held);
    }
}
