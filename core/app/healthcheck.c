// SPDX-License-Identifier: MIT
// rowcast healthcheck: asks the running router's /ready.
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "rowcast/commands.h"
#include "rowcast/memory.h"

#define PATIENCE 5 // seconds for each step
#define ANSWER_MAX 8192

// Where a router that listens on `host` is reached from here.
static const char *reach(const char *host)
{
    if (!host || strcmp(host, "0.0.0.0") == 0)
        return "127.0.0.1";
    return strcmp(host, "::") == 0 ? "::1" : host;
}

static int open_connection(const char *host, int64_t port, struct fault *fault)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    struct timeval patience = {.tv_sec = PATIENCE};
    char service[16];
    snprintf(service, sizeof service, "%d", (int)port);
    int result = getaddrinfo(host, service, &hints, &found), fd = -1;
    if (result != 0)
        return fault_set(fault, EXIT_FAILED, "'%s' is not known: %s; see --host (WS_HOST)", host,
                         gai_strerror(result));
    for (struct addrinfo *at = found; at && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (connect(fd, at->ai_addr, at->ai_addrlen) == 0)
            continue;
        result = errno;
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    if (fd < 0)
        fault_set(fault, EXIT_FAILED,
                  "no router answers on %s port %s: %s; is it running, and is that its port? "
                  "--port (WS_PORT) names another",
                  host, service, result == EINPROGRESS ? "no answer in time" : strerror(result));
    return fd;
}

// Reads to the end of the answer, or as much as there is room for.
static size_t read_answer(int fd, char *answer, size_t room)
{
    size_t size = 0;
    while (size < room) {
        ssize_t count = recv(fd, answer + size, room - size, 0);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        size += (size_t)count;
    }
    return size;
}

// Prints the answer's body in one line. True: it was a 200.
static int judge(char *answer, const char *host, int64_t port, struct fault *fault)
{
    int status;
    char *body = strstr(answer, "\r\n\r\n");
    if (!body || sscanf(answer, "HTTP/1.%*1[01] %d", &status) != 1)
        return fault_set(fault, EXIT_FAILED,
                         "what listens on %s port %d is no router, or gave no answer within %d "
                         "seconds",
                         host, (int)port, PATIENCE);
    body += 4;
    body[strcspn(body, "\r\n")] = '\0';
    printf("%s: %s\n", status == 200 ? "ready" : "not ready", body);
    return status == 200 ? EXIT_FINE : EXIT_FAILED;
}

static int ask(const char *host, int64_t port, struct fault *fault)
{
    char answer[ANSWER_MAX + 1];
    static const char request[] =
        "GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    int fd = open_connection(host, port, fault);
    if (fd < 0)
        return -1;
    size_t size = 0;
    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == (ssize_t)sizeof request - 1)
        size = read_answer(fd, answer, ANSWER_MAX);
    close(fd);
    answer[size] = '\0';
    return judge(answer, host, port, fault);
}

int command_healthcheck(int argument_count, char **arguments)
{
    struct settings settings;
    struct fault fault;
    int code;
    if (command_settings(&settings, argument_count, arguments, NULL, NULL, 0, &code) != 0)
        return code;
    if (settings.port == 0)
        code = fault_set(&fault, EXIT_WRONG_USAGE,
                         "the port of the settings is 0, which is any free one: name the router's: "
                         "rowcast healthcheck --port PORT");
    else
        code = ask(reach(settings.host), settings.port, &fault);
    if (code < 0)
        code = command_fail(&fault);
    settings_release(&settings);
    return code;
}
