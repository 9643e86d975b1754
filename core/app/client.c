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
#define ID_SIZE 32
#define TEXTS 7 // of a handshake

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

// ---- the texts, in one piece of memory with the rest ----

static const char **text_of(struct handshake *handshake, int number)
{
    const char **const texts[TEXTS] = {
        &handshake->address, &handshake->path,       &handshake->query, &handshake->protocol,
        &handshake->cookie,  &handshake->user_agent, &handshake->origin};
    return texts[number];
}

static size_t texts_size(struct handshake handshake)
{
    size_t size = 0;
    for (int i = 0; i < TEXTS; i++) {
        const char *text = *text_of(&handshake, i);
        size += text ? strlen(text) + 1 : 0;
    }
    return size;
}

static void keep_texts(struct client *client, struct handshake handshake)
{
    char *at = client->id + strlen(client->id) + 1;
    for (int i = 0; i < TEXTS; i++) {
        const char *text = *text_of(&handshake, i);
        if (!text)
            continue;
        client->sent |= (uint8_t)(1 << i);
        at = stpcpy(at, text) + 1;
    }
}

struct handshake client_handshake(const struct client *client)
{
    struct handshake handshake = {0};
    const char *at = client->id + strlen(client->id) + 1;
    for (int i = 0; i < TEXTS; i++) {
        if (!(client->sent & 1 << i))
            continue;
        *text_of(&handshake, i) = at;
        at += strlen(at) + 1;
    }
    return handshake;
}

// ---- life ----

struct client *client_new(struct client_ref ref, const struct handshake *handshake)
{
    char id[ID_SIZE];
    make_id(id, sizeof id);
    struct client *client = memory_new(sizeof *client + strlen(id) + 1 + texts_size(*handshake));
    strcpy(client->id, id);
    keep_texts(client, *handshake);
    client->ref = ref;
    choices_init(&client->choices);
    return client;
}

void client_free(struct client *client, struct topics *topics)
{
    struct held_message *held;
    client_end_pursuit(client);
    client_end_join(client);
    const struct choice *items = choices_items(&client->choices);
    for (uint32_t i = 0; i < client->choices.end; i++) {
        if (items[i].topic == CHOICE_HOLE)
            continue;
        topics_unref(topics, items[i].topic);
        topics_unref(topics, items[i].heard);
    }
    choices_release(&client->choices);
    client_drop_work(client, topics);
    while ((held = client_take_held(client)))
        free(held);
    free(client->state);
    free(client);
}

// ---- what it is behind with ----

void client_begin_pursuit(struct client *client, const struct history *history, uint64_t from,
                          struct conflation conflation)
{
    client->pursuit = memory_new(sizeof *client->pursuit);
    client->pursuit->client = client;
    catchup_init(&client->pursuit->catchup, history, from, conflation);
}

void client_end_pursuit(struct client *client)
{
    if (!client->pursuit)
        return;
    catchup_release(&client->pursuit->catchup);
    list_leave(&client->pursuit->ready);
    free(client->pursuit);
    client->pursuit = NULL;
}

void client_begin_join(struct client *client, struct snapshot *snapshot,
                       const struct script_command *command, const char *reason)
{
    client->join = memory_new(sizeof *client->join);
    client->join->client = client;
    client->join->snapshot = snapshot;
    client->join->command = command;
    client->join->reason = reason;
}

void client_end_join(struct client *client)
{
    if (!client->join)
        return;
    snapshot_free(client->join->snapshot);
    client_forget_join(client);
}

void client_forget_join(struct client *client)
{
    list_leave(&client->join->link);
    free(client->join);
    client->join = NULL;
}

// ---- what it has asked for ----

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
    held->next = client->held ? client->held->next : held;
    if (client->held)
        client->held->next = held;
    client->held = held;
}

struct held_message *client_take_held(struct client *client)
{
    struct held_message *newest = client->held;
    if (!newest)
        return NULL;
    struct held_message *oldest = newest->next;
    newest->next = oldest->next;
    if (oldest == newest)
        client->held = NULL;
    return oldest;
}

void client_set_state(struct client *client, const char *json)
{
    free(client->state);
    client->state = memory_text(json);
}
