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

struct client *client_new(struct client_ref ref, const struct handshake *handshake)
{
    struct client *client = memory_new(sizeof *client);
    client->ref = ref;
    make_id(client->id, sizeof client->id);
    client->address = memory_text(handshake->address);
    client->path = memory_text(handshake->path);
    client->query = memory_text(handshake->query);
    client->protocol = memory_text(handshake->protocol);
    client->cookie = memory_text(handshake->cookie);
    client->user_agent = memory_text(handshake->user_agent);
    client->origin = memory_text(handshake->origin);
    client->held_end = &client->held;
    return client;
}

void client_free(struct client *client, struct topics *topics)
{
    struct held_message *held;
    for (uint32_t i = 0; i < client->topic_count; i++)
        topics_unref(topics, client->topics[i]);
    while ((held = client_take_held(client)))
        free(held);
    script_commands_free(client->commands);
    free(client->address);
    free(client->path);
    free(client->query);
    free(client->protocol);
    free(client->cookie);
    free(client->user_agent);
    free(client->origin);
    free(client->state);
    free(client->topics);
    free(client);
}

static uint32_t position_of(const struct client *client, uint32_t topic)
{
    uint32_t i = 0;
    while (i < client->topic_count && client->topics[i] != topic)
        i++;
    return i;
}

bool client_has(const struct client *client, uint32_t topic)
{
    return position_of(client, topic) < client->topic_count;
}

void client_add(struct client *client, uint32_t topic)
{
    if (client->topic_count == client->topic_capacity) {
        client->topic_capacity = client->topic_capacity ? 2 * client->topic_capacity : 4;
        client->topics =
            memory_resize(client->topics, client->topic_capacity * sizeof *client->topics);
    }
    client->topics[client->topic_count++] = topic;
}

bool client_remove(struct client *client, uint32_t topic)
{
    uint32_t position = position_of(client, topic);
    if (position == client->topic_count)
        return false;
    client->topic_count--;
    memmove(client->topics + position, client->topics + position + 1,
            (client->topic_count - position) * sizeof *client->topics);
    return true;
}

bool client_hold(struct client *client, const char *bytes, size_t size, bool binary, uint64_t asked)
{
    if (client->held_count == CLIENT_MAX_HELD)
        return false;
    struct held_message *held = memory_new(sizeof *held + size);
    held->size = size;
    held->binary = binary;
    held->asked = asked;
    memcpy(held->bytes, bytes, size);
    *client->held_end = held;
    client->held_end = &held->next;
    client->held_count++;
    return true;
}

struct held_message *client_take_held(struct client *client)
{
    struct held_message *held = client->held;
    if (!held)
        return NULL;
    client->held = held->next;
    if (!client->held)
        client->held_end = &client->held;
    client->held_count--;
    return held;
}

void client_set_state(struct client *client, const char *json, size_t size)
{
    free(client->state);
    client->state = memory_copy(json, size);
    client->state_size = size;
}
