// SPDX-License-Identifier: MIT
// Deadlines that all run equally long.
#include "rowcast/deadlines.h"

#include "rowcast/memory.h"

void deadlines_init(struct deadlines *deadlines, int64_t delay)
{
    list_init(&deadlines->list);
    deadlines->delay = delay;
}

void deadlines_start(struct deadlines *deadlines, struct deadline *deadline, int64_t now)
{
    list_leave(&deadline->link);
    deadline->at = now + deadlines->delay;
    list_append(&deadlines->list, &deadline->link);
}

void deadline_stop(struct deadline *deadline)
{
    list_leave(&deadline->link);
}

struct deadline *deadlines_due(struct deadlines *deadlines, int64_t now)
{
    struct list_link *first = list_first(&deadlines->list);

    if (first == NULL)
        return NULL;
    struct deadline *deadline = container_of(first, struct deadline, link);
    if (deadline->at > now)
        return NULL;
    list_leave(first);
    return deadline;
}
