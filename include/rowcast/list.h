// SPDX-License-Identifier: MIT
// An intrusive doubly linked list: what is listed carries the link, joins and leaves in O(1).
#ifndef ROWCAST_LIST_H
#define ROWCAST_LIST_H

#include <stdbool.h>
#include <stddef.h>

// Invariant: `next` is NULL exactly while the link is in no list. Zeroed memory is a valid link.
struct list_link {
    struct list_link *previous, *next;
};

// A ring through its own head. It must not move in memory.
struct list {
    struct list_link head;
};

static inline void list_init(struct list *list)
{
    list->head.previous = list->head.next = &list->head;
}

static inline bool list_holds(const struct list_link *link)
{
    return link->next != NULL;
}

// The oldest, or NULL.
static inline struct list_link *list_first(const struct list *list)
{
    return list->head.next != &list->head ? list->head.next : NULL;
}

// Appends at the end. The link must be in no list.
static inline void list_append(struct list *list, struct list_link *link)
{
    link->previous = list->head.previous;
    link->next = &list->head;
    link->previous->next = link;
    list->head.previous = link;
}

// The same in front of all.
static inline void list_prepend(struct list *list, struct list_link *link)
{
    link->next = list->head.next;
    link->previous = &list->head;
    link->next->previous = link;
    list->head.next = link;
}

// Leaves the list it is in, if any.
static inline void list_leave(struct list_link *link)
{
    if (!list_holds(link))
        return;
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->previous = link->next = NULL;
}

#endif
