// SPDX-License-Identifier: MIT
// A question to the router that runs here.
#include "rowcast/inquiry.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "rowcast/memory.h"

#define CHUNK 16384

// ---- whom to ask ----

static void reach(struct inquiry *inquiry, const char *host, int64_t port)
{
    if (!host || !*host || strcmp(host, "0.0.0.0") == 0)
        host = "127.0.0.1";
    else if (strcmp(host, "::") == 0)
        host = "::1";
    snprintf(inquiry->host, sizeof inquiry->host, "%s", host);
    inquiry->port = (int)port;
}

int inquiry_public(struct inquiry *inquiry, const struct settings *settings, const char *command,
                   struct fault *fault)
{
    inquiry->host_setting = "--host (WS_HOST)";
    inquiry->port_setting = "--port (WS_PORT)";
    reach(inquiry, settings->host, settings->port);
    if (inquiry->port != 0)
        return 0;
    return fault_set(fault, EXIT_WRONG_USAGE,
                     "the port of the settings is 0, which is any free one: name the router's: "
                     "rowcast %s --port PORT",
                     command);
}

int inquiry_admin(struct inquiry *inquiry, const struct settings *settings, const char *command,
                  struct fault *fault)
{
    struct address address;
    address_parse(settings->admin, &address); // the settings have checked it
    inquiry->host_setting = inquiry->port_setting = "--admin (ROWCAST_ADMIN)";
    reach(inquiry, address.host, address.port);
    if (!address.off && address.port != 0)
        return 0;
    return fault_set(
        fault, EXIT_WRONG_USAGE,
        "rowcast %s asks the router's admin port, and that of the settings is %s: name "
        "the one that the router's first log line has as admin_port: rowcast %s "
        "--admin 127.0.0.1:PORT",
        command, address.off ? "off" : "0, which is any free one", command);
}

// ---- asking ----

static int try_to_connect(const struct addrinfo *at, int *error)
{
    struct timeval patience = {.tv_sec = INQUIRY_PATIENCE};
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, at->ai_addr, at->ai_addrlen) == 0)
        return fd;
    *error = errno;
    close(fd);
    return -1;
}

static int open_connection(const struct inquiry *inquiry, struct fault *fault)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    char service[16];
    snprintf(service, sizeof service, "%d", inquiry->port);
    int result = getaddrinfo(inquiry->host, service, &hints, &found), fd = -1;
    if (result != 0)
        return fault_set(fault, EXIT_FAILED, "'%s' is not known: %s; see %s", inquiry->host,
                         gai_strerror(result), inquiry->host_setting);
    for (struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
        fd = try_to_connect(at, &result);
    freeaddrinfo(found);
    if (fd < 0)
        fault_set(fault, EXIT_FAILED,
                  "no router answers on %s port %s: %s; is it running, and is that its port? "
                  "%s names another",
                  inquiry->host, service,
                  result == EINPROGRESS ? "no answer in time" : strerror(result),
                  inquiry->port_setting);
    return fd;
}

static void read_answer(int fd, struct buffer *answer)
{
    for (;;) {
        char *room = buffer_reserve(answer, CHUNK);
        ssize_t count = room ? recv(fd, room, CHUNK, 0) : 0;
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        answer->size += (size_t)count;
    }
    buffer_append_byte(answer, '\0');
}

// Leaves the body alone in the buffer.
static int take_head_off(struct buffer *answer)
{
    int status;
    char *body = answer->size > 0 ? strstr(answer->bytes, "\r\n\r\n") : NULL;
    if (!body || answer->overflowed || sscanf(answer->bytes, "HTTP/1.%*1[01] %d", &status) != 1)
        return -1;
    body += 4;
    answer->size -= (size_t)(body - answer->bytes);
    memmove(answer->bytes, body, answer->size);
    return status;
}

int inquiry_ask(const struct inquiry *inquiry, const char *target, struct buffer *body,
                struct fault *fault)
{
    int fd = open_connection(inquiry, fault);
    if (fd < 0)
        return -1;
    char *request =
        memory_format("GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", target);
    ssize_t size = (ssize_t)strlen(request);
    buffer_clear(body);
    if (send(fd, request, (size_t)size, MSG_NOSIGNAL) == size)
        read_answer(fd, body);
    close(fd);
    free(request);
    int status = take_head_off(body);
    if (status < 0)
        fault_set(fault, EXIT_FAILED,
                  "what listens on %s port %d is no router, or gave no answer within %d seconds",
                  inquiry->host, inquiry->port, INQUIRY_PATIENCE);
    return status;
}

void inquiry_escape(struct buffer *out, const char *value)
{
    for (; *value; value++) {
        unsigned char byte = (unsigned char)*value;
        if (isalnum(byte) || strchr("-._~", byte))
            buffer_append_byte(out, *value);
        else
            buffer_append_format(out, "%%%02X", byte);
    }
}
