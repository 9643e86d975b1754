// SPDX-License-Identifier: MIT
// Tells the service manager what the process is doing: the protocol of sd_notify(3), a datagram of NAME=value lines to the
// socket of NOTIFY_SOCKET. Where there is no service manager it does nothing. Never blocks: a datagram that finds no room
// is lost, and the next one says the same.
#ifndef ROWCAST_NOTIFY_H
#define ROWCAST_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int fd; // -1: nobody is to be told
    struct sockaddr_un address;
    socklen_t address_size;
    int64_t watchdog; // milliseconds without a sign of life that end the process; 0: not watched
    char status[640]; // as it was told last
};

// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
void notify_init(struct notify *notify);
void notify_release(struct notify *notify);

void notify_ready(struct notify *notify);
void notify_reloading(struct notify *notify); // until notify_ready
void notify_stopping(struct notify *notify);
void notify_alive(struct notify *notify); // at least twice in the time of `watchdog`

// One line for people, told when it differs from the one before.
void notify_status(struct notify *notify, const char *status);

#endif
