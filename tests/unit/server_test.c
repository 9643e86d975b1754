// SPDX-License-Identifier: MIT
// Tests of server.c and all that is below it: a real server on a free port, its clients in this process.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <uv.h>

#include "rowcast/server.h"

#define PATIENCE 10000 // milliseconds
#define CLIENTS_MAX 200

// ---- an application that echoes and notes ----

struct app {
    uv_loop_t loop;
    uv_timer_t wake; // so that uv_run comes back
    struct server *server;
    struct client_ref clients[CLIENTS_MAX]; // in the order they opened
    int opened, closed, messages, limited, last_code;
    int parked, hungry;
    uint64_t place, parked_at; // of the newest event, of the one that was not queued
    bool unanswered;           // what comes stays so
    bool drained;
    char path[64], query[64], protocol[64];
};

static void note(char text[64], const char *value)
{
    snprintf(text, 64, "%s", value != NULL ? value : "-");
}

static void on_opened(void *user, struct client_ref client, const struct handshake *handshake)
{
    struct app *app = user;

    app->clients[app->opened++ % CLIENTS_MAX] = client;
    note(app->path, handshake->path);
    note(app->query, handshake->query);
    note(app->protocol, handshake->protocol);
    assert_string_equal(handshake->address, "127.0.0.1");
    server_answered(app->server, client);
}

static void on_message(void *user, struct client_ref client, const char *bytes, size_t size,
                       bool binary)
{
    struct app *app = user;

    app->messages++;
    server_send(app->server, client, frame_new(binary ? FRAME_BINARY : FRAME_TEXT, bytes, size));
    if (!app->unanswered)
        server_answered(app->server, client);
}

static void on_parked(void *user, struct client_ref client, uint64_t place)
{
    struct app *app = user;

    (void)client;
    app->parked++;
    app->parked_at = place;
}

static void on_hungry(void *user, struct client_ref client)
{
    (void)client;
    ((struct app *)user)->hungry++;
}

static void on_limited(void *user, struct client_ref client)
{
    (void)client;
    ((struct app *)user)->limited++;
}

static void on_closed(void *user, struct client_ref client, int code)
{
    struct app *app = user;

    (void)client;
    app->closed++;
    app->last_code = code;
    assert_true(app->closed <= app->opened);
}

static void on_drained(void *user)
{
    ((struct app *)user)->drained = true;
}

static const struct server_callbacks callbacks = {
    .opened = on_opened,
    .message = on_message,
    .limited = on_limited,
    .closed = on_closed,
    .parked = on_parked,
    .hungry = on_hungry,
    .drained = on_drained,
};
static const char *const paths[] = {"/", "/ws", NULL};
static const char *const protocols[] = {"mqtt", NULL};

static struct server_config configuration(void)
{
    return (struct server_config){.host = "127.0.0.1",
                                  .workers = 2,
                                  .heartbeat = 0, // no pings between the events that are counted
                                  .handshake_timeout = 10000,
                                  .max_header = 16384,
                                  .max_message = 16384,
                                  .max_queue = 1 << 20,
                                  .max_connections = 1000,
                                  .max_fragments = 1024,
                                  .paths = paths,
                                  .protocols = protocols};
}

static void on_wake(uv_timer_t *timer)
{
    (void)timer;
}

static struct app *app_start(const struct server_config *config)
{
    struct app *app = calloc(1, sizeof *app);
    struct fault fault;

    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&app->loop);
    uv_timer_init(&app->loop, &app->wake);
    uv_timer_start(&app->wake, on_wake, 1, 1);
    if (server_start(&app->server, &app->loop, config, &callbacks, app, &fault) < 0)
        fail_msg("%s", fault.text);
    return app;
}

static void turn(struct app *app)
{
    uv_run(&app->loop, UV_RUN_ONCE);
    server_flush(app->server);
}

// Runs the loop until the condition holds.
#define UNTIL(app, condition)                                                                      \
    do {                                                                                           \
        uint64_t until_ = uv_hrtime() + PATIENCE * UINT64_C(1000000);                              \
        while (!(condition)) {                                                                     \
            if (uv_hrtime() > until_)                                                              \
                fail_msg("waited in vain for %s", #condition);                                     \
            turn(app);                                                                             \
        }                                                                                          \
    } while (0)

static void app_stop(struct app *app)
{
    server_drain(app->server, 1000);
    UNTIL(app, app->drained);
    assert_int_equal(app->opened, app->closed);
    assert_int_equal(server_connections(app->server), 0);
    server_free(app->server);
    uv_close((uv_handle_t *)&app->wake, NULL);
    uv_run(&app->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&app->loop), 0);
    free(app);
}

