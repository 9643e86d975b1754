// SPDX-License-Identifier: MIT
// A thread with its own loop, its own listeners and its own crowd of connections.
#include "rowcast/worker.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rowcast/clock.h"
#include "rowcast/crowd.h"
#include "rowcast/fanout.h"
#include "rowcast/goodbye.h"
#include "rowcast/listener.h"
#include "rowcast/memory.h"

// Between two looks at the sockets: references queued, at most (some 30 ns each; far fewer where they are
// joined), connections written to by the fanout (some 4 us each) or by proceeding. More of the former than
// of the latter, so that events that wait together go out together.
#define QUEUED_A_TURN 262144
#define WRITTEN_A_TURN (QUEUED_A_TURN / FANOUT_WRITE_COST)

#define TICK_MAX 250 // milliseconds
#define TICK_DRAINING 20

#define GOING_AWAY 1001

struct worker {
    uv_thread_t thread;
    uv_loop_t loop;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    uv_idle_t more; // active while work is left: then the poll does not block
    uv_timer_t tick;
    struct listener *listeners[BINDINGS_MAX];
    int listener_count;
    struct crowd crowd;
    struct outbox outbox;

    struct mailbox *inbox;
    struct fifo orders;   // struct order, not yet carried out
    struct fifo events;   // struct publication, ordered in a row and not yet handed on to all
    struct fanout fanout; // of these events
    uint32_t owed;        // connections to be written to before the next orders
    uint32_t handled;     // orders since the last report
    uint32_t newest;      // subscription carried out, see interest.h
    struct ledger *ledger;
    struct fifo commits; // int64_t, of transactions not yet written; see ORDER_COMMITTED

    bool draining, done;
    struct goodbye goodbye;
    uint32_t next_goodbye; // slot
    struct frame *going_away;
};

// ---- what the crowd tells ----

static void report(struct worker *worker, struct report report)
{
    outbox_add(&worker->outbox, report);
    if (worker->outbox.full)
        crowd_pause(&worker->crowd, true);
}

static void on_opened(void *user, struct conn *conn, struct handshake *handshake)
{
    report(user, (struct report){.kind = REPORT_OPENED,
                                 .slot = conn->slot,
                                 .serial = conn->serial,
                                 .handshake = handshake});
}

static void on_message(void *user, struct conn *conn, const char *bytes, size_t size, bool binary)
{
    report(user, (struct report){.kind = REPORT_MESSAGE,
                                 .slot = conn->slot,
                                 .serial = conn->serial,
                                 .binary = binary,
                                 .size = size,
                                 .bytes = memory_copy(bytes, size)});
}

static void on_limited(void *user, struct conn *conn)
{
    report(user,
           (struct report){.kind = REPORT_LIMITED, .slot = conn->slot, .serial = conn->serial});
}

static void on_closed(void *user, struct conn *conn, int code)
{
    report(user, (struct report){.kind = REPORT_CLOSED,
                                 .slot = conn->slot,
                                 .serial = conn->serial,
                                 .number = (uint32_t)code});
}

static void on_parked(void *user, struct conn *conn, uint64_t place)
{
    report(user,
           (struct report){
               .kind = REPORT_PARKED, .slot = conn->slot, .serial = conn->serial, .place = place});
}

static void on_hungry(void *user, struct conn *conn)
{
    report(user,
           (struct report){.kind = REPORT_HUNGRY, .slot = conn->slot, .serial = conn->serial});
}

static void on_emptied(void *user, uint32_t topic)
{
    struct worker *worker = user;

    report(worker,
           (struct report){.kind = REPORT_EMPTIED, .topic = topic, .number = worker->newest});
}

static const struct hall_events hall_events = {
    .opened = on_opened,
    .message = on_message,
    .limited = on_limited,
    .closed = on_closed,
    .parked = on_parked,
    .hungry = on_hungry,
    .emptied = on_emptied,
};

// ---- time, and the end ----

