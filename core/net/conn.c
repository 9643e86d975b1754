// SPDX-License-Identifier: MIT
// One connection, from accept to the closed socket.
#include "rowcast/conn.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/answer.h"
#include "rowcast/buffer.h"
#include "rowcast/compression.h"
#include "rowcast/hall.h"
#include "rowcast/http.h"
#include "rowcast/memory.h"
#include "rowcast/reception.h"
#include "rowcast/websocket.h"

#define ABNORMAL 1006
#define TOO_SLOW 4100
#define TOO_MANY 4101
#define OPCODE 0x0f

// What waits while its client goes on asking: reading stops until it has left.
#define UNREAD_BYTES (64u << 10)
#define UNREAD_FRAMES 1024
#define UNREAD_ASKED 64
// Frames that wait for one client: a queue of references takes memory, too, that nobody shares.
#define QUEUED_FRAMES 1024
// What may wait at all. Beyond max_queue come only answers to what was read before reading stopped, and
// events until those are given.
#define WAITING_MAX (64u << 20)
// What a refused client may still send while it has not read the answer.
#define DISCARD_MAX (64u << 20)

struct conn_head {
    struct http_scan scan;
    struct buffer bytes;
};

// ---- the one place where the state changes ----

static void head_free(struct conn *conn)
{
    if (conn->head == NULL)
        return;
    buffer_release(&conn->head->bytes);
    free(conn->head);
    conn->head = NULL;
}

static void leave_open(struct conn *conn)
{
    struct hall *hall = conn->hall;

    subscribers_leave_all(&hall->subscribers, &conn->subscriber, hall->events->emptied, hall->user);
    conn->stalled = false;
    hall_leave(hall, &conn->address);
    hall->events->closed(hall->user, conn, conn->code);
}

static void become(struct conn *conn, enum conn_state next)
{
    enum conn_state previous = conn->state;
    int64_t now = (int64_t)uv_now(conn->hall->loop);

    conn->state = next;
    deadline_stop(&conn->deadline);
    if (previous == CONN_HANDSHAKE)
        head_free(conn);
    if (previous == CONN_OPEN)
        leave_open(conn);
    if (next == CONN_HANDSHAKE)
        deadlines_start(&conn->hall->handshaking, &conn->deadline, now);
    if (next == CONN_PARTING || next == CONN_CLOSING || next == CONN_SHUT)
        deadlines_start(&conn->hall->closing, &conn->deadline, now);
    if (next == CONN_DEAD)
        transport_close(&conn->transport, !outqueue_empty(&conn->queue));
    else if (next != CONN_FREE)
        hall_touch(conn->hall, &conn->dirty);
}

// ---- output ----

static struct traffic *traffic_of(const struct conn *conn)
{
    return conn->hall->config.traffic;
}

static void unqueued(const struct conn *conn, size_t size)
{
    counter_add(&traffic_of(conn)->queued, -(uint64_t)size);
}

static void queue(struct conn *conn, struct frame *frame)
{
    counter_add(&traffic_of(conn)->queued, frame->size);
    outqueue_push(&conn->queue, frame);
    hall_touch(conn->hall, &conn->dirty);
}

static void took(struct conn *conn, size_t size)
{
    if (size == 0)
        return;
    outqueue_consume(&conn->queue, size);
    unqueued(conn, size);
    counter_add(&traffic_of(conn)->sent, size);
}

static void conn_write(struct conn *conn)
{
    uv_buf_t vectors[TRANSPORT_VECTORS_MAX];

    while (!outqueue_empty(&conn->queue) && !transport_busy(&conn->transport)) {
        unsigned count = outqueue_vectors(&conn->queue, vectors, TRANSPORT_VECTORS_MAX);
        ssize_t written = transport_write(&conn->transport, vectors, count);
        if (written < 0) {
            become(conn, CONN_DEAD);
            return;
        }
        took(conn, (size_t)written);
    }
}