// ---- clients: plain sockets that never wait ----

struct client {
    int fd;
    char bytes[1 << 20]; // what came and was not looked at
    size_t size;
    bool ended;
};

static struct client *client_connect(struct app *app)
{
    struct client *client = calloc(1, sizeof *client);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)server_port(app->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof address), 0);
    fcntl(client->fd, F_SETFL, O_NONBLOCK);
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return client;
}

static void client_free(struct client *client)
{
    close(client->fd);
    free(client);
}

static void client_write(struct client *client, const void *bytes, size_t size)
{
    assert_int_equal(write(client->fd, bytes, size), size);
}

static void client_read(struct client *client)
{
    ssize_t size =
        read(client->fd, client->bytes + client->size, sizeof client->bytes - client->size);

    if (size > 0)
        client->size += (size_t)size;
    else if (size == 0 || errno != EAGAIN)
        client->ended = true;
}

static bool has_bytes(struct client *client, size_t size)
{
    client_read(client);
    return client->size >= size;
}

static bool has_ended(struct client *client)
{
    client_read(client);
    return client->ended;
}

static void client_skip(struct client *client, size_t size)
{
    memmove(client->bytes, client->bytes + size, client->size - size);
    client->size -= size;
}

static void expect(struct app *app, struct client *client, const void *bytes, size_t size)
{
    UNTIL(app, has_bytes(client, size));
    assert_memory_equal(client->bytes, bytes, size);
    client_skip(client, size);
}

#define EXPECT(app, client, literal) expect(app, client, literal, sizeof(literal) - 1)
#define WRITE(client, literal) client_write(client, literal, sizeof(literal) - 1)

#define REQUEST(target)                                                                            \
    "GET " target " HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"          \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                 \
    "Sec-WebSocket-Protocol: mqtt\r\n\r\n"

static bool has_head(struct client *client)
{
    client_read(client);
    return memmem(client->bytes, client->size, "\r\n\r\n", 4) != NULL;
}

static void expect_upgrade(struct app *app, struct client *client)
{
    UNTIL(app, has_head(client));
    assert_memory_equal(client->bytes, "HTTP/1.1 101", 12);
    char *end = memmem(client->bytes, client->size, "\r\n\r\n", 4);
    client_skip(client, (size_t)(end - client->bytes) + 4);
}

static struct client *client_open(struct app *app)
{
    struct client *client = client_connect(app);
    int opened = app->opened;

    WRITE(client, REQUEST("/ws"));
    expect_upgrade(app, client);
    UNTIL(app, app->opened > opened);
    return client;
}

// The client that opened last.
static struct client_ref newest(const struct app *app)
{
    return app->clients[(app->opened - 1) % CLIENTS_MAX];
}

static void publish(struct app *app, uint32_t topic, uint64_t type, const char *text)
{
    struct frame *frame = frame_new(FRAME_TEXT, text, strlen(text));

    server_publish(app->server, &topic, 1, type, ++app->place, frame);
    frame_unref(frame);
}

// ---- the handshake ----

static void a_client_is_greeted_and_echoed(void **state)
{
    struct server_config config = configuration();
    struct app *app = app_start(&config);
    struct client *client = client_connect(app);

    (void)state;
    WRITE(client, REQUEST("/ws?token=1"));
    expect_upgrade(app, client);
    UNTIL(app, app->opened == 1);
    assert_string_equal(app->path, "/ws");
    assert_string_equal(app->query, "token=1");
    assert_string_equal(app->protocol, "mqtt");
    assert_int_equal(server_connections(app->server), 1);
    WRITE(client, "\x81\x82\0\0\0\0hi");
    EXPECT(app, client, "\x81\x02hi");
    WRITE(client, "\x88\x82\0\0\0\0\x03\xe8");
    EXPECT(app, client, "\x88\x02\x03\xe8");
    UNTIL(app, app->closed == 1);
    assert_int_equal(app->last_code, 1000);
    UNTIL(app, has_ended(client));
    client_free(client);
    app_stop(app);
}

