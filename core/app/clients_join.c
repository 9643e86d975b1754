// SPDX-License-Identifier: MIT
// Joining a snapshot with the stream: confirmation, rows, what of the stream they lack, the end.
//
// While it lasts the worker leaves the client to us, as one that is behind: its other topics are fed from the
// history. What it asks meanwhile waits.
#include "clients_state.h"
#include "rowcast/memory.h"

// The command takes effect when the rows are there, and nothing of the topic comes before.
void clients_begin_join(struct clients *clients, struct client *client,
                        const struct script_command *command, uint32_t topic, struct filter *filter,
                        const char *reason)
{
    clients_park(clients, client);
    client_begin_join(client, snapshot_start(clients->config.snapshots, topic, filter, client),
                      command, reason);
    list_append(&clients->joining, &client->join->link);
}

// ---- its steps ----

// What answers is sent at once; what else the hook asks for waits behind the snapshot.
static void answer(struct clients *clients, struct client *client, struct script_call *call)
{
    const struct client_work *below = client->work;
    clients_run_hook(clients, client, call);
    while (!client->closing && client->work != below) {
        struct script_command *command = clients_next_command(client);
        if (!command) {
            client_pop_work(client);
            continue;
        }
        if (command->kind != COMMAND_SEND && command->kind != COMMAND_STATE &&
            command->kind != COMMAND_CLOSE)
            return;
        client->work->next++;
        clients_carry_out(clients, client, command);
    }
}

// The client has all of its other topics up to here: so it may be told what it is subscribed to now.
static void confirm(struct clients *clients, struct client *client)
{
    struct join *join = client->join;
    const struct script_command *command = join->command;
    struct filter *filter = snapshot_filter(join->snapshot);
    uint32_t topic = snapshot_topic(join->snapshot);
    struct script_call call = {.hook = HOOK_SUBSCRIBED,
                               .with_result = true,
                               .topic = command->topic,
                               .conflate = clients->config.conflate,
                               .reason = join->reason,
                               .with_snapshot = true,
                               .snapshot = snapshot_count(join->snapshot),
                               .ref = command->ref,
                               .ref_size = command->ref_size};
    clients_choose(clients, client, topic, filter_ref(filter));
    catchup_leave_out(&client->pursuit->catchup, topic, snapshot_seen(join->snapshot));
    clients_hear(clients, client, topic);
    join->confirmed = true;
    join->progress = clients->now;
    answer(clients, client, &call);
}

// Behind the rows comes what they lack of the stream.
static void add_lacking(struct clients *clients, struct client *client)
{
    struct snapshot *snapshot = client->join->snapshot;
    struct catchup *catchup = &client->pursuit->catchup;
    struct history_cursor cursor;
    if (history_resume(clients->config.history, snapshot_topic(snapshot), snapshot_since(snapshot),
                       &cursor) != RESUME_RECOVERED) {
        clients_lose(clients, client);
        return;
    }
    catchup_add(catchup, cursor, catchup->from, filter_ref(snapshot_filter(snapshot)),
                snapshot_seen(snapshot));
    clients_make_ready(clients, client);
}

// To be given.
static bool has_rows(const struct join *join)
{
    return join && join->confirmed && snapshot_has_next(join->snapshot);
}

bool clients_give_rows(struct clients *clients, struct client *client)
{
    struct join *join = client->join;
    struct frame *frame;
    size_t bytes = 0;
    if (!has_rows(join))
        return false;
    while (bytes < clients->config.batch && (frame = snapshot_next(join->snapshot))) {
        bytes += clients_send_event(clients, client, frame, NULL);
        frame_unref(frame);
        if (client->closing)
            return true;
    }
    join->progress = clients->now;
    if (has_rows(join))
        clients_watch(clients, client);
    else
        add_lacking(clients, client);
    return true;
}

static void finish(struct clients *clients, struct client *client)
{
    char id[EVENT_ID_TEXT_SIZE];
    const struct script_command *command = client->join->command;
    struct script_call call = {.hook = HOOK_SNAPSHOT_END,
                               .with_result = true,
                               .topic = command->topic,
                               .id = id,
                               .ref = command->ref,
                               .ref_size = command->ref_size};
    clients_position_text(clients, id);
    client_end_join(client);
    clients_serve_live(clients, client);
    clients_run_hook(clients, client, &call);
    clients_proceed(clients, client);
}

void clients_go_on_joining(struct clients *clients, struct client *client)
{
    if (!client->join->confirmed) {
        if (!snapshot_is_ready(client->join->snapshot))
            return;
        confirm(clients, client);
        if (!client->closing && !clients_give_rows(clients, client))
            add_lacking(clients, client);
    } else if (snapshot_has_passed(client->join->snapshot)) {
        finish(clients, client);
    } else {
        clients->config.ask(clients->config.user);
    }
}

void clients_reset_join(struct clients *clients, struct client *client, struct script_call *call)
{
    if (!client->join)
        return;
    if (client->join->confirmed) { // with what the call says
        client_end_join(client);
        return;
    }
    snapshot_restart(client->join->snapshot);
    clients_end_pursuit(clients, client);
    clients_park(clients, client);
    if (client->choices.count > 0)
        answer(clients, client, call);
}

// ---- what moves it ----

void clients_wake_joining(struct clients *clients)
{
    const struct event_id *position = history_position(clients->config.history);
    uint64_t end = history_end(clients->config.history);
    if (event_id_compare(position, &clients->fed) == 0 && end == clients->fed_end)
        return;
    clients->fed = *position;
    clients->fed_end = end;
    for (struct list_link *link = clients->joining.head.next; link != &clients->joining.head;
         link = link->next) {
        struct client *client = container_of(link, struct join, link)->client;
        if (!client->pursuit->watched)
            clients_make_ready(clients, client);
    }
}

void clients_give_up_reading(struct clients *clients, struct client *client)
{
    if (has_rows(client->join) &&
        clients->now - client->join->progress >= (uint64_t)clients->config.wait)
        clients_lose(clients, client);
}

static void on_ready(void *user, void *owner)
{
    struct client *client = owner;
    if (!client->pursuit->watched)
        clients_make_ready(user, client);
}

// What it still catches up with comes first.
static void on_failed(void *user, void *owner, const char *code, const char *sentence)
{
    struct clients *clients = user;
    struct client *client = owner;
    const struct script_command *command = client->join->command;
    client_forget_join(client);
    clients_report_error(clients, client, command, code, sentence);
    if (!client->closing && !client->pursuit->watched)
        clients_make_ready(clients, client);
}

const struct snapshots_callbacks clients_snapshots_callbacks = {on_ready, on_failed};
