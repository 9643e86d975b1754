// SPDX-License-Identifier: MIT
// The clients of the fan-out's measurement: thousands of WebSockets in one thread that do nothing but count frames.
//
// usage: load PORT CLIENTS TOPICS GREETINGS [PATH]     (descriptor 3: where the server takes recorded rows from)
// Connects, subscribes client n to the market m(n % TOPICS) (with a PATH by asking for PATH and the market, and by no
// message), waits until each has got GREETINGS messages, and prints "ready". Then for each line on standard input:
//   ROUNDS BATCH MS   ROUNDS times writes BATCH rows for each market and waits until all clients have got theirs, and until
//                     MS milliseconds have passed. Prints "DELIVERIES SECONDS CPU SIZE P50 P99": the CPU seconds are its
//                     own (if they come near the others it was the bottleneck), the size is that of an event's frame, the
//                     percentiles are microseconds from the round's write until a client has read.
//   watch COUNT       waits for COUNT events to each. Of some clients it prints "COST MICROSECONDS" for each, the
//                     event's "cost" and when it was read, and at the end "DELIVERIES SECONDS CPU".
// A client that gets too much ends it.
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
#define SAMPLE 97 // every so many'th client is watched; divides no number of topics
#define COST "\"cost\":\""

struct client {
    int socket;
    uint32_t frames; // texts
    uint32_t left;   // bytes of a frame's payload to come
    uint32_t head;   // bytes of a frame's header that have come
    unsigned char header[4];
    char *payload; // of a watched client
};

static struct client *clients;
static int count, topics, poll;
static uint64_t texts; // of all
static uint32_t size;  // of the newest text's frame
static const char *path;

static double began;     // the round
static double now;       // when the newest bytes were read
static uint32_t *delays; // microseconds, of each text; NULL: nobody asks

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
        if (delays != NULL)
            delays[texts] = (uint32_t)((now - began) * 1e6);
        texts++;
        size = client->left + client->head;
    }
    client->head = 0;
}

// The end of a payload: what is asked for stands there.
static void note(struct client *client, const char *bytes, size_t part)
{
    size_t held = strlen(client->payload);
    if (held + part < READ)
        memcpy(client->payload + held, bytes, part), client->payload[held + part] = '\0';
    if (part < client->left)
        return;
    const char *cost = strstr(client->payload, COST);
    if (cost != NULL)
        printf("%ld %.0f\n", atol(cost + sizeof COST - 1), now * 1e6);
    client->payload[0] = '\0';
}

static void take(struct client *client, const char *bytes, size_t got)
{
    while (got > 0) {
        if (client->left > 0) {
            size_t part = got < client->left ? got : client->left;
            if (client->payload != NULL)
                note(client, bytes, part);
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
            now = seconds(delays != NULL ? CLOCK_MONOTONIC : CLOCK_REALTIME);
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

static void subscribe(const struct client *client, int topic)
{
    char message[128] = "\x81";
    int length = snprintf(message + 6, sizeof message - 6,
                          "{\"action\":\"subscribe\",\"market_id\":\"m%d\"}", topic);
    message[1] = (char)(0x80 | length); // masked with zeros
    put(client->socket, message, 6 + (size_t)length);
}

static void join(struct client *client, int number, const struct sockaddr_in *address)
{
    static const char request[] = " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct linger reset = {1, 0}; // else the ports of all clients would wait for a minute
    char message[128];
    client->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (getenv("RECEIVE_BUFFER") !=
        NULL) // for clients that stop reading: where the rest waits for them
        setsockopt(client->socket, SOL_SOCKET, SO_RCVBUF, &(int){atoi(getenv("RECEIVE_BUFFER"))},
                   sizeof(int));
    if (connect(client->socket, (const struct sockaddr *)address, sizeof *address) < 0)
        err(1, "cannot connect");
    setsockopt(client->socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    int asked = path == NULL
                    ? snprintf(message, sizeof message, "GET /")
                    : snprintf(message, sizeof message, "GET %sm%d", path, number % topics);
    put(client->socket, message, (size_t)asked);
    put(client->socket, request, sizeof request - 1);
    skip_head(client->socket);
    if (path == NULL)
        subscribe(client, number % topics);
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

static void pace(double until)
{
    double left = until - seconds(CLOCK_MONOTONIC);
    if (left > 0)
        usleep((useconds_t)(left * 1e6));
}

static int by_size(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

static void measure(int rounds, int batch, int milliseconds)
{
    uint64_t deliveries = (uint64_t)rounds * (uint64_t)batch * (uint64_t)count;
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    delays = malloc(deliveries * sizeof *delays);
    texts = 0;
    for (uint64_t round = 1; round <= (uint64_t)rounds; round++) {
        began = seconds(CLOCK_MONOTONIC);
        publish(batch);
        collect(round * (uint64_t)batch * (uint64_t)count);
        pace(began + milliseconds / 1e3);
    }
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    for (int i = 1; i < count; i++)
        if (clients[i].frames != clients[0].frames)
            errx(1, "a client got %u frames, another %u", clients[i].frames, clients[0].frames);
    qsort(delays, deliveries, sizeof *delays, by_size);
    printf("%llu %.6f %.6f %u %u %u\n", (unsigned long long)deliveries, wall, cpu, size,
           delays[deliveries / 2], delays[deliveries / 100 * 99]);
    fflush(stdout);
    free(delays);
    delays = NULL;
}

static void watch(int events)
{
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < count; i += SAMPLE)
        clients[i].payload = calloc(1, READ);
    texts = 0;
    collect((uint64_t)events * (uint64_t)count);
    printf("%llu %.6f %.6f\n", (unsigned long long)texts, seconds(CLOCK_MONOTONIC) - wall,
           seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    fflush(stdout);
}

int main(int words, char **word)
{
    char line[64];
    int rounds, batch, milliseconds, events;
    if (words != 5 && words != 6)
        return 2;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)atoi(word[1]))};
    count = atoi(word[2]);
    topics = atoi(word[3]);
    path = word[5];
    clients = calloc((size_t)count, sizeof *clients);
    poll = epoll_create1(0);
    for (int i = 0; i < count; i++)
        join(&clients[i], i, &address);
    collect((uint64_t)count * (uint64_t)atoi(word[4]));
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (sscanf(line, "%d %d %d", &rounds, &batch, &milliseconds) == 3)
            measure(rounds, batch, milliseconds);
        else if (sscanf(line, "watch %d", &events) == 1)
            watch(events);
    }
    return 0;
}