static void everything_may_come_in_one_piece(void **state) // A23, C23
{
    struct server_config config = configuration();
    struct app *app = app_start(&config);
    struct client *client = client_connect(app);

    (void)state;
    WRITE(client, REQUEST("/") "\x81\x81\0\0\0\0a"
                               "\x89\x81\0\0\0\0p"
                               "\x81\x81\0\0\0\0b"
                               "\x88\x80\0\0\0\0");
    expect_upgrade(app, client);
    UNTIL(app, has_bytes(client, 11));
    // The pong comes from the worker and may overtake; the answers keep their order, and the Close is last.
    EXPECT(app, client,
           "\x8a\x01p\x81\x01"
           "a\x81\x01"
           "b\x88\x00");
    UNTIL(app, app->closed == 1);
    assert_int_equal(app->last_code, 1005);
    client_free(client);
    app_stop(app);
}

static void or_byte_by_byte(void **state) // A22, C25
{
    static const char bytes[] = REQUEST("/") "\x81\x82\0\0\0\0hi";
    struct server_config config = configuration();
    struct app *app = app_start(&config);
    struct client *client = client_connect(app);

    (void)state;
    for (size_t i = 0; i < sizeof bytes - 1; i++) {
        client_write(client, bytes + i, 1);
        if (i % 16 == 0)
            usleep(500);
    }
    expect_upgrade(app, client);
    EXPECT(app, client, "\x81\x02hi");
    client_free(client);
    app_stop(app);
}

// Asks /ready on a connection of its own.
static bool is_ready(struct app *app, const char *body)
{
    struct client *client = client_connect(app);
    size_t size = strlen(body);

    WRITE(client, "GET /ready HTTP/1.1\r\nHost: h\r\n\r\n");
    UNTIL(app, has_ended(client));
    bool is = memcmp(client->bytes, "HTTP/1.1 200 OK\r\n", 17) == 0 && client->size > size &&
              memcmp(client->bytes + client->size - size, body, size) == 0;
    client_free(client);
    return is;
}

static void the_rest_is_http(void **state)
{
    struct server_config config = configuration();
    struct app *app = app_start(&config);

    (void)state;
    assert_false(is_ready(app, ""));
    server_set_health(app->server, "{\"a\":1}", true, "{\"b\":2}");
    UNTIL(app, is_ready(app, "{\"b\":2}"));
    struct client *client = client_connect(app);
    WRITE(client, "GET /ws HTTP/1.1\r\nHost: h\r\n\r\n");
    UNTIL(app, has_ended(client));
    assert_memory_equal(client->bytes, "HTTP/1.1 426 Upgrade Required\r\n", 31);
    client_free(client);
    assert_int_equal(app->opened, 0);
    app_stop(app);
}

static void there_is_room_for_so_many(void **state)
{
    struct server_config config = configuration();
    config.max_connections = 2;
    struct app *app = app_start(&config);
    struct client *first = client_open(app), *second = client_open(app);
    struct client *third = client_connect(app);

    (void)state;
    WRITE(third, REQUEST("/"));
    UNTIL(app, has_ended(third));
    assert_memory_equal(third->bytes, "HTTP/1.1 503", 12);
    client_free(third);
    client_free(first);
    UNTIL(app, app->closed == 1);
    third = client_open(app);
    client_free(third);
    client_free(second);
    app_stop(app);
}

// Whichever worker they come to.
static void an_address_has_so_many(void **state)
{
    struct server_config config = configuration();
    config.max_per_address = 2;
    struct app *app = app_start(&config);
    struct client *first = client_open(app), *second = client_open(app);

    (void)state;
    for (int i = 0; i < 8; i++) {
        struct client *third = client_connect(app);
        WRITE(third, REQUEST("/"));
        UNTIL(app, has_ended(third));
        assert_memory_equal(third->bytes, "HTTP/1.1 429", 12);
        client_free(third);
    }
    client_free(first);
    UNTIL(app, app->closed == 1);
    client_free(client_open(app));
    client_free(second);
    app_stop(app);
}

