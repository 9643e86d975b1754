// SPDX-License-Identifier: MIT
// The physical limit that the router's fan-out is measured against: epoll, send, and nothing more.
//
// usage: raw one|join SIZE
// Prints the port it listens on. For each line of recorded rows on standard input, SIZE bytes of a WebSocket frame go to
// each client that asked for the line's market ("m" and a number). `one`: by one send for each event and client, `join`:
// all lines that wait are one send for each client. A client that does not take everything at once ends the measurement.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOPICS 1000
#define CLIENTS 20000
#define WAITING 64 // events that are joined, at most
#define MARKET "\"market_id\":\"m"

static const char answer[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: unlooked-at\r\n\r\n";
static const char confirmation[] = "\x81\x0aSubscribed";

static struct {
    int *sockets, count;
    int waiting;
} topics[TOPICS];
static char frames[WAITING << 16];

static void put(int socket, const char *bytes, size_t size)
{
    if (send(socket, bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
        err(1, "a client does not take %zu bytes", size);
}

static int topic_in(const char *text)
{
    const char *at = strstr(text, MARKET);
    return at == NULL ? -1 : atoi(at + sizeof MARKET - 1) % TOPICS;
}

static void publish(int topic, size_t size)
{
    for (int i = 0; i < topics[topic].count; i++)
        put(topics[topic].sockets[i], frames, size);
}

static void take_lines(int join, size_t size)
{
    static char bytes[1 << 16];
    static size_t held;
    ssize_t got = read(0, bytes + held, sizeof bytes - 1 - held);
    if (got == 0)
        exit(0);
    bytes[held += (size_t)(got > 0 ? got : 0)] = '\0';
    char *line = bytes, *end;
    for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        int topic = topic_in(line);
        if (join && topics[topic].waiting < WAITING)
            topics[topic].waiting++;
        else
            publish(topic, size);
    }
    memmove(bytes, line, held -= (size_t)(line - bytes));
    for (int topic = 0; join && topic < TOPICS; topics[topic++].waiting = 0)
        if (topics[topic].waiting > 0)
            publish(topic, size * (size_t)topics[topic].waiting);
}

static void take_client(int socket)
{
    char bytes[2048];
    ssize_t got = recv(socket, bytes, sizeof bytes - 1, 0);
    if (got <= 0) {
        close(socket);
        return;
    }
    bytes[got] = '\0';
    if (memcmp(bytes, "GET ", 4) == 0)
        put(socket, answer, sizeof answer - 1);
    for (ssize_t i = 0; i < got; i++) // the mask is zero, the header is not looked at
        bytes[i] = bytes[i] == '\0' ? ' ' : bytes[i];
    int topic = topic_in(bytes);
    if (topic < 0)
        return;
    if (topics[topic].sockets == NULL)
        topics[topic].sockets = malloc(CLIENTS * sizeof(int));
    topics[topic].sockets[topics[topic].count++] = socket;
    put(socket, confirmation, sizeof confirmation - 1);
}

static void watch(int poll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (fd < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0)
        err(1, "cannot watch a descriptor");
}

int main(int count, char **words)
{
    if (count != 3)
        return 2;
    size_t size = (size_t)atol(words[2]);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
    for (size_t i = 0; i < WAITING; i++) {
        char *frame = frames + i * size;
        memset(frame, 'x', size);
        memcpy(frame, (char[]){(char)0x81, 126, (char)((size - 4) >> 8), (char)(size - 4)}, 4);
    }
    if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 4096) < 0)
        err(1, "cannot listen");
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    fcntl(0, F_SETFL, O_NONBLOCK);
    watch(poll, listener);
    watch(poll, 0);
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(poll, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener)
                watch(poll, accept4(listener, NULL, NULL, SOCK_NONBLOCK));
            else if (events[i].data.fd == 0)
                take_lines(words[1][0] == 'j', size);
            else
                take_client(events[i].data.fd);
        }
    }
}
