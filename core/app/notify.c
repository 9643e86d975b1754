// SPDX-License-Identifier: MIT
// Tells the service manager what the process is doing.
#include "rowcast/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rowcast/amount.h"

// A path, or with @ a name in the abstract namespace. -1 where it is neither.
static int set_address(struct notify *notify, const char *name)
{
    size_t size = name ? strlen(name) : 0;
    if (size < 2 || size >= sizeof notify->address.sun_path || (*name != '/' && *name != '@'))
        return -1;
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, name, size + 1);
    if (*name == '@')
        notify->address.sun_path[0] = '\0';
    notify->address_size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (*name == '/'));
    return 0;
}

// The time is meant for the process of WATCHDOG_PID, if that is named.
static int64_t watchdog_time(void)
{
    const char *time = getenv("WATCHDOG_USEC"), *process = getenv("WATCHDOG_PID");
    int64_t microseconds, pid;
    if (!time || amount_parse_number(time, &microseconds) != 0 || microseconds < 1000)
        return 0;
    if (process && (amount_parse_number(process, &pid) != 0 || pid != getpid()))
        return 0;
    return microseconds / 1000;
}

void notify_init(struct notify *notify)
{
    *notify = (struct notify){.fd = -1};
    if (set_address(notify, getenv("NOTIFY_SOCKET")) != 0)
        return;
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notify->fd >= 0)
        notify->watchdog = watchdog_time();
}

void notify_release(struct notify *notify)
{
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}

static int tell(struct notify *notify, const char *lines)
{
    if (notify->fd < 0)
        return -1;
    return sendto(notify->fd, lines, strlen(lines), MSG_NOSIGNAL,
                  (const struct sockaddr *)&notify->address, notify->address_size) < 0
               ? -errno
               : 0;
}

void notify_ready(struct notify *notify)
{
    tell(notify, "READY=1\n");
}

// Newer service managers want to know since when, so as not to take an older answer for this one's.
void notify_reloading(struct notify *notify)
{
    struct timespec now;
    char lines[80];
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\n",
             (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    tell(notify, lines);
}

void notify_stopping(struct notify *notify)
{
    tell(notify, "STOPPING=1\n");
}

void notify_alive(struct notify *notify)
{
    tell(notify, "WATCHDOG=1\n");
}

void notify_status(struct notify *notify, const char *status)
{
    char lines[sizeof notify->status + sizeof "STATUS=\n"];
    if (strcmp(notify->status, status) == 0)
        return;
    snprintf(notify->status, sizeof notify->status, "%s", status);
    snprintf(lines, sizeof lines, "STATUS=%s\n", notify->status);
    for (char *at = lines; at[1]; at++)
        if ((unsigned char)*at < ' ')
            *at = ' ';
    if (tell(notify, lines) != 0)
        notify->status[0] = '\0';
}