// Read no faster than the rate, told, and closed when all before has been answered.
static void who_says_too_much_is_slowed_told_and_closed(void **state)
{
    struct server_config config = configuration();
    config.rate = (struct rate){.per_second = 20, .burst = 40};
    struct app *app = app_start(&config);
    struct client *client = client_open(app);
    uint64_t began = uv_hrtime();

    (void)state;
    for (int i = 0; i < 1000; i++)
        WRITE(client, "\x81\x80\0\0\0\0");
    UNTIL(app, app->closed == 1);
    assert_true(uv_hrtime() - began >= UINT64_C(5000000000));
    assert_int_equal(app->last_code, 4101);
    assert_int_equal(app->limited, 1);
    assert_in_range(app->messages, 40, 300);
    UNTIL(app, has_ended(client));
    assert_int_equal(client->size, (size_t)app->messages * 2 + 4 + strlen("too many messages"));
    assert_memory_equal(client->bytes + app->messages * 2 + 2, "\x10\x05too many", 10);
    client_free(client);
    app_stop(app);
}

static void who_never_asks_is_sent_away(void **state) // A21, D8
{
    struct server_config config = configuration();
    config.handshake_timeout = 200;
    struct app *app = app_start(&config);
    struct client *silent = client_connect(app), *slow = client_connect(app);

    (void)state;
    WRITE(slow, "GET / HTTP/1.1\r\nHost:");
    UNTIL(app, has_ended(silent));
    assert_int_equal(silent->size, 0);
    UNTIL(app, has_ended(slow));
    assert_memory_equal(slow->bytes, "HTTP/1.1 408", 12);
    client_free(silent);
    client_free(slow);
    app_stop(app);
}

// ---- topics ----

static void events_go_to_their_subscribers(void **state)
{
    struct server_config config = configuration();
    struct app *app = app_start(&config);
    struct client *a = client_open(app);
    struct client_ref a_ref = newest(app);
    struct client *b = client_open(app);
    struct client_ref b_ref = newest(app);
    struct frame *both = frame_new(FRAME_TEXT, "both", 4);

    (void)state;
    server_subscribe(app->server, a_ref, 1, NULL);
    server_subscribe(app->server, a_ref, 2, NULL);
    server_subscribe(app->server, b_ref, 2, filter_new((uint64_t[]){7}, 1));
    publish(app, 1, 5, "one");
    publish(app, 2, 5, "two");
    server_publish(app->server, (uint32_t[]){1, 2}, 2, 7, ++app->place, both); // once for each
    server_unsubscribe(app->server, a_ref, 1);
    publish(app, 1, 5, "nobody");
    server_subscribe(app->server, b_ref, 2, NULL); // replaces the filter
    publish(app, 2, 5, "all");
    EXPECT(app, a,
           "\x81\x03one\x81\x03two\x81\x04"
           "both\x81\x03"
           "all");
    EXPECT(app, b,
           "\x81\x04"
           "both\x81\x03"
           "all");
    frame_unref(both);
    client_free(a);
    client_free(b);
    app_stop(app);
}

static void calls_for_who_has_gone_do_nothing(void **state)
{
    struct server_config config = configuration();
    struct app *app = app_start(&config);
    struct client *client = client_open(app);
    struct client_ref gone = newest(app);

    (void)state;
    client_free(client);
    server_subscribe(app->server, gone, 3, filter_new(NULL, 0)); // may be there, may be not
    publish(app, 3, 1, "x");
    UNTIL(app, app->closed == 1);
    server_subscribe(app->server, gone, 3, filter_new(NULL, 0));
    server_unsubscribe(app->server, gone, 3);
    server_send(app->server, gone, frame_new(FRAME_TEXT, "x", 1));
    server_close(app->server, gone, 4000, "gone");
    publish(app, 3, 1, "x");
    client = client_open(app); // in the same slot, most likely
    publish(app, 3, 1, "not for this one");
    WRITE(client, "\x81\x81\0\0\0\0y");
    EXPECT(app, client, "\x81\x01y");
    server_subscribe(app->server, newest(app), 3, NULL);
    publish(app, 3, 1, "now");
    EXPECT(app, client, "\x81\x03now");
    client_free(client);
    app_stop(app);
}