// The Close goes to the front of all that is not on its way yet: the client will resume.
void conn_outrun(struct conn *conn)
{
    if (conn->state != CONN_OPEN) {
        conn_cut(conn);
        return;
    }
    size_t before = conn->queue.bytes;
    outqueue_drop(&conn->queue);
    unqueued(conn, before - conn->queue.bytes);
    conn_close(conn, TOO_SLOW, conn->hall->too_slow);
}

struct frame *conn_form(const struct conn *conn, struct frame *frame)
{
    size_t size;

    if (conn->window_bits == 0 || (frame->bytes[0] & OPCODE) > FRAME_BINARY)
        return frame;
    frame_payload(frame, &size);
    if (size > (size_t)1 << conn->window_bits)
        return frame;
    struct frame *deflated = atomic_load(&frame->deflated);
    if (deflated == NULL)
        deflated = frame_keep_deflated(frame, compression_deflate(conn->hall->compression, frame));
    return deflated;
}

void conn_send(struct conn *conn, struct frame *frame)
{
    if (conn->state != CONN_OPEN && conn->state != CONN_PARTING) {
        frame_unref(frame);
        return;
    }
    bool too_much = conn->queue.bytes > conn->hall->config.max_queue + WAITING_MAX;
    queue(conn, frame_ref(conn_form(conn, frame)));
    frame_unref(frame);
    if (too_much)
        conn_outrun(conn);
}

static bool has_room(const struct conn *conn)
{
    return conn->queue.bytes < conn->hall->config.max_queue && conn->queue.count < QUEUED_FRAMES;
}

static bool queue_live(struct conn *conn, struct frame *frame, uint64_t last)
{
    conn->place = last;
    queue(conn, frame_ref(conn_form(conn, frame)));
    return true;
}

// Who has asked something is not parked before it is answered: see server.h. It is not read any more
// by now, so that lasts no longer than the answers under way.
static bool publish_beyond(struct conn *conn, struct frame *frame, uint64_t first, uint64_t last)
{
    conn_write(conn); // perhaps nobody has tried for some time
    if (conn->state != CONN_OPEN)
        return false;
    if (has_room(conn) || conn->asked > 0)
        return queue_live(conn, frame, last);
    conn_park(conn);
    conn_watch(conn);
    conn->hall->events->parked(conn->hall->user, conn, first);
    return false;
}

bool conn_publish(struct conn *conn, struct frame *frame, uint64_t first, uint64_t last)
{
    return has_room(conn) ? queue_live(conn, frame, last)
                          : publish_beyond(conn, frame, first, last);
}

bool conn_is_idle(const struct conn *conn)
{
    return outqueue_empty(&conn->queue) && !list_holds(&conn->dirty) &&
           !transport_busy(&conn->transport);
}

bool conn_publish_at_once(struct conn *conn, struct frame *frame, uint64_t last)
{
    struct frame *form = conn_form(conn, frame);
    uv_buf_t all = uv_buf_init((char *)form->bytes, form->size);
    ssize_t written = transport_write(&conn->transport, &all, 1);

    if (written < 0) {
        become(conn, CONN_DEAD);
        return false;
    }
    conn->place = last;
    if ((size_t)written == form->size) {
        counter_add(&traffic_of(conn)->sent, form->size);
    } else {
        queue(conn, frame_ref(form));
        took(conn, (size_t)written);
    }
    return true;
}

void conn_answered(struct conn *conn)
{
    conn->asked--;
    hall_touch(conn->hall, &conn->dirty); // perhaps it may be read again
}

void conn_park(struct conn *conn)
{
    conn->place = CONN_PARKED;
}

void conn_unpark(struct conn *conn)
{
    conn->place = 0;
    conn->watched = false;
}

void conn_watch(struct conn *conn)
{
    conn->watched = true;
    hall_touch(conn->hall, &conn->dirty);
}

// With so little to send it must not wait long for more.
static void tell_hunger(struct conn *conn)
{
    if (!conn->watched || conn->state != CONN_OPEN ||
        conn->queue.bytes > conn->hall->config.max_queue / 4 ||
        conn->queue.count > QUEUED_FRAMES / 4)
        return;
    conn->watched = false;
    conn->hall->events->hungry(conn->hall->user, conn);
}

