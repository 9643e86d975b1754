// SPDX-License-Identifier: MIT
// One client as the brain knows it.
#include "rowcast/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "rowcast/clock.h"
#include "rowcast/memory.h"

#define RANDOM_LETTERS 9

static void make_id(char *id, size_t size)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    unsigned char bytes[RANDOM_LETTERS * 2] = {0};
    char random[RANDOM_LETTERS + 1] = "";
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        abort();
    for (int i = 0; i < RANDOM_LETTERS; i++) // 16 bits each: the bias of % 36 is below 1 in 1,800
        random[i] = letters[(bytes[2 * i] << 8 | bytes[2 * i + 1]) % 36];
    snprintf(id, size, "client_%lld_%s", (long long)(clock_now() / 1000000), random);
}

// All in one piece of memory.
static void copy_texts(struct client *client, const struct handshake *handshake)
{
    const char *const from[] = {handshake->address,  handshake->path,   handshake->query,
                                handshake->protocol, handshake->cookie, handshake->user_agent,
                                handshake->origin};
    const char **const to[] = {&client->address,  &client->path,   &client->query,
                               &client->protocol, &client->cookie, &client->user_agent,
                               &client->origin};
    size_t size = 0, at = 0;
    for (int i = 0; i < 7; i++)
        size += from[i] ? strlen(from[i]) + 1 : 0;
    client->texts = memory_resize(NULL, size > 0 ? size : 1);
    for (int i = 0; i < 7; i++) {
        if (!from[i])
            continue;
        *to[i] = strcpy(client->texts + at, from[i]);
        at += strlen(from[i]) + 1;
    }
}

struct client *client_new(struct client_ref ref, const struct handshake *handshake)
{
    struct client *client = memory_new(sizeof *client);
    client->ref = ref;
    make_id(client->id, sizeof client->id);
    copy_texts(client, handshake);
    choices_init(&client->choices);
    client->held_end = &client->held;
    return client;
}

void client_free(struct client *client, struct topics *topics)
{
    struct held_message *held;
    client_end_catchup(client);
    client_end_snapshot(client);
    for (uint32_t i = 0; i < client->choices.end; i++) {
        if (client->choices.items[i].topic == CHOICE_HOLE)
            continue;
        topics_unref(topics, client->choices.items[i].topic);
        topics_unref(topics, client->choices.items[i].heard);
    }
    choices_release(&client->choices);
    client_drop_work(client, topics);
    while ((held = client_take_held(client)))
        free(held);
    free(client->texts);
    free(client->state);
    free(client);
}

void client_end_catchup(struct client *client)
{
    if (!client->catchup)
        return;
    catchup_release(client->catchup);
    free(client->catchup);
    client->catchup = NULL;
    list_leave(&client->ready);
}

void client_end_snapshot(struct client *client)
{
    if (!client->snapshot)
        return;
    struct choice *choice = choices_find(&client->choices, snapshot_topic(client->snapshot));
    if (choice)
        choice->seen = NULL;
    snapshot_free(client->snapshot);
    client_forget_snapshot(client);
}

void client_forget_snapshot(struct client *client)
{
    list_leave(&client->join);
    client->snapshot = NULL;
    client->joining = NULL;
    client->reason = NULL;
    client->joined = false;
}

void client_push_work(struct client *client, struct script_commands *commands,
                      struct missed_events missed)
{
    struct client_work *work = memory_new(sizeof *work);
    *work = (struct client_work){client->work, commands, 0, missed};
    client->work = work;
    client->depth += commands != NULL;
}

struct missed_events client_pop_work(struct client *client)
{
    struct client_work *work = client->work;
    struct missed_events missed = work->missed;
    client->work = work->below;
    client->depth -= work->commands != NULL;
    script_commands_free(work->commands);
    free(work);
    return missed;
}

void client_drop_work(struct client *client, struct topics *topics)
{
    list_leave(&client->await);
    while (client->work) {
        struct missed_events missed = client_pop_work(client);
        if (missed.topic != TOPIC_NONE)
            topics_unref(topics, missed.topic);
    }
}

void client_hold(struct client *client, const char *bytes, size_t size, bool binary, uint64_t asked)
{
    struct held_message *held = memory_new(sizeof *held + size);
    held->size = size;
    held->binary = binary;
    held->asked = asked;
    memcpy(held->bytes, bytes, size);
    *client->held_end = held;
    client->held_end = &held->next;
}

struct held_message *client_take_held(struct client *client)
{
    struct held_message *held = client->held;
    if (!held)
        return NULL;
    client->held = held->next;
    if (!client->held)
        client->held_end = &client->held;
    return held;
}

void client_set_state(struct client *client, const char *json, size_t size)
{
    free(client->state);
    client->state = memory_copy(json, size);
    client->state_size = size;
}