static void many_get_everything_in_order(void **state)
{
    enum { CLIENTS = 100, EVENTS = 500 };
    struct server_config config = configuration();
    struct app *app = app_start(&config);
    struct client *clients[CLIENTS];
    char text[16], expected[EVENTS * 16];
    size_t size = 0;

    (void)state;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_open(app);
        server_subscribe(app->server, newest(app), 9, NULL);
    }
    for (int i = 0; i < EVENTS; i++) {
        int length = snprintf(text, sizeof text, "event %d", i);
        publish(app, 9, 1, text);
        size += (size_t)snprintf(expected + size, sizeof expected - size, "\x81%c%s", length, text);
        if (i % 50 == 0)
            turn(app);
    }
    for (int i = 0; i < CLIENTS; i++) {
        expect(app, clients[i], expected, size);
        client_free(clients[i]);
    }
    UNTIL(app, !server_congested(app->server));
    app_stop(app);
}

// What waits together is joined for those of one topic, and for nobody out of order.
static void what_waits_together_keeps_its_order(void **state)
{
    enum { WAITING = 1200 }; // more than is joined at once
    struct server_config config = configuration();
    struct app *app = app_start(&config);
    struct client *clients[4];
    char text[16], all[4][WAITING * 16];
    size_t sizes[4] = {0};

    (void)state;
    for (int i = 0; i < 4; i++)
        clients[i] = client_open(app);
    struct client_ref *refs = app->clients + app->opened - 4;
    server_subscribe(app->server, refs[0], 1, NULL);
    server_subscribe(app->server, refs[1], 2, NULL);
    server_subscribe(app->server, refs[2], 1, NULL);
    server_subscribe(app->server, refs[2], 2, NULL);
    server_subscribe(app->server, refs[3], 1, filter_new((uint64_t[]){7}, 1));
    for (int i = 0; i < WAITING; i++) {
        uint32_t topics[] = {1, 2}, first = i % 3 == 1, count = i % 3 == 2 ? 2 : 1;
        uint64_t type = 5 + (i % 4 == 0) * 2;
        int length = snprintf(text, sizeof text, "event %d", i);
        struct frame *frame = frame_new(FRAME_TEXT, text, (size_t)length);
        server_publish(app->server, topics + first, count, type, ++app->place, frame);
        frame_unref(frame);
        bool wanted[] = {i % 3 != 1, i % 3 != 0, true, i % 3 != 1 && type == 7};
        for (int k = 0; k < 4; k++)
            if (wanted[k])
                sizes[k] += (size_t)snprintf(all[k] + sizes[k], 17, "\x81%c%s", length, text);
    }
    for (int k = 0; k < 4; k++) {
        expect(app, clients[k], all[k], sizes[k]);
        client_free(clients[k]);
    }
    app_stop(app);
}

// ---- ends ----

static void the_server_can_close(void **state)
{
    struct server_config config = configuration();
    struct app *app = app_start(&config);
    struct client *client = client_open(app);

    (void)state;
    server_send(app->server, newest(app), frame_new(FRAME_TEXT, "bye", 3));
    server_close(app->server, newest(app), 4003, "no");
    EXPECT(app, client,
           "\x81\x03"
           "bye\x88\x04\x0f\xa3no");
    UNTIL(app, app->closed == 1);
    assert_int_equal(app->last_code, 4003);
    UNTIL(app, has_ended(client));
    client_free(client);
    app_stop(app);
}

static void a_half_closed_client_gets_its_answers(void **state) // D10
{
    struct server_config config = configuration();
    struct app *app = app_start(&config);
    struct client *client = client_open(app);

    (void)state;
    WRITE(client, "\x81\x82\0\0\0\0hi");
    shutdown(client->fd, SHUT_WR);
    EXPECT(app, client, "\x81\x02hi");
    UNTIL(app, has_ended(client));
    UNTIL(app, app->closed == 1);
    assert_int_equal(app->last_code, 1006);
    client_free(client);
    app_stop(app);
}

static void a_reset_is_a_close_once(void **state) // D11
{
    struct server_config config = configuration();
    struct app *app = app_start(&config);

    (void)state;
    for (int i = 0; i < 20; i++) {
        struct client *client = client_open(app);
        struct linger linger = {.l_onoff = 1};
        server_subscribe(app->server, newest(app), 1, NULL);
        for (int j = 0; j < i; j++)
            publish(app, 1, 1, "something on its way");
        server_flush(app->server);
        setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
        client_free(client);
        UNTIL(app, app->closed == i + 1);
        assert_int_equal(app->last_code, 1006);
    }
    app_stop(app);
}

