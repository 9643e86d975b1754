// SPDX-License-Identifier: MIT
// Reading one's writes: a subscribe that waits until the stream has passed the position its writer was told.
#include "clients_state.h"
#include "rowcast/lsn.h"
#include "rowcast/memory.h"

#define WAKE_TIME 1000000 // nanoseconds a turn of the loop
#define FLUSH_AFTER 500   // milliseconds

#define IMPOSSIBLE "after_lsn is not possible: this server reads no database"
#define AHEAD                                                                                      \
    "The database's log has not come to after_lsn, so no commit had this position; nothing was "   \
    "changed"
#define LATE                                                                                       \
    "The event stream has not come to after_lsn in time, and nothing was changed; try again"

// The next commit may begin right there, not before.
static uint64_t awaited_lsn(const struct script_command *command)
{
    return lsn_before_page_head(command->after_lsn, LSN_USUAL_PAGE);
}

static bool has_passed(const struct clients *clients, const struct script_command *command)
{
    return history_position(clients->config.history)->lsn + 1 >= awaited_lsn(command);
}

// The server that the stream comes from was asked since, and its log ended before: what was not given
// then cannot have been told before.
static bool is_denied(const struct clients *clients, const struct client *client,
                      const struct script_command *command)
{
    const struct history *history = clients->config.history;
    const struct postgres_log_end *end = postgres_pool_log_end(clients->config.pool);
    return end->asked > client->asked && end->lsn < command->after_lsn &&
           end->epoch == history_position(history)->epoch &&
           end->timeline == history_timeline(history);
}

bool clients_await_lsn(const struct clients *clients, const struct client *client,
                       const struct script_command *command)
{
    return command->has_after_lsn && clients->config.pool && !has_passed(clients, command) &&
           clients->now - client->asked < (uint64_t)clients->config.wait &&
           !is_denied(clients, client, command);
}

bool clients_check_lsn(struct clients *clients, struct client *client,
                       const struct script_command *command)
{
    if (!command->has_after_lsn)
        return true;
    if (!clients->config.pool)
        clients_report_error(clients, client, command, "invalid_option", IMPOSSIBLE);
    else if (!has_passed(clients, command))
        clients_report_error(clients, client, command, "unavailable",
                             is_denied(clients, client, command) ? AHEAD : LATE);
    else
        return true;
    return false;
}

static void note_nearest(struct clients *clients, const struct script_command *command)
{
    if (awaited_lsn(command) < clients->nearest)
        clients->nearest = awaited_lsn(command);
}

void clients_note_waiting(struct clients *clients, struct client *client)
{
    const struct script_command *command = clients_next_command(client);
    if (!command->has_after_lsn) {
        list_leave(&client->await);
        return;
    }
    if (list_holds(&client->await))
        return;
    list_append(&clients->awaiting, &client->await);
    note_nearest(clients, command);
    clients->config.ask(clients->config.user);
}

// Those that need not wait any longer go on. False: the time is over.
static bool wake_all(struct clients *clients)
{
    struct list_link *link = clients->awaiting.head.next, *next;
    uint64_t until = uv_hrtime() + WAKE_TIME;
    clients->nearest = UINT64_MAX;
    for (; link != &clients->awaiting.head; link = next) {
        struct client *client = container_of(link, struct client, await);
        const struct script_command *command = clients_next_command(client);
        next = link->next;
        if (has_passed(clients, command))
            clients_proceed(clients, client);
        else
            note_nearest(clients, command);
        if (uv_hrtime() < until)
            continue;
        clients->nearest = 0;
        return false;
    }
    return true;
}

bool clients_wake_awaiting(struct clients *clients)
{
    uint64_t lsn = history_position(clients->config.history)->lsn;
    if (!list_first(&clients->awaiting) || lsn == clients->awaited)
        return false;
    if (lsn + 1 >= clients->nearest && !wake_all(clients))
        return true;
    clients->awaited = lsn;
    if (list_first(&clients->awaiting))
        clients->config.ask(clients->config.user);
    return false;
}

// The server may keep the end of its log in memory, where the stream does not come from; and it may say
// that its log is not as long.
void clients_hurry_awaiting(struct clients *clients)
{
    struct list_link *first = list_first(&clients->awaiting);
    if (first && clients->now - container_of(first, struct client, await)->asked > FLUSH_AFTER)
        postgres_pool_flush_log(clients->config.pool);
}
