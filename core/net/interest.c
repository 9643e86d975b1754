// SPDX-License-Identifier: MIT
// Which workers have subscribers of which topics.
#include "rowcast/interest.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

#define FIRST_CAPACITY 64

void interest_init(struct interest *interest, uint32_t workers)
{
    interest->newest = NULL;
    interest->capacity = 0;
    interest->workers = workers;
    interest->numbers = memory_new(workers * sizeof *interest->numbers);
}

void interest_release(struct interest *interest)
{
    free(interest->newest);
    free(interest->numbers);
}

static void grow(struct interest *interest, uint32_t topic)
{
    size_t row = interest->workers * sizeof *interest->newest;
    uint32_t old = interest->capacity, capacity = old > 0 ? old : FIRST_CAPACITY;

    while (capacity <= topic)
        capacity *= 2;
    interest->newest = memory_resize(interest->newest, capacity * row);
    memset((char *)interest->newest + old * row, 0, (capacity - old) * row);
    interest->capacity = capacity;
}

static uint32_t *newest_of(const struct interest *interest, uint32_t topic, uint32_t worker)
{
    return &interest->newest[(size_t)topic * interest->workers + worker];
}

uint32_t interest_add(struct interest *interest, uint32_t topic, uint32_t worker)
{
    if (topic >= interest->capacity)
        grow(interest, topic);
    if (++interest->numbers[worker] == 0)
        interest->numbers[worker] = 1;
    return *newest_of(interest, topic, worker) = interest->numbers[worker];
}

void interest_emptied(struct interest *interest, uint32_t topic, uint32_t worker, uint32_t number)
{
    if (topic >= interest->capacity)
        return;
    // Numbers wrap. One that seems newer than it is only keeps an interest that is not there.
    uint32_t *newest = newest_of(interest, topic, worker);
    if ((int32_t)(number - *newest) >= 0)
        *newest = 0;
}

bool interest_has(const struct interest *interest, uint32_t topic, uint32_t worker)
{
    return topic < interest->capacity && *newest_of(interest, topic, worker) != 0;
}
