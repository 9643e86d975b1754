// SPDX-License-Identifier: MIT
// The net room's face: the brain's side of the workers.
#include "rowcast/server.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rowcast/answer.h"
#include "rowcast/binding.h"
#include "rowcast/fifo.h"
#include "rowcast/hand.h"
#include "rowcast/interest.h"
#include "rowcast/memory.h"
#include "rowcast/worker.h"

// Orders one worker may have before it while the source is still read. Events wait here, so it is a
// bound on their delay under overload as well.
#define CONGESTED_AT 4096
#define ROOM_BELOW 1024

// Reports are handled for so long, then the loop's other sources have their turn.
#define REPORTS_TIME 1000000 // nanoseconds

struct server {
    uv_loop_t *loop;
    struct server_callbacks callbacks;
    void *user;
    struct mailbox *inbox;
    struct fifo reports; // struct report, not yet handled
    uv_idle_t more;      // active while there are some
    uv_timer_t drain_timer;
    int closing; // handles that the loop still has

    struct hand *hands;
    uint32_t workers, alive;
    struct interest interest;
    bool congested;
    uint32_t connections;
    atomic_uint open; // the workers' count, for their bound
    struct quota quota;
    int port;
    char **paths, **protocols, **origins; // origins: NULL for any
    struct network *trusted;
};

// ---- orders ----

// Addressed to a client.
static void give_to(struct server *server, struct client_ref client, struct order order)
{
    order.slot = client.slot;
    order.serial = client.serial;
    hand_give(&server->hands[client.worker], order);
}

static void give_all(struct server *server, struct order order)
{
    for (uint32_t i = 0; i < server->workers; i++) {
        if (order.frame != NULL)
            frame_ref(order.frame);
        hand_give(&server->hands[i], order);
    }
}

void server_flush(struct server *server)
{
    for (uint32_t i = 0; i < server->workers; i++)
        hand_flush(&server->hands[i]);
}

// The longest that waits before one of the workers.
static size_t unhandled(const struct server *server)
{
    size_t most = 0;

    for (uint32_t i = 0; i < server->workers; i++)
        if (server->hands[i].unhandled > most)
            most = server->hands[i].unhandled;
    return most;
}

bool server_congested(struct server *server)
{
    size_t most = unhandled(server);

    server->congested = most > CONGESTED_AT || (server->congested && most >= ROOM_BELOW);
    return server->congested;
}

bool server_has_room(const struct server *server)
{
    return unhandled(server) < ROOM_BELOW;
}

void server_send(struct server *server, struct client_ref client, struct frame *frame)
{
    give_to(server, client, (struct order){.kind = ORDER_SEND, .frame = frame});
}

void server_close(struct server *server, struct client_ref client, int code, const char *reason)
{
    give_to(server, client,
            (struct order){
                .kind = ORDER_CLOSE, .number = (uint32_t)code, .frame = frame_close(code, reason)});
}

void server_subscribe(struct server *server, struct client_ref client, uint32_t topic,
                      struct filter *filter)
{
    uint32_t number = interest_add(&server->interest, topic, client.worker);

    give_to(server, client,
            (struct order){
                .kind = ORDER_SUBSCRIBE, .topic = topic, .number = number, .filter = filter});
}

void server_unsubscribe(struct server *server, struct client_ref client, uint32_t topic)
{
    give_to(server, client, (struct order){.kind = ORDER_UNSUBSCRIBE, .topic = topic});
}

void server_answered(struct server *server, struct client_ref client)
{
    give_to(server, client, (struct order){.kind = ORDER_ANSWERED});
}

void server_park(struct server *server, struct client_ref client)
{
    give_to(server, client, (struct order){.kind = ORDER_PARK});
}

void server_unpark(struct server *server, struct client_ref client)
{
    give_to(server, client, (struct order){.kind = ORDER_UNPARK});
}

void server_watch(struct server *server, struct client_ref client)
{
    give_to(server, client, (struct order){.kind = ORDER_WATCH});
}

void server_outrun(struct server *server, struct client_ref client)
{
    give_to(server, client, (struct order){.kind = ORDER_OUTRUN});
}

static void publish_to(struct server *server, uint32_t worker, const uint32_t *topics,
                       uint32_t topic_count, uint64_t type, uint64_t place, struct frame *frame)
{
    for (uint32_t i = 0; i < topic_count; i++) {
        if (!interest_has(&server->interest, topics[i], worker))
            continue;
        server->hands[worker].publishing = true;
        hand_give(&server->hands[worker], (struct order){.kind = ORDER_PUBLISH,
                                                         .topic = topics[i],
                                                         .type = type,
                                                         .serial = place,
                                                         .frame = frame_ref(frame)});
    }
}

void server_publish(struct server *server, const uint32_t *topics, uint32_t topic_count,
                    uint64_t type, uint64_t place, struct frame *frame)
{
    for (uint32_t i = 0; i < server->workers; i++)
        publish_to(server, i, topics, topic_count, type, place, frame);
}