// Ends an HTTP request.
static void answer(struct conn *conn, struct frame *frame)
{
    queue(conn, frame);
    become(conn, CONN_CLOSING);
}

void conn_close(struct conn *conn, int code, struct frame *close)
{
    if (conn->state == CONN_HANDSHAKE) {
        answer(conn, answer_refusal(503));
    } else if (conn->state == CONN_OPEN) {
        conn->code = (uint16_t)code;
        queue(conn, frame_ref(close));
        become(conn, CONN_CLOSING);
    }
}

void conn_part(struct conn *conn)
{
    if (conn->state != CONN_PARTING)
        return;
    if (conn->farewell != NULL)
        queue(conn, conn->farewell);
    conn->farewell = NULL;
    become(conn, CONN_CLOSING);
}

void conn_cut(struct conn *conn)
{
    if (conn->state != CONN_DEAD && conn->state != CONN_FREE)
        become(conn, CONN_DEAD);
}

// Whether its rate keeps it from being read: then it is looked at again after a while.
static bool is_slowed(struct conn *conn)
{
    if (list_holds(&conn->deadline.link))
        return true;
    if (rate_allows(&conn->hall->config.rate, &conn->rate, (int64_t)uv_now(conn->hall->loop)))
        return false;
    conn->pulse.heard = true; // it had something to say
    deadlines_start(&conn->hall->slowed, &conn->deadline, (int64_t)uv_now(conn->hall->loop));
    return true;
}

void conn_expire(struct conn *conn)
{
    if (conn->state == CONN_OPEN)
        hall_touch(conn->hall, &conn->dirty);
    else if (conn->state == CONN_HANDSHAKE && conn->head != NULL)
        answer(conn, answer_refusal(408));
    else if (conn->state == CONN_PARTING)
        conn_part(conn);
    else
        conn_cut(conn);
}

void conn_look(struct conn *conn, struct frame *ping)
{
    // Who is not read cannot be heard.
    if (conn->state != CONN_OPEN || conn->stalled)
        return;
    if (conn->asked >= UNREAD_ASKED && outqueue_empty(&conn->queue))
        conn->pulse.heard = true;
    if (heartbeat_look(&conn->pulse) == HEARTBEAT_END)
        conn_cut(conn);
    else
        conn_send(conn, frame_ref(ping));
}

void conn_try_again(struct conn *conn)
{
    if (conn->state != CONN_FREE && conn->state != CONN_DEAD)
        transport_try_again(&conn->transport);
}

// ---- input: frames ----

// The client's last word is heard: `farewell` waits until what came before it has been answered.
static void part(struct conn *conn, int code, struct frame *farewell)
{
    if (conn->state != CONN_OPEN) {
        frame_unref(farewell);
        return;
    }
    conn->farewell = farewell;
    conn->code = (uint16_t)code;
    become(conn, CONN_PARTING);
}

static void count(struct conn *conn)
{
    struct hall *hall = conn->hall;

    switch (rate_take(&hall->config.rate, &conn->rate, (int64_t)uv_now(hall->loop))) {
    case RATE_TELL:
        hall->events->limited(hall->user, conn);
        break;
    case RATE_CLOSE:
        part(conn, TOO_MANY, frame_ref(hall->too_many));
        break;
    case RATE_FINE:
        break;
    }
}

static void on_message(void *user, const char *bytes, size_t size, bool binary)
{
    struct conn *conn = user;

    count(conn);
    if (conn->state != CONN_OPEN)
        return;
    conn->asked++;
    conn->hall->events->message(conn->hall->user, conn, bytes, size, binary);
}

static void on_control(void *user)
{
    count(user);
}

// A Close is taken over with the code that websocket_feed returns.
static void on_output(void *user, struct frame *frame)
{
    struct conn *conn = user;

    if (conn->state != CONN_OPEN) {
        frame_unref(frame);
    } else if ((frame->bytes[0] & OPCODE) == FRAME_CLOSE) {
        conn->farewell = frame;
    } else {
        queue(conn, frame);
    }
}

const struct websocket_events conn_websocket_events = {on_message, on_control, on_output};