static void silence_ends_a_connection(void **state)
{
    struct server_config config = configuration();
    config.heartbeat = 100;
    struct app *app = app_start(&config);
    struct client *client = client_open(app);

    (void)state;
    UNTIL(app, has_ended(client));
    assert_true(client->size >= 2);
    assert_memory_equal(client->bytes, "\x89\x00", 2);
    UNTIL(app, app->closed == 1);
    assert_int_equal(app->last_code, 1006);
    client_free(client);
    app_stop(app);
}

// ---- who does not keep up ----

#define BIG 10000 // bytes of an event's text

// Publishes to topic 1 a text that begins with the event's place.
static void publish_big(struct app *app)
{
    static char text[BIG + 1];

    memset(text, 'x', BIG);
    snprintf(text, 12, "%010d", (int)app->place + 1);
    text[10] = 'x';
    publish(app, 1, 1, text);
}

static void expect_big(struct app *app, struct client *client, int place)
{
    char wanted[16];

    UNTIL(app, has_bytes(client, BIG + 4));
    snprintf(wanted, sizeof wanted, "%010d", place);
    assert_memory_equal(client->bytes + 4, wanted, 10);
    client_skip(client, BIG + 4);
}

// Subscribes a client that does not read to topic 1, and publishes until it is parked.
static struct client *parked_client(struct app *app, struct client_ref *ref)
{
    struct client *slow = client_open(app);

    *ref = newest(app);
    server_subscribe(app->server, *ref, 1, NULL);
    while (app->parked == 0) {
        publish_big(app);
        turn(app);
        assert_true(app->place < 20000);
    }
    return slow;
}

// It gets what was queued, tells when it takes more, gets what it is given, and then is served live.
static void the_slow_are_parked_not_closed(void **state) // D6
{
    struct server_config config = configuration();
    config.max_queue = 64 << 10;
    struct app *app = app_start(&config);
    struct client_ref ref;
    struct client *slow = parked_client(app, &ref);
    int before = (int)app->parked_at;

    (void)state;
    assert_int_equal(app->hungry, 0);
    for (int i = 0; i < 100; i++)
        publish_big(app); // not for it
    for (int place = 1; place < before; place++)
        expect_big(app, slow, place);
    UNTIL(app, app->hungry == 1);
    assert_int_equal(slow->size, 0);
    server_send(app->server, ref, frame_new(FRAME_TEXT, "missed", 6));
    server_watch(app->server, ref);
    EXPECT(app, slow, "\x81\x06missed");
    UNTIL(app, app->hungry == 2);
    server_unpark(app->server, ref);
    publish(app, 1, 1, "live");
    EXPECT(app, slow, "\x81\x04live");
    assert_int_equal(app->parked, 1);
    client_free(slow);
    app_stop(app);
}

static void the_slow_do_not_stop_the_fast(void **state)
{
    struct server_config config = configuration();
    config.max_queue = 64 << 10;
    struct app *app = app_start(&config);
    struct client_ref ref;
    struct client *slow = parked_client(app, &ref), *fast = client_open(app);
    int begin = (int)app->place;

    (void)state;
    server_subscribe(app->server, newest(app), 1, NULL);
    for (int i = 1; i <= 1000; i++) {
        publish_big(app);
        expect_big(app, fast, begin + i);
    }
    assert_int_equal(app->parked, 1);
    assert_int_equal(server_connections(app->server), 2);
    client_free(slow);
    client_free(fast);
    app_stop(app);
}

// The caller knows what a client has got while it deals with what the client sent.
static void nobody_is_parked_between_question_and_answer(void **state)
{
    struct server_config config = configuration();
    config.max_queue = 16 << 10;
    struct app *app = app_start(&config);
    struct client *slow = client_open(app);
    struct client_ref ref = newest(app);

    (void)state;
    server_subscribe(app->server, ref, 1, NULL);
    app->unanswered = true;
    WRITE(slow, "\x81\x81\0\0\0\0?");
    UNTIL(app, app->messages == 1);
    EXPECT(app, slow, "\x81\x01?");
    for (int i = 0; i < 2000; i++) { // 20 MB: more than the sockets take
        publish_big(app);
        turn(app);
    }
    assert_int_equal(app->parked, 0);
    server_answered(app->server, ref);
    UNTIL(app, (publish_big(app), app->parked == 1));
    for (int place = 1; place < (int)app->parked_at; place++)
        expect_big(app, slow, place);
    UNTIL(app, app->hungry == 1);
    assert_int_equal(slow->size, 0);
    client_free(slow);
    app_stop(app);
}

