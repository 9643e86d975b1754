// SPDX-License-Identifier: MIT
// Which transactions a snapshot of the database contains.
#include "rowcast/visibility.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

// Reads a number and the byte behind it. False: there is none, or none of 64 bits.
static bool read_number(const char **text, uint64_t *number, char *behind)
{
    const char *at = *text;
    *number = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, (uint64_t)(*at - '0'), number))
            return false;
    if (at == *text)
        return false;
    *behind = *at;
    *text = at + (*at != '\0');
    return true;
}

static size_t count_numbers(const char *list)
{
    size_t count = *list != '\0';
    while ((list = strchr(list, ',')) != NULL) {
        list++;
        count++;
    }
    return count;
}

static bool read_running(struct visibility *visibility, const char *text)
{
    size_t count = count_numbers(text);
    char behind = ',';
    if (count > VISIBILITY_MAX_RUNNING)
        return false;
    visibility->running = memory_new((count + 1) * sizeof *visibility->running);
    uint64_t least = visibility->xmin;
    while (visibility->running_count < count) {
        uint64_t *number = &visibility->running[visibility->running_count];
        if (behind != ',' || !read_number(&text, number, &behind) || *number < least ||
            *number >= visibility->xmax)
            return false;
        least = *number + 1;
        visibility->running_count++;
    }
    return count == 0 || behind == '\0';
}

int visibility_parse(struct visibility *visibility, const char *text)
{
    char behind = '\0';
    *visibility = (struct visibility){0};
    if (read_number(&text, &visibility->xmin, &behind) && behind == ':' &&
        read_number(&text, &visibility->xmax, &behind) && behind == ':' &&
        visibility->xmin <= visibility->xmax && read_running(visibility, text))
        return 0;
    visibility_release(visibility);
    return -EINVAL;
}

void visibility_release(struct visibility *visibility)
{
    free(visibility->running);
    *visibility = (struct visibility){0};
}

static int compare(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

bool visibility_sees(const struct visibility *visibility, uint32_t xid)
{
    int32_t distance = (int32_t)((uint32_t)visibility->xmax - xid);
    uint64_t whole = visibility->xmax - (uint64_t)(int64_t)distance;
    if (whole < visibility->xmin)
        return true;
    return whole < visibility->xmax &&
           !bsearch(&whole, visibility->running, visibility->running_count, sizeof whole, compare);
}
