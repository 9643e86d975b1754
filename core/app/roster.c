// SPDX-License-Identifier: MIT
// Who is here: the clients by the connection they have.
#include "rowcast/roster.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

#define FIRST_CAPACITY 64

struct roster_worker {
    struct client **clients; // by slot
    uint32_t capacity;
};

void roster_init(struct roster *roster)
{
    *roster = (struct roster){0};
}

void roster_release(struct roster *roster)
{
    for (uint32_t i = 0; i < roster->count; i++)
        free(roster->workers[i].clients);
    free(roster->workers);
}

struct client *roster_at(const struct roster *roster, struct client_ref ref)
{
    if (ref.worker >= roster->count || ref.slot >= roster->workers[ref.worker].capacity)
        return NULL;
    return roster->workers[ref.worker].clients[ref.slot];
}

// Zeroed where it is new.
static void *grow(void *elements, uint32_t before, uint32_t after, size_t size)
{
    char *grown = memory_resize(elements, after * size);
    memset(grown + before * size, 0, (after - before) * size);
    return grown;
}

void roster_put(struct roster *roster, struct client_ref ref, struct client *client)
{
    if (ref.worker >= roster->count) {
        uint32_t count = ref.worker + 1;
        roster->workers = grow(roster->workers, roster->count, count, sizeof *roster->workers);
        roster->count = count;
    }
    struct roster_worker *worker = &roster->workers[ref.worker];
    if (ref.slot >= worker->capacity) {
        uint32_t capacity = ref.slot + ref.slot / 4 + FIRST_CAPACITY;
        worker->clients = grow(worker->clients, worker->capacity, capacity, sizeof client);
        worker->capacity = capacity;
    }
    worker->clients[ref.slot] = client;
}

struct client *roster_next(const struct roster *roster, struct client_ref *at)
{
    for (; at->worker < roster->count; at->worker++, at->slot = 0) {
        const struct roster_worker *worker = &roster->workers[at->worker];
        while (at->slot < worker->capacity) {
            struct client *client = worker->clients[at->slot++];
            if (client)
                return client;
        }
    }
    return NULL;
}