void server_committed(struct server *server, int64_t time)
{
    for (uint32_t i = 0; i < server->workers; i++) {
        if (!server->hands[i].publishing)
            continue;
        server->hands[i].publishing = false;
        hand_give(&server->hands[i],
                  (struct order){.kind = ORDER_COMMITTED, .size = (uint64_t)time});
    }
}

void server_set_health(struct server *server, const char *health, bool ready, const char *readiness)
{
    struct frame *health_frame = answer_json(200, health);
    struct frame *ready_frame = answer_json(ready ? 200 : 503, readiness);

    give_all(server, (struct order){.kind = ORDER_HEALTH, .frame = health_frame});
    give_all(server, (struct order){.kind = ORDER_READY, .frame = ready_frame});
    frame_unref(health_frame);
    frame_unref(ready_frame);
}

// ---- reports ----

static struct client_ref client_of(const struct report *report)
{
    return (struct client_ref){report->worker, report->slot, report->serial};
}

// A worker is drained and waits for its last order.
static void dismiss(struct server *server, uint32_t worker)
{
    hand_end(&server->hands[worker]);
    if (--server->alive == 0) {
        uv_timer_stop(&server->drain_timer);
        server->callbacks.drained(server->user);
    }
}

static void handle(struct server *server, const struct report *report)
{
    struct client_ref client = client_of(report);

    switch (report->kind) {
    case REPORT_OPENED:
        server->connections++;
        server->callbacks.opened(server->user, client, report->handshake);
        break;
    case REPORT_MESSAGE:
        server->callbacks.message(server->user, client, report->bytes, report->size,
                                  report->binary);
        break;
    case REPORT_LIMITED:
        server->callbacks.limited(server->user, client);
        break;
    case REPORT_CLOSED:
        server->connections--;
        server->callbacks.closed(server->user, client, (int)report->number);
        give_to(server, client, (struct order){.kind = ORDER_PART});
        break;
    case REPORT_PARKED:
        server->callbacks.parked(server->user, client, report->place);
        break;
    case REPORT_HUNGRY:
        server->callbacks.hungry(server->user, client);
        break;
    case REPORT_EMPTIED:
        interest_emptied(&server->interest, report->topic, report->worker, report->number);
        break;
    case REPORT_HANDLED:
        break;
    case REPORT_DONE:
        dismiss(server, report->worker);
        break;
    }
}

static void handle_reports(struct server *server)
{
    uint64_t until = uv_hrtime() + REPORTS_TIME;
    struct report *next;

    while ((next = fifo_first(&server->reports)) != NULL) {
        struct report report = *next;
        fifo_drop_first(&server->reports);
        hand_book(&server->hands[report.worker], &report);
        handle(server, &report);
        reports_release(&report, 1);
        if (uv_hrtime() >= until)
            break;
    }
}

static void on_more(uv_idle_t *more)
{
    struct server *server = more->data;

    handle_reports(server);
    if (server->reports.count == 0)
        uv_idle_stop(more);
}

static void on_reports(void *user, void *messages, size_t count)
{
    struct server *server = user;
    bool behind = server->reports.count > 0;

    fifo_append(&server->reports, messages, count);
    if (!behind)
        handle_reports(server);
    if (server->reports.count > 0)
        uv_idle_start(&server->more, on_more);
}

// ---- draining ----

static void on_drain_time(uv_timer_t *timer)
{
    struct server *server = timer->data;

    give_all(server, (struct order){.kind = ORDER_CUT});
    server_flush(server);
}

void server_drain(struct server *server, int64_t milliseconds)
{
    uint64_t time = milliseconds > 0 ? (uint64_t)milliseconds : 0;

    if (server->alive == 0)
        return;
    give_all(server, (struct order){.kind = ORDER_DRAIN, .size = time});
    server_flush(server);
    uv_timer_start(&server->drain_timer, on_drain_time, time, 0);
}

// ---- life ----

int server_port(const struct server *server)
{
    return server->port;
}

uint32_t server_connections(const struct server *server)
{
    return server->connections;
}

uint32_t server_workers(const struct server *server)
{
    return server->workers;
}

bool server_met(const struct server *server, uint32_t worker, uint64_t place,
                uint32_t *subscriptions)
{
    return ledger_find(server->hands[worker].ledger, place, subscriptions);
}

const struct traffic *server_traffic(const struct server *server, uint32_t worker)
{
    return &server->hands[worker].traffic;
}

size_t server_unhandled(const struct server *server, uint32_t worker)
{
    return server->hands[worker].unhandled;
}