static void say_goodbyes(struct worker *worker)
{
    struct goodbye *goodbye = &worker->goodbye;
    uint32_t due = goodbye_due(goodbye, (int64_t)uv_now(&worker->loop));

    while (goodbye->told < due && worker->next_goodbye < worker->crowd.slots) {
        struct conn *conn = crowd_at(&worker->crowd, worker->next_goodbye++);
        goodbye->told += conn->state != CONN_FREE;
        conn_close(conn, GOING_AWAY, worker->going_away);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct worker *worker = timer->data;

    crowd_tick(&worker->crowd, (int64_t)uv_now(&worker->loop));
    for (int i = 0; i < worker->listener_count; i++)
        listener_retry(worker->listeners[i]);
    if (!worker->draining || worker->done)
        return;
    say_goodbyes(worker);
    worker->done = worker->crowd.present == 0;
    if (worker->done)
        report(worker, (struct report){.kind = REPORT_DONE});
}

static void start_tick(struct worker *worker, int64_t milliseconds)
{
    worker->tick.data = worker;
    uv_timer_start(&worker->tick, on_tick, (uint64_t)milliseconds, (uint64_t)milliseconds);
}

static void stop_listening(struct worker *worker)
{
    while (worker->listener_count > 0)
        listener_close(worker->listeners[--worker->listener_count]);
}

static void drain(struct worker *worker, int64_t milliseconds)
{
    if (worker->draining)
        return;
    worker->draining = true;
    stop_listening(worker); // lets in who waits already
    goodbye_begin(&worker->goodbye, worker->crowd.present, milliseconds,
                  (int64_t)uv_now(&worker->loop));
    say_goodbyes(worker);
    start_tick(worker, TICK_DRAINING);
}

static void discard_orders(void *user, void *messages, size_t count)
{
    (void)user;
    orders_release(messages, count);
}

static void stop(struct worker *worker)
{
    stop_listening(worker);
    crowd_close(&worker->crowd); // nobody is here after a drain
    uv_close((uv_handle_t *)&worker->before_poll, NULL);
    uv_close((uv_handle_t *)&worker->after_poll, NULL);
    uv_close((uv_handle_t *)&worker->more, NULL);
    uv_close((uv_handle_t *)&worker->tick, NULL);
    mailbox_close(worker->inbox, discard_orders);
}

// ---- orders ----

static struct conn *addressee(struct worker *worker, const struct order *order)
{
    return crowd_find(&worker->crowd, order->slot, order->serial);
}

static void report_if_empty(struct worker *worker, uint32_t topic)
{
    uint32_t count;

    subscribers_of(&worker->crowd.hall.subscribers, topic, &count);
    if (count == 0)
        on_emptied(worker, topic);
}

static void subscribe(struct worker *worker, const struct order *order)
{
    struct conn *conn = addressee(worker, order);

    worker->newest = order->number;
    if (conn != NULL && conn->state == CONN_OPEN) {
        subscribers_join(&worker->crowd.hall.subscribers, &conn->subscriber, order->topic,
                         order->filter);
        return;
    }
    filter_unref(order->filter);
    report_if_empty(worker, order->topic);
}

static void unsubscribe(struct worker *worker, const struct order *order)
{
    struct conn *conn = addressee(worker, order);

    if (conn != NULL &&
        subscribers_leave(&worker->crowd.hall.subscribers, &conn->subscriber, order->topic))
        report_if_empty(worker, order->topic);
}

static void send_frame(struct worker *worker, const struct order *order)
{
    struct conn *conn = addressee(worker, order);

    if (conn != NULL)
        conn_send(conn, order->frame);
    else
        frame_unref(order->frame);
}

static void close_client(struct worker *worker, const struct order *order)
{
    struct conn *conn = addressee(worker, order);

    if (conn != NULL)
        conn_close(conn, (int)order->number, order->frame);
    frame_unref(order->frame);
}

// What is said of a client and needs no more than the client.
static void tell(struct worker *worker, const struct order *order, void (*what)(struct conn *conn))
{
    struct conn *conn = addressee(worker, order);

    if (conn != NULL)
        what(conn);
}

// Returns how many references it will queue, at most.
static uint32_t hold(struct worker *worker, const struct order *order)
{
    uint32_t count;

    fifo_append(&worker->events,
                &(struct publication){.topic = order->topic,
                                      .type = order->type,
                                      .place = order->serial,
                                      .frame = order->frame},
                1);
    subscribers_of(&worker->crowd.hall.subscribers, order->topic, &count);
    ledger_note(worker->ledger, order->serial, count);
    return count;
}

static void begin_fanout(struct worker *worker)
{
    fanout_begin(&worker->fanout, fifo_first(&worker->events), worker->events.count);
}

// Hands on events; when all have got them there are none.
static void fan_out(struct worker *worker, enum fanout_mode mode, uint32_t budget)
{
    struct publication *events = fifo_first(&worker->events);
    size_t count = worker->events.count;

    if (!fanout_continue(&worker->fanout, &worker->crowd.hall, mode, budget))
        return;
    for (size_t i = 0; i < count; i++)
        frame_unref(events[i].frame);
    fifo_clear(&worker->events);
}

// What follows may concern the same clients.
static void queue_events(struct worker *worker)
{
    begin_fanout(worker);
    while (worker->events.count > 0)
        fan_out(worker, FANOUT_QUEUE, UINT32_MAX);
}

static void acknowledge(struct worker *worker, const struct order *order)
{
    outbox_acknowledge(&worker->outbox, order->number, order->size);
    if (worker->crowd.hall.paused && !worker->outbox.full)
        crowd_pause(&worker->crowd, false);
}

// What concerns no client may come between events that wait together.
static bool is_general(const struct order *order)
{
    return order->kind == ORDER_COMMITTED || order->kind == ORDER_HEALTH ||
           order->kind == ORDER_READY || order->kind == ORDER_ACKNOWLEDGE;
}

// Returns how many references to frames it queued, or will.
static uint32_t carry_out(struct worker *worker, const struct order *order)
{
    if (order->kind == ORDER_PUBLISH)
        return hold(worker, order);
    if (!is_general(order))
        queue_events(worker);
    switch (order->kind) {
    case ORDER_PUBLISH: // above
        break;
    case ORDER_SEND:
        send_frame(worker, order);
        return 1;
    case ORDER_CLOSE:
        close_client(worker, order);
        return 1;
    case ORDER_PART:
        tell(worker, order, conn_part);
        return 1;
    case ORDER_OUTRUN:
        tell(worker, order, conn_outrun);
        return 1;
    case ORDER_ANSWERED:
        tell(worker, order, conn_answered);
        break;
    case ORDER_PARK:
        tell(worker, order, conn_park);
        break;
    case ORDER_UNPARK:
        tell(worker, order, conn_unpark);
        break;
    case ORDER_WATCH:
        tell(worker, order, conn_watch);
        break;
    case ORDER_SUBSCRIBE:
        subscribe(worker, order);
        break;
    case ORDER_UNSUBSCRIBE:
        unsubscribe(worker, order);
        break;
    case ORDER_COMMITTED:
        fifo_append(&worker->commits, &(int64_t){(int64_t)order->size}, 1);
        break;
    case ORDER_HEALTH:
        reception_set_health(&worker->crowd.hall.reception, order->frame);
        break;
    case ORDER_READY:
        reception_set_ready(&worker->crowd.hall.reception, order->frame);
        break;
    case ORDER_ACKNOWLEDGE:
        acknowledge(worker, order);
        break;
    case ORDER_DRAIN:
        drain(worker, (int64_t)order->size);
        break;
    case ORDER_CUT:
        crowd_cut(&worker->crowd);
        break;
    case ORDER_STOP:
        stop(worker);
        break;
    }
    return 0;
}

static void on_orders(void *user, void *messages, size_t count)
{
    struct worker *worker = user;

    fifo_append(&worker->orders, messages, count);
}

// ---- the turn of the loop ----

static void carry_out_orders(struct worker *worker)
{
    struct order *next;

    // No client gets more at once than half of what may wait for it.
    size_t bytes = 0, bytes_max = worker->crowd.hall.config.max_queue / 2;
    uint32_t queued = 0;

    while (queued < QUEUED_A_TURN && bytes <= bytes_max && (next = fifo_first(&worker->orders))) {
        struct order order = *next;
        fifo_drop_first(&worker->orders);
        if (order.kind == ORDER_PUBLISH)
            bytes += order.frame->size;
        queued += 1 + carry_out(worker, &order);
        worker->handled++;
    }
    begin_fanout(worker);
    if (worker->handled > 0)
        report(worker, (struct report){.kind = REPORT_HANDLED, .number = worker->handled});
    worker->handled = 0;
}

// All that was ordered is written as far as sockets take it.
static void measure_delay(struct worker *worker)
{
    struct histogram *delay = &worker->crowd.hall.config.traffic->delay;
    const int64_t *commits = fifo_first(&worker->commits);
    int64_t now = commits != NULL ? clock_now() : 0;

    for (size_t i = 0; i < worker->commits.count; i++)
        histogram_observe(delay, &traffic_delay_bounds, (now - commits[i]) * 1000);
    fifo_clear(&worker->commits);
}

static void on_more(uv_idle_t *handle)
{
    (void)handle; // being active is all it is for
}

static bool is_behind(const struct worker *worker)
{
    return worker->events.count > 0 || worker->owed > 0;
}

// Orders are carried out when those before them are out on the wire: what waits meanwhile goes out
// together, and no client's queue grows only because the others are many.
static void write_orders(struct worker *worker)
{
    if (worker->owed > worker->crowd.hall.dirty_count)
        worker->owed = worker->crowd.hall.dirty_count; // some have gone
    if (!is_behind(worker)) {
        carry_out_orders(worker);
        worker->owed = worker->crowd.hall.dirty_count;
    }
    if (worker->events.count > 0) {
        fan_out(worker, FANOUT_WRITE, QUEUED_A_TURN);
        worker->owed = worker->crowd.hall.dirty_count;
    }
    uint32_t written = crowd_flush(&worker->crowd, WRITTEN_A_TURN);
    worker->owed -= written < worker->owed ? written : worker->owed;
    if (!is_behind(worker))
        measure_delay(worker);
}

static void take_turn(struct worker *worker)
{
    write_orders(worker);
    outbox_post(&worker->outbox);
    if (uv_is_closing((uv_handle_t *)&worker->more))
        return;
    if (is_behind(worker) || worker->crowd.hall.dirty_count > 0 || worker->orders.count > 0)
        uv_idle_start(&worker->more, on_more);
    else
        uv_idle_stop(&worker->more);
}

// What timers leave to do must not wait for the poll, where that can take long.
static void on_before_poll(uv_prepare_t *handle)
{
    struct worker *worker = container_of(handle, struct worker, before_poll);

    if (!uv_is_active((uv_handle_t *)&worker->more))
        take_turn(worker);
}

static void on_after_poll(uv_check_t *handle)
{
    take_turn(container_of(handle, struct worker, after_poll));
}

// ---- life ----

static void on_accepted(void *user, int socket)
{
    struct worker *worker = user;

    crowd_admit(&worker->crowd, socket);
}

static int64_t tick_of(const struct hall_config *config)
{
    int64_t tick = TICK_MAX;

    if (config->heartbeat > 0 && heartbeat_tick(config->heartbeat) < tick)
        tick = heartbeat_tick(config->heartbeat);
    if (config->handshake_timeout / 8 < tick)
        tick = config->handshake_timeout / 8;
    return tick > 0 ? tick : 1;
}

static void run(void *argument)
{
    struct worker *worker = argument;

    uv_run(&worker->loop, UV_RUN_DEFAULT);
}

// The loop's handles; on a fresh loop none of them can fail.
static void init_loop(struct worker *worker, const struct worker_config *config)
{
    uv_prepare_init(&worker->loop, &worker->before_poll);
    uv_prepare_start(&worker->before_poll, on_before_poll);
    uv_check_init(&worker->loop, &worker->after_poll);
    uv_check_start(&worker->after_poll, on_after_poll);
    uv_idle_init(&worker->loop, &worker->more);
    uv_timer_init(&worker->loop, &worker->tick);
    start_tick(worker, tick_of(&config->hall));
    worker->inbox = mailbox_new(&worker->loop, sizeof(struct order), on_orders, worker);
    for (int i = 0; i < config->socket_count; i++)
        worker->listeners[worker->listener_count++] =
            listener_new(&worker->loop, config->sockets[i], on_accepted, worker);
}

static void worker_free(struct worker *worker)
{
    fanout_release(&worker->fanout);
    crowd_release(&worker->crowd);
    outbox_release(&worker->outbox);
    fifo_release(&worker->orders);
    fifo_release(&worker->events);
    fifo_release(&worker->commits);
    frame_unref(worker->going_away);
    uv_loop_close(&worker->loop);
    free(worker);
}

// Signals are the brain's: the thread inherits a mask that leaves it only those that say it is
// broken.
static int start_thread(struct worker *worker)
{
    sigset_t all, before;

    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = uv_thread_create(&worker->thread, run, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

static int fail(struct fault *fault, int error)
{
    return fault_set(fault, EXIT_UNAVAILABLE,
                     "cannot start a worker thread: %s; see 'ulimit -a', or try fewer --workers",
                     uv_strerror(error));
}

static struct worker *worker_new(const struct worker_config *config, struct fault *fault)
{
    struct worker *worker = memory_new(sizeof *worker);
    int result = uv_loop_init(&worker->loop);

    if (result < 0) {
        free(worker);
        fail(fault, result);
        return NULL;
    }
    worker->going_away = frame_close(GOING_AWAY, "going away");
    fifo_init(&worker->orders, sizeof(struct order));
    fifo_init(&worker->events, sizeof(struct publication));
    fifo_init(&worker->commits, sizeof(int64_t));
    fanout_init(&worker->fanout);
    worker->ledger = config->ledger;
    outbox_init(&worker->outbox, config->number, config->reports);
    result = crowd_init(&worker->crowd, &worker->loop, &config->hall, &hall_events, worker);
    if (result < 0) {
        worker_free(worker);
        fail(fault, result);
        return NULL;
    }
    return worker;
}

struct worker *worker_start(const struct worker_config *config, struct fault *fault)
{
    struct worker *worker = worker_new(config, fault);

    if (worker == NULL) {
        for (int i = 0; i < config->socket_count; i++)
            close(config->sockets[i]);
        return NULL;
    }
    init_loop(worker, config);
    int result = start_thread(worker);
    if (result < 0) {
        stop(worker);
        uv_run(&worker->loop, UV_RUN_DEFAULT);
        worker_free(worker);
        fail(fault, result);
        return NULL;
    }
    return worker;
}

void worker_order(struct worker *worker, const struct order *orders, size_t count)
{
    mailbox_post(worker->inbox, orders, count);
}

void worker_join(struct worker *worker)
{
    uv_thread_join(&worker->thread);
    worker_free(worker);
}
