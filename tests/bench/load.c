// SPDX-License-Identifier: MIT
// The clients of the fan-out's measurement: thousands of WebSockets in one thread that do nothing but count frames.
//
// usage: load PORT CLIENTS TOPICS GREETINGS     (descriptor 3: where the server takes recorded rows from)
// Connects, subscribes client n to the market m(n % TOPICS), waits until each has got GREETINGS messages, and prints
// "ready". Then for each line "ROUNDS BATCH" on standard input: ROUNDS times writes BATCH rows for each market and waits
// until all clients have got theirs. Prints "DELIVERIES SECONDS CPU SIZE": the CPU seconds are its own (if they come near
// the others it was the bottleneck), the size is that of an event's frame. A client that gets too much ends it.
#include <arpa/inet.h>
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROWS 3
#define READ 65536
#define TEXT 0x81

struct client {
    int socket;
    uint32_t frames; // texts
    uint32_t left;   // bytes of a frame's payload to come
    uint32_t head;   // bytes of a frame's header that have come
    unsigned char header[4];
};

static struct client *clients;
static int count, topics, poll;
static uint64_t texts; // of all
static uint32_t size;  // of the newest text's frame

static double seconds(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void put(int fd, const char *bytes, size_t left)
{
    while (left > 0) {
        ssize_t written = write(fd, bytes, left);
        if (written < 0)
            err(1, "cannot write");
        bytes += written;
        left -= (size_t)written;
    }
}

// A frame's header has come whole: its size of 16 bits or of 7.
static void begin_frame(struct client *client)
{
    const unsigned char *header = client->header;
    client->left = header[1] == 126 ? (uint32_t)header[2] << 8 | header[3] : header[1];
    if (header[0] == TEXT) {
        client->frames++;
        texts++;
        size = client->left + client->head;
    }
    client->head = 0;
}

static void take(struct client *client, const char *bytes, size_t got)
{
    while (got > 0) {
        if (client->left > 0) {
            size_t part = got < client->left ? got : client->left;
            client->left -= (uint32_t)part;
            bytes += part;
            got -= part;
            continue;
        }
        client->header[client->head++] = (unsigned char)*bytes++;
        got--;
        if (client->head >= 2 && client->head == (client->header[1] == 126 ? 4 : 2))
            begin_frame(client);
    }
}

// Reads until there are `wanted` texts.
static void collect(uint64_t wanted)
{
    static char bytes[READ];
    struct epoll_event events[1024];
    while (texts < wanted) {
        int ready = epoll_wait(poll, events, 1024, 60000);
        if (ready <= 0)
            errx(1, "%llu frames of %llu came", (unsigned long long)texts,
                 (unsigned long long)wanted);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            ssize_t got = recv(client->socket, bytes, sizeof bytes, 0);
            if (got <= 0)
                errx(1, "a client was closed");
            take(client, bytes, (size_t)got);
        }
    }
}

// The answer's head goes byte for byte: frames may stand right behind it.
static void skip_head(int socket)
{
    static const char end[] = "\r\n\r\n";
    for (int matched = 0; matched < 4;) {
        char byte;
        if (recv(socket, &byte, 1, 0) != 1)
            errx(1, "the server refused");
        matched = byte == end[matched] ? matched + 1 : byte == '\r';
    }
}

static void join(struct client *client, int number, const struct sockaddr_in *address)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct linger reset = {1, 0}; // else the ports of all clients would wait for a minute
    char message[128] = "\x81";
    client->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(client->socket, (const struct sockaddr *)address, sizeof *address) < 0)
        err(1, "cannot connect");
    setsockopt(client->socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    put(client->socket, request, sizeof request - 1);
    skip_head(client->socket);
    int length = snprintf(message + 6, sizeof message - 6,
                          "{\"action\":\"subscribe\",\"market_id\":\"m%d\"}", number % topics);
    message[1] = (char)(0x80 | length); // masked with zeros
    put(client->socket, message, 6 + (size_t)length);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    epoll_ctl(poll, EPOLL_CTL_ADD, client->socket, &event);
}

// `batch` rows for each market, in one write.
static void publish(int batch)
{
    size_t room = (size_t)(batch * topics) * 400, used = 0;
    char *text = malloc(room);
    for (int i = 0; i < batch * topics; i++)
        used += (size_t)snprintf(
            text + used, room - used,
            "{\"time\":\"2025-11-09T12:00:00.000Z\",\"changes\":[{\"op\":\"insert\",\"table\":\"public."
            "trades\",\"new\":{\"id\":\"1\",\"market_id\":\"m%d\",\"user_wallet\":"
            "\"7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU\",\"trade_type\":\"buy\",\"outcome\":true,"
            "\"shares\":\"10.5\",\"cost\":\"100\",\"created_at\":\"2025-11-09T12:00:00.000Z\"}}]}\n",
            i % topics);
    put(ROWS, text, used);
    free(text);
}

static uint64_t run(int rounds, int batch)
{
    uint64_t before = texts;
    for (int round = 0; round < rounds; round++) {
        publish(batch);
        collect(texts + (uint64_t)batch * (uint64_t)count);
    }
    return texts - before;
}

static void measure(int rounds, int batch)
{
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t deliveries = run(rounds, batch);
    for (int i = 1; i < count; i++)
        if (clients[i].frames != clients[0].frames)
            errx(1, "a client got %u frames, another %u", clients[i].frames, clients[0].frames);
    printf("%llu %.6f %.6f %u\n", (unsigned long long)deliveries, seconds(CLOCK_MONOTONIC) - wall,
           seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, size);
    fflush(stdout);
}

int main(int words, char **word)
{
    char line[64];
    int rounds, batch;
    if (words != 5)
        return 2;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)atoi(word[1]))};
    count = atoi(word[2]);
    topics = atoi(word[3]);
    clients = calloc((size_t)count, sizeof *clients);
    poll = epoll_create1(0);
    for (int i = 0; i < count; i++)
        join(&clients[i], i, &address);
    collect((uint64_t)count * (uint64_t)atoi(word[4]));
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL)
        if (sscanf(line, "%d %d", &rounds, &batch) == 2)
            measure(rounds, batch);
    return 0;
}