static void a_parked_client_gets_only_what_it_is_sent(void **state)
{
    struct server_config config = configuration();
    struct app *app = app_start(&config);
    struct client *client = client_open(app);
    struct client_ref ref = newest(app);

    (void)state;
    app->unanswered = true;
    WRITE(client, "\x81\x81\0\0\0\0?");
    UNTIL(app, app->messages == 1);
    server_subscribe(app->server, ref, 1, NULL);
    publish(app, 1, 1, "before");
    server_park(app->server, ref);
    publish(app, 1, 1, "meanwhile");
    server_send(app->server, ref, frame_new(FRAME_TEXT, "missed", 6));
    server_unpark(app->server, ref);
    publish(app, 1, 1, "after");
    EXPECT(app, client,
           "\x81\x01?\x81\x06"
           "before"
           "\x81\x06missed\x81\x05"
           "after");
    assert_int_equal(app->parked + app->hungry, 0);
    client_free(client);
    app_stop(app);
}

// Who asks and asks is not read while nothing is answered, and then gets every answer.
static void questions_wait_with_the_client(void **state)
{
    enum { QUESTION = 7, QUESTIONS = 100000 };
    struct server_config config = configuration();
    config.heartbeat = 50; // it is not silent: it is not read
    struct app *app = app_start(&config);
    struct client *client = client_open(app);
    char questions[100 * QUESTION];
    int seen = 0;
    size_t sent = 0; // bytes

    (void)state;
    for (int i = 0; i < 100; i++)
        memcpy(questions + QUESTION * i, "\x81\x81\0\0\0\0?", QUESTION);
    app->unanswered = true;
    for (int i = 0; i < 500; i++, turn(app)) {
        size_t begun = sent % sizeof questions; // the socket may take a part
        ssize_t written = sent < QUESTION * QUESTIONS
                              ? write(client->fd, questions + begun, sizeof questions - begun)
                              : 0;
        sent += written > 0 ? (size_t)written : 0;
        usleep(i < 300 ? 0 : 1000);
    }
    assert_in_range(app->messages, 64, 64 + (64 << 10) / QUESTION + 1);
    assert_int_equal(app->closed, 0);
    seen = app->messages;
    app->unanswered = false;
    for (int i = 0; i < seen; i++)
        server_answered(app->server, newest(app));
    UNTIL(app, (client_read(client), client->size = 0, app->messages == (int)(sent / QUESTION)));
    client_free(client);
    app_stop(app);
}

static void who_cannot_catch_up_is_told(void **state)
{
    struct server_config config = configuration();
    config.max_queue = 64 << 10;
    struct app *app = app_start(&config);
    struct client_ref ref;
    struct client *slow = parked_client(app, &ref);

    (void)state;
    server_outrun(app->server, ref);
    for (int place = 1;; place++) {
        UNTIL(app, has_bytes(slow, 2));
        if ((unsigned char)slow->bytes[0] == 0x88)
            break;
        expect_big(app, slow, place);
    }
    EXPECT(app, slow, "\x88\x0a\x10\x04too slow");
    UNTIL(app, has_ended(slow));
    UNTIL(app, app->closed == 1);
    assert_int_equal(app->last_code, 4100);
    client_free(slow);
    app_stop(app);
}

// One who is parked and reads nothing at all is cut by the heartbeat.
static void who_reads_nothing_is_cut(void **state)
{
    struct server_config config = configuration();
    config.max_queue = 64 << 10;
    config.heartbeat = 200;
    struct app *app = app_start(&config);
    struct client_ref ref;
    struct client *slow = parked_client(app, &ref);

    (void)state;
    UNTIL(app, app->closed == 1);
    assert_int_equal(app->last_code, 1006);
    server_send(app->server, ref, frame_new(FRAME_TEXT, "missed", 6)); // nobody's
    server_unpark(app->server, ref);
    client_free(slow);
    app_stop(app);
}

