// SPDX-License-Identifier: MIT
// Clients that want events in another shape than JSON.
#include "clients_state.h"

void clients_leave_format(struct clients *clients, struct client *client)
{
    formats_leave(clients->config.formats, client->format);
    client->format = FORMATS_JSON;
}

// From here on it hears the topic in its present format.
static void hear_anew(struct clients *clients, struct client *client, struct choice *choice)
{
    struct server *server = clients->config.server;
    server_unsubscribe(server, client->ref, choice->heard);
    topics_unref(clients->config.topics, choice->heard);
    choice->heard = formats_topic(clients->config.formats, client->format, choice->topic);
    server_subscribe(server, client->ref, choice->heard, filter_ref(choice->filter));
}

void clients_choose_format(struct clients *clients, struct client *client, const char *name)
{
    uint32_t format = formats_enter(clients->config.formats, name);
    formats_leave(clients->config.formats, client->format);
    if (format == client->format)
        return;
    client->format = format;
    struct choice *items = choices_items(&client->choices);
    for (uint32_t i = 0; i < client->choices.end; i++)
        if (items[i].topic != CHOICE_HOLE)
            hear_anew(clients, client, &items[i]);
}

static void fail(struct clients *clients, struct client *client)
{
    clients_send_away(clients, client, 1011, "internal error");
}

size_t clients_send_event(struct clients *clients, struct client *client, struct frame *json,
                          const struct event_id *id)
{
    bool failed;
    struct frame *frame = formats_shape(clients->config.formats, client->format, json, id, &failed);
    if (failed)
        fail(clients, client);
    if (!frame)
        return 0;
    size_t size = frame->size;
    clients->config.metrics->resent++;
    server_send(clients->config.server, client->ref, frame);
    return size;
}

// Those that are behind come to the event by themselves.
void clients_fail_format(struct clients *clients, uint32_t format, const struct event *event)
{
    struct client_ref at = {0};
    struct client *client;
    while ((client = roster_next(&clients->roster, &at))) {
        if (client->format != format || client->closing || client->pursuit)
            continue;
        for (uint32_t i = 0; i < event->topic_count && !client->closing; i++) {
            const struct choice *choice = choices_find(&client->choices, event->topics[i]);
            if (choice && filter_wants(choice->filter, event->type))
                fail(clients, client);
        }
    }
}