static void give_websocket(struct conn *conn)
{
    if (conn->websocket != NULL)
        websocket_give(&conn->hall->websockets, conn->websocket);
    conn->websocket = NULL;
}

static void take_frames(struct conn *conn, const char *bytes, size_t size)
{
    if (size == 0)
        return;
    if (conn->websocket == NULL)
        conn->websocket = websocket_take(&conn->hall->websockets, conn->window_bits > 0, conn);
    int code = websocket_feed(conn->websocket, bytes, size);
    if (code != 0 || websocket_rests(conn->websocket))
        give_websocket(conn);
    if (code != 0 && conn->state == CONN_OPEN)
        part(conn, code, conn->farewell);
}

// ---- input: the request ----

static void upgrade(struct conn *conn, struct verdict verdict)
{
    int refused = hall_enter(conn->hall, &verdict.address);

    if (refused != 0) {
        frame_unref(verdict.answer);
        free(verdict.handshake);
        answer(conn, answer_refusal(refused));
        return;
    }
    conn->address = verdict.address;
    conn->window_bits = verdict.window_bits;
    queue(conn, verdict.answer);
    conn->pulse.heard = true;
    conn->asked = 1;
    become(conn, CONN_OPEN);
    conn->hall->events->opened(conn->hall->user, conn, verdict.handshake);
}

static struct frame *suited(const struct http_request *request, struct frame *frame)
{
    return request->head ? answer_without_body(frame) : frame;
}

static void receive(struct conn *conn, const struct http_request *request)
{
    char text[TRANSPORT_ADDRESS_SIZE];
    struct hall *hall = conn->hall;
    struct ip peer;

    if (hall->events->requested != NULL) {
        answer(conn, suited(request, hall->events->requested(hall->user, request)));
        return;
    }
    if (transport_address(&conn->transport, text) < 0 ||
        ip_parse((struct http_text){text, strlen(text)}, &peer) < 0) {
        become(conn, CONN_DEAD); // it is gone already
        return;
    }
    struct verdict verdict = reception_receive(&hall->reception, request, &peer);
    if (verdict.handshake != NULL)
        upgrade(conn, verdict);
    else
        answer(conn, suited(request, verdict.answer));
}

// Judges the bytes of a request. True: the head was complete, and ends at scan->at.
static bool take_head(struct conn *conn, struct http_scan *scan, const char *bytes, size_t size)
{
    struct http_request request;
    int status = http_read(scan, bytes, size, conn->hall->config.max_header, &request);

    if (status == HTTP_COMPLETE)
        receive(conn, &request);
    else if (status != HTTP_MORE)
        answer(conn, answer_refusal(status));
    return status == HTTP_COMPLETE;
}

// Most heads come in one piece and are read where they lie.
static void take_first(struct conn *conn, const char *bytes, size_t size)
{
    struct http_scan scan = {0};
    size_t maximum = conn->hall->config.max_header;

    if (take_head(conn, &scan, bytes, size)) {
        if (conn->state == CONN_OPEN)
            take_frames(conn, bytes + scan.at, size - scan.at);
    } else if (conn->state == CONN_HANDSHAKE) {
        conn->head = memory_new(sizeof *conn->head);
        conn->head->scan = scan;
        buffer_init(&conn->head->bytes, maximum);
        buffer_append(&conn->head->bytes, bytes, size);
    }
}

static void take_more(struct conn *conn, const char *bytes, size_t size)
{
    // Its own while it is used: the state's change frees what belongs to the connection.
    struct conn_head *head = conn->head;
    struct buffer *gathered = &head->bytes;
    size_t before = gathered->size, room = gathered->maximum - before;

    conn->head = NULL;
    buffer_append(gathered, bytes, size < room ? size : room);
    if (take_head(conn, &head->scan, gathered->bytes, gathered->size)) {
        size_t used = head->scan.at - before;
        if (conn->state == CONN_OPEN)
            take_frames(conn, bytes + used, size - used);
    }
    if (conn->state == CONN_HANDSHAKE) {
        conn->head = head;
    } else {
        buffer_release(gathered);
        free(head);
    }
}

// ---- what the transport says ----

static struct conn *from_transport(struct transport *transport)
{
    return container_of(transport, struct conn, transport);
}

