// SPDX-License-Identifier: MIT
// Lines that wait for a descriptor, instead of a thread.
#include "rowcast/outlet.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "rowcast/clock.h"

void outlet_release(struct outlet *outlet)
{
    buffer_release(&outlet->waiting);
    *outlet = (struct outlet){0};
}

static bool is_writable(int fd, int milliseconds)
{
    struct pollfd wanted = {.fd = fd, .events = POLLOUT};
    return poll(&wanted, 1, milliseconds) == 1;
}

// O_NONBLOCK would be set for everybody who has the descriptor, such as the shell that started the process. A pipe
// that poll calls writable takes PIPE_BUF bytes without waiting; a socket knows a flag for it.
static ssize_t put(int fd, const char *bytes, size_t size)
{
    ssize_t taken = send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken >= 0 || errno != ENOTSOCK)
        return taken;
    if (!is_writable(fd, 0)) {
        errno = EAGAIN;
        return -1;
    }
    return write(fd, bytes, size < PIPE_BUF ? size : PIPE_BUF);
}

// How much of it the descriptor takes now. What it refuses for another reason than being full is gone: a log that
// cannot be written has nowhere to say so.
static size_t give(int fd, const char *bytes, size_t size)
{
    size_t given = 0;
    while (given < size) {
        ssize_t taken = put(fd, bytes + given, size - given);
        if (taken > 0)
            given += (size_t)taken;
        else if (taken < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return given;
        else if (taken == 0 || errno != EINTR)
            return size;
    }
    return given;
}

void outlet_flush(struct outlet *outlet, int fd)
{
    struct buffer *waiting = &outlet->waiting;
    if (waiting->size == 0)
        return;
    size_t given = give(fd, waiting->bytes, waiting->size);
    waiting->size -= given;
    memmove(waiting->bytes, waiting->bytes + given, waiting->size);
    if (waiting->size == 0)
        buffer_release(waiting);
}

static void wait_in_line(struct outlet *outlet, const char *bytes, size_t size)
{
    if (outlet->waiting.maximum == 0)
        buffer_init(&outlet->waiting, OUTLET_MAX_WAITING);
    buffer_append(&outlet->waiting, bytes, size);
}

void outlet_write(struct outlet *outlet, int fd, const char *line, size_t size)
{
    outlet_flush(outlet, fd);
    // Once one is lost so are all until what waits is gone: the count then stands where they would have been.
    if (outlet->waiting.size > 0 &&
        (outlet->lost > 0 || outlet->waiting.size + size > OUTLET_MAX_WAITING)) {
        outlet->lost++;
        return;
    }
    size_t given = outlet->waiting.size > 0 ? 0 : give(fd, line, size);
    if (given < size)
        wait_in_line(outlet, line + given, size - given);
}

uint64_t outlet_lost(struct outlet *outlet)
{
    if (outlet->waiting.size > 0)
        return 0;
    uint64_t lost = outlet->lost;
    outlet->lost = 0;
    return lost;
}

void outlet_drain(struct outlet *outlet, int fd, int milliseconds)
{
    int64_t end = clock_steady() / 1000000 + milliseconds, left = milliseconds;
    while (outlet->waiting.size > 0 && left > 0 && is_writable(fd, (int)left)) {
        outlet_flush(outlet, fd);
        left = end - clock_steady() / 1000000;
    }
}