static char **texts_copy(const char *const *texts)
{
    size_t count = 0;

    if (texts == NULL)
        return NULL;
    while (texts[count] != NULL)
        count++;
    char **copy = memory_new((count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = memory_text(texts[i]);
    return copy;
}

static void texts_free(char **texts)
{
    for (char **text = texts; text != NULL && *text != NULL; text++)
        free(*text);
    free(texts);
}

static void on_closed(uv_handle_t *handle)
{
    struct server *server = handle->data;

    if (--server->closing > 0)
        return;
    for (uint32_t i = 0; i < server->workers; i++)
        hand_release(&server->hands[i]);
    free(server->hands);
    reports_release(fifo_first(&server->reports), server->reports.count);
    fifo_release(&server->reports);
    interest_release(&server->interest);
    texts_free(server->paths);
    texts_free(server->protocols);
    texts_free(server->origins);
    free(server->trusted);
    quota_release(&server->quota);
    free(server);
}

static void discard_reports(void *user, void *messages, size_t count)
{
    (void)user;
    reports_release(messages, count);
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    mailbox_close(server->inbox, discard_reports);
    server->closing = 2;
    uv_close((uv_handle_t *)&server->drain_timer, on_closed);
    uv_close((uv_handle_t *)&server->more, on_closed);
}

static struct server *server_new(uv_loop_t *loop, const struct server_config *config,
                                 const struct server_callbacks *callbacks, void *user)
{
    struct server *server = memory_new(sizeof *server);

    server->loop = loop;
    server->callbacks = *callbacks;
    server->user = user;
    server->workers = (uint32_t)config->workers;
    server->hands = memory_new(server->workers * sizeof *server->hands);
    for (uint32_t i = 0; i < server->workers; i++)
        hand_init(&server->hands[i]);
    fifo_init(&server->reports, sizeof(struct report));
    interest_init(&server->interest, server->workers);
    server->paths = texts_copy(config->paths);
    server->protocols = texts_copy(config->protocols);
    server->origins = texts_copy(config->origins);
    server->trusted = memory_copy(config->trusted, config->trusted_count * sizeof *config->trusted);
    quota_init(&server->quota, config->max_per_address);
    server->inbox = mailbox_new(loop, sizeof(struct report), on_reports, server);
    uv_timer_init(loop, &server->drain_timer);
    server->drain_timer.data = server;
    uv_idle_init(loop, &server->more);
    server->more.data = server;
    return server;
}

static struct hall_config hall_config_of(struct server *server, const struct server_config *config)
{
    return (struct hall_config){
        .heartbeat = config->heartbeat,
        .handshake_timeout = config->handshake_timeout,
        .max_header = config->max_header,
        .max_message = config->max_message,
        .max_queue = config->max_queue,
        .max_open = config->max_connections,
        .max_fragments = config->max_fragments,
        .rate = config->rate,
        .reception = {.paths = (const char *const *)server->paths,
                      .protocols = (const char *const *)server->protocols,
                      .origins = (const char *const *)server->origins,
                      .trusted = server->trusted,
                      .trusted_count = config->trusted_count,
                      .deflate = config->deflate},
        .open = &server->open,
        .quota = &server->quota,
    };
}

// Opens a worker's sockets into its configuration.
static int open_sockets(struct worker_config *worker, const struct bindings *bindings,
                        struct fault *fault)
{
    for (int i = 0; i < bindings->count; i++) {
        int socket = bindings_listen(bindings, i, fault);
        if (socket < 0) {
            while (worker->socket_count > 0)
                close(worker->sockets[--worker->socket_count]);
            return -1;
        }
        worker->sockets[worker->socket_count++] = socket;
    }
    return 0;
}

static int start_workers(struct server *server, const struct server_config *config,
                         const struct bindings *bindings, struct fault *fault)
{
    for (uint32_t i = 0; i < server->workers; i++) {
        struct worker_config worker = {
            .number = i, .hall = hall_config_of(server, config), .reports = server->inbox};
        worker.hall.traffic = &server->hands[i].traffic;
        worker.ledger = server->hands[i].ledger;
        if (open_sockets(&worker, bindings, fault) < 0)
            return -1;
        server->hands[i].worker = worker_start(&worker, fault);
        if (server->hands[i].worker == NULL)
            return -1;
        server->alive++;
    }
    return 0;
}

int server_start(struct server **server, uv_loop_t *loop, const struct server_config *config,
                 const struct server_callbacks *callbacks, void *user, struct fault *fault)
{
    static const struct bindings_advice advice = {
        .host = "give an address of this machine with --host",
        .port =
            "choose another with --port, or share it with the rowcast that has it until that one "
            "has gone: --take-over",
    };
    struct bindings bindings;

    enum bindings_claim claim = config->take_over ? BINDINGS_SHARED : BINDINGS_ALONE;

    if (bindings_find(&bindings, config->host, config->port, claim, &advice, fault) < 0)
        return -1;
    *server = server_new(loop, config, callbacks, user);
    (*server)->port = bindings.port;
    if (start_workers(*server, config, &bindings, fault) < 0) {
        for (uint32_t i = 0; i < (*server)->workers; i++)
            hand_end(&(*server)->hands[i]);
        server_free(*server);
        *server = NULL;
        return -1;
    }
    return 0;
}