// Until the application is no longer behind. Who is read is not slowed, so the deadline is free for it.
static void conn_stall(struct conn *conn)
{
    if (conn->stalled)
        return;
    conn->stalled = true;
    list_append(&conn->hall->stalled, &conn->deadline.link);
}

static uv_buf_t on_room(struct transport *transport)
{
    struct conn *conn = from_transport(transport);
    struct hall *hall = conn->hall;

    if (conn->state == CONN_OPEN && hall->paused) {
        conn_stall(conn);
        return uv_buf_init(NULL, 0);
    }
    size_t room =
        rate_room(&hall->config.rate, &conn->rate, (int64_t)uv_now(hall->loop), HALL_READ_BUFFER);
    return uv_buf_init(hall->read_buffer, (unsigned)room);
}

static bool wants_bytes(struct conn *conn)
{
    if (conn->ended || conn->state == CONN_DEAD)
        return false;
    if (conn->state != CONN_OPEN)
        return true;
    return conn->queue.bytes < UNREAD_BYTES && conn->queue.count < UNREAD_FRAMES &&
           conn->asked < UNREAD_ASKED && !conn->stalled && !is_slowed(conn);
}

static void on_bytes(struct transport *transport, const char *bytes, size_t size)
{
    struct conn *conn = from_transport(transport);

    conn->pulse.heard = true;
    if (conn->state == CONN_OPEN)
        take_frames(conn, bytes, size);
    else if (conn->state == CONN_HANDSHAKE && conn->head == NULL)
        take_first(conn, bytes, size);
    else if (conn->state == CONN_HANDSHAKE)
        take_more(conn, bytes, size);
    else if ((conn->discarded += (uint32_t)size) > DISCARD_MAX)
        conn_cut(conn);
    transport_read(transport, wants_bytes(conn));
}

static void on_ended(struct transport *transport, int status)
{
    struct conn *conn = from_transport(transport);

    conn->ended = true;
    if (status != UV_EOF || conn->state == CONN_HANDSHAKE)
        conn_cut(conn);
    else if (conn->state == CONN_OPEN)
        become(conn, CONN_PARTING);
    else
        hall_touch(conn->hall, &conn->dirty);
}

static void on_writable(struct transport *transport)
{
    struct conn *conn = from_transport(transport);

    size_t before = conn->queue.bytes;

    conn_write(conn);
    // Its answers are not read while it is slow; that the socket takes more is a sign of life.
    if (conn->queue.bytes < before && !transport_reads(transport))
        conn->pulse.heard = true;
    hall_touch(conn->hall, &conn->dirty);
}

static void on_closed(struct transport *transport)
{
    struct conn *conn = from_transport(transport);

    give_websocket(conn);
    frame_unref(conn->farewell);
    unqueued(conn, conn->queue.bytes);
    outqueue_release(&conn->queue);
    hall_settle(conn->hall, &conn->dirty);
    become(conn, CONN_FREE);
    conn->hall->gone(conn);
}

const struct transport_events conn_transport_events = {
    on_room, on_bytes, on_ended, on_writable, on_closed,
};

// ---- life ----

void conn_open(struct conn *conn, int socket)
{
    struct hall *hall = conn->hall;

    outqueue_init(&conn->queue);
    conn->code = ABNORMAL;
    if (transport_open(&conn->transport, socket, &hall->transports) < 0)
        become(conn, CONN_DEAD);
    else
        become(conn, CONN_HANDSHAKE);
}

static void conn_shut(struct conn *conn)
{
    if (transport_shutdown(&conn->transport) < 0)
        become(conn, CONN_DEAD);
    else
        become(conn, CONN_SHUT);
}

void conn_proceed(struct conn *conn)
{
    if (conn->state != CONN_DEAD)
        conn_write(conn);
    tell_hunger(conn);
    if (conn->state == CONN_CLOSING && outqueue_empty(&conn->queue))
        conn_shut(conn);
    if (conn->state == CONN_SHUT && conn->ended)
        become(conn, CONN_DEAD);
    transport_read(&conn->transport, wants_bytes(conn));
}