// Many leave in the middle of a fan-out: nobody else misses an event or gets one twice.
static void those_who_leave_take_nobody_along(void **state)
{
    enum { CLIENTS = 60, LEAVING_OF = 4, EVENTS = 600 };
    struct server_config config = configuration();
    struct app *app = app_start(&config);
    struct client *clients[CLIENTS];
    int left = 0;

    (void)state;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_open(app);
        server_subscribe(app->server, newest(app), 1, NULL);
    }
    for (int event = 1; event <= EVENTS; event++) {
        if (event % 40 == 0 && left < CLIENTS / LEAVING_OF) { // unread bytes: a reset, not a FIN
            close(clients[LEAVING_OF * left]->fd);
            left++;
        }
        publish_big(app);
        for (int i = 0; i < CLIENTS; i++)
            if (i % LEAVING_OF != 0)
                expect_big(app, clients[i], event);
    }
    UNTIL(app, app->closed == left);
    for (int i = 0; i < CLIENTS; i++) {
        if (i % LEAVING_OF != 0)
            assert_int_equal(clients[i]->size, 0);
        if (i % LEAVING_OF != 0 || i / LEAVING_OF >= left)
            close(clients[i]->fd);
        free(clients[i]);
    }
    app_stop(app);
}

static void a_drain_says_goodbye(void **state) // D16
{
    struct server_config config = configuration();
    struct app *app = app_start(&config);
    struct client *client = client_open(app), *asking = client_connect(app);

    (void)state;
    WRITE(asking, "GET / HT");
    server_drain(app->server, 2000);
    EXPECT(app, client, "\x88\x0c\x03\xe9going away");
    UNTIL(app, app->closed == 1);
    assert_int_equal(app->last_code, 1001);
    UNTIL(app, has_ended(client));
    UNTIL(app, has_ended(asking));
    assert_memory_equal(asking->bytes, "HTTP/1.1 503", 12);
    client_free(client);
    client_free(asking);
    app_stop(app);
}

static void a_drain_ends_in_time(void **state) // D9: nobody closes, the Close is not even read
{
    struct server_config config = configuration();
    struct app *app = app_start(&config);
    struct client *client = client_open(app);
    uint64_t before = uv_hrtime();

    (void)state;
    server_drain(app->server, 300);
    UNTIL(app, app->drained);
    assert_in_range((uv_hrtime() - before) / 1000000, 200, 1500);
    client_free(client);
    app_stop(app);
}

// ---- the port ----

static void a_taken_port_is_told(void **state)
{
    struct server_config config = configuration();
    struct app *app = app_start(&config);
    struct server *second;
    struct fault fault;

    (void)state;
    config.port = server_port(app->server);
    assert_int_equal(server_start(&second, &app->loop, &config, &callbacks, app, &fault), -1);
    assert_int_equal(fault.code, EXIT_UNAVAILABLE);
    assert_non_null(strstr(fault.text, "taken"));
    app_stop(app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_is_greeted_and_echoed),
        cmocka_unit_test(everything_may_come_in_one_piece),
        cmocka_unit_test(or_byte_by_byte),
        cmocka_unit_test(the_rest_is_http),
        cmocka_unit_test(there_is_room_for_so_many),
        cmocka_unit_test(an_address_has_so_many),
        cmocka_unit_test(who_says_too_much_is_slowed_told_and_closed),
        cmocka_unit_test(who_never_asks_is_sent_away),
        cmocka_unit_test(events_go_to_their_subscribers),
        cmocka_unit_test(calls_for_who_has_gone_do_nothing),
        cmocka_unit_test(many_get_everything_in_order),
        cmocka_unit_test(what_waits_together_keeps_its_order),
        cmocka_unit_test(the_server_can_close),
        cmocka_unit_test(a_half_closed_client_gets_its_answers),
        cmocka_unit_test(a_reset_is_a_close_once),
        cmocka_unit_test(silence_ends_a_connection),
        cmocka_unit_test(the_slow_are_parked_not_closed),
        cmocka_unit_test(the_slow_do_not_stop_the_fast),
        cmocka_unit_test(nobody_is_parked_between_question_and_answer),
        cmocka_unit_test(a_parked_client_gets_only_what_it_is_sent),
        cmocka_unit_test(questions_wait_with_the_client),
        cmocka_unit_test(who_cannot_catch_up_is_told),
        cmocka_unit_test(who_reads_nothing_is_cut),
        cmocka_unit_test(those_who_leave_take_nobody_along),
        cmocka_unit_test(a_drain_says_goodbye),
        cmocka_unit_test(a_drain_ends_in_time),
        cmocka_unit_test(a_taken_port_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
