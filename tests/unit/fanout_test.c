// SPDX-License-Identifier: MIT
// Tests of fanout.c: what each socket has got, after how many writes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "rowcast/compression.h"
#include "rowcast/crowd.h"
#include "rowcast/fanout.h"

#define CLIENTS 40
#define CROWDED 1 // topics
#define QUIET 2
#define WRITES(n) ((n)*FANOUT_WRITE_COST)

struct room {
    uv_loop_t loop;
    struct traffic traffic;
    struct quota quota;
    atomic_uint open;
    struct crowd crowd;
    struct fanout fanout;
    struct conn *conns[CLIENTS];
    int peers[CLIENTS];
    struct publication events[1200];
    size_t count;
    int parked;
};

static void on_closed(void *user, struct conn *conn, int code)
{
    (void)user;
    (void)conn;
    (void)code;
}

static void on_parked(void *user, struct conn *conn, uint64_t place)
{
    (void)conn;
    (void)place;
    ((struct room *)user)->parked++;
}

static const struct hall_events events = {.closed = on_closed, .parked = on_parked};

static struct conn *admit(struct room *room, int client)
{
    struct ip nowhere = {0};
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    room->peers[client] = pair[1];
    crowd_admit(&room->crowd, pair[0]);
    struct conn *conn = crowd_at(&room->crowd, room->crowd.slots - 1);
    assert_int_equal(hall_enter(&room->crowd.hall, &nowhere), 0);
    deadline_stop(&conn->deadline);
    conn->state = CONN_OPEN;
    return room->conns[client] = conn;
}

static void subscribe(struct room *room, int client, uint32_t topic, uint64_t type)
{
    subscribers_join(&room->crowd.hall.subscribers, &room->conns[client]->subscriber, topic,
                     type > 0 ? filter_new(&type, 1) : NULL);
}

// All clients but the last are in the crowded topic, the last is in the quiet one.
static void setup(struct room *room)
{
    struct hall_config config = {.handshake_timeout = 1000,
                                 .max_queue = 1u << 20,
                                 .max_open = CLIENTS,
                                 .reception = {.deflate = true},
                                 .open = &room->open,
                                 .quota = &room->quota,
                                 .traffic = &room->traffic};

    memset(room, 0, sizeof *room);
    uv_loop_init(&room->loop);
    quota_init(&room->quota, 0);
    fanout_init(&room->fanout);
    assert_int_equal(crowd_init(&room->crowd, &room->loop, &config, &events, room), 0);
    for (int i = 0; i < CLIENTS; i++) {
        admit(room, i);
        subscribe(room, i, i < CLIENTS - 1 ? CROWDED : QUIET, 0);
    }
    crowd_flush(&room->crowd, UINT32_MAX); // as new they are dirty
}

static void release(struct room *room)
{
    fanout_release(&room->fanout);
    for (size_t i = 0; i < room->count; i++)
        frame_unref(room->events[i].frame);
    crowd_close(&room->crowd);
    uv_run(&room->loop, UV_RUN_DEFAULT);
    crowd_release(&room->crowd);
    quota_release(&room->quota);
    assert_int_equal(uv_loop_close(&room->loop), 0);
    for (int i = 0; i < CLIENTS; i++)
        close(room->peers[i]);
}

// An event with its place as payload.
static void add(struct room *room, uint32_t topic, uint64_t type)
{
    char text[8];
    size_t size = (size_t)snprintf(text, sizeof text, "%04zu", room->count + 1);
    struct publication event = {.topic = topic,
                                .type = type,
                                .place = room->count + 1,
                                .frame = frame_new(FRAME_TEXT, text, size)};

    room->events[room->count++] = event;
}

static void begin(struct room *room)
{
    fanout_begin(&room->fanout, room->events, room->count);
}

static bool go_on(struct room *room, uint32_t budget)
{
    return fanout_continue(&room->fanout, &room->crowd.hall, FANOUT_WRITE, budget);
}

// How many bytes have come since this was last asked.
static size_t got(struct room *room, int client, char *bytes, size_t room_for)
{
    ssize_t size = recv(room->peers[client], bytes, room_for - 1, 0);

    bytes[size > 0 ? size : 0] = '\0';
    return size > 0 ? (size_t)size : 0;
}

static size_t size_got(struct room *room, int client)
{
    char bytes[8192];

    return got(room, client, bytes, sizeof bytes);
}

static void assert_got(struct room *room, int client, const char *expected)
{
    char bytes[8192];

    got(room, client, bytes, sizeof bytes);
    assert_string_equal(bytes, expected);
}

static int how_many_got_something(struct room *room)
{
    int count = 0;

    for (int i = 0; i < CLIENTS - 1; i++)
        count += size_got(room, i) > 0;
    return count;
}

// ---- who waits for whom ----

static void a_burst_lets_another_topics_event_go_first(void **state)
{
    struct room room;

    (void)state;
    setup(&room);
    for (int i = 0; i < 64; i++)
        add(&room, CROWDED, 0);
    add(&room, QUIET, 0);
    begin(&room);
    assert_false(go_on(&room, WRITES(1)));
    assert_got(&room, CLIENTS - 1,
               "\x81\x04"
               "0065");
    assert_int_equal(how_many_got_something(&room), 0);
    assert_true(go_on(&room, UINT32_MAX));
    assert_int_equal(how_many_got_something(&room), CLIENTS - 1);
    assert_int_equal(size_got(&room, CLIENTS - 1), 0);
    assert_int_equal(room.traffic.deliveries, 64 * (CLIENTS - 1) + 1);
    release(&room);
}

static void it_is_cut_into_slices(void **state)
{
    struct room room;

    (void)state;
    setup(&room);
    add(&room, CROWDED, 0);
    begin(&room);
    for (int slice = 0; slice < 3; slice++) {
        assert_false(go_on(&room, WRITES(10)));
        assert_int_equal(how_many_got_something(&room), 10);
    }
    assert_true(go_on(&room, WRITES(10)));
    assert_int_equal(how_many_got_something(&room), CLIENTS - 1 - 30);
    assert_int_equal(room.crowd.hall.dirty_count, 0); // nothing is left to do
    release(&room);
}

static void what_waits_is_one_write(void **state)
{
    struct room room;

    (void)state;
    setup(&room);
    for (int i = 0; i < 3; i++)
        add(&room, CROWDED, 0);
    begin(&room);
    assert_true(go_on(&room, WRITES(CLIENTS)));
    for (int i = 0; i < CLIENTS - 1; i++)
        assert_got(&room, i,
                   "\x81\x04"
                   "0001\x81\x04"
                   "0002\x81\x04"
                   "0003");
    release(&room);
}

// ---- who gets what ----

static void several_topics_and_filters_keep_the_order(void **state)
{
    struct room room;

    (void)state;
    setup(&room);
    subscribe(&room, 0, QUIET, 0);   // both topics
    subscribe(&room, 1, CROWDED, 7); // one type
    add(&room, CROWDED, 7);
    add(&room, QUIET, 8);
    add(&room, CROWDED, 8);
    add(&room, CROWDED, 7);
    begin(&room);
    assert_true(go_on(&room, UINT32_MAX));
    crowd_flush(&room.crowd, UINT32_MAX);
    assert_got(&room, 0,
               "\x81\x04"
               "0001\x81\x04"
               "0002\x81\x04"
               "0003\x81\x04"
               "0004");
    assert_got(&room, 1,
               "\x81\x04"
               "0001\x81\x04"
               "0004");
    assert_got(&room, 2,
               "\x81\x04"
               "0001\x81\x04"
               "0003\x81\x04"
               "0004");
    assert_got(&room, CLIENTS - 1,
               "\x81\x04"
               "0002");
    release(&room);
}

static void what_is_queued_stays_in_front(void **state)
{
    struct room room;

    (void)state;
    setup(&room);
    conn_send(room.conns[0], frame_new(FRAME_TEXT, "before", 6));
    add(&room, CROWDED, 0);
    begin(&room);
    assert_true(go_on(&room, UINT32_MAX));
    assert_int_equal(size_got(&room, 0), 0);
    crowd_flush(&room.crowd, UINT32_MAX);
    assert_got(&room, 0,
               "\x81\x06"
               "before\x81\x04"
               "0001");
    assert_got(&room, 1,
               "\x81\x04"
               "0001");
    release(&room);
}

static void an_event_of_two_topics_comes_once(void **state)
{
    struct room room;

    (void)state;
    setup(&room);
    subscribe(&room, 0, QUIET, 0);
    add(&room, CROWDED, 0);
    add(&room, QUIET, 0);
    frame_unref(room.events[1].frame);
    room.events[1].frame = frame_ref(room.events[0].frame);
    room.events[1].place = room.events[0].place;
    begin(&room);
    assert_true(go_on(&room, UINT32_MAX));
    crowd_flush(&room.crowd, UINT32_MAX);
    for (int i = 0; i < CLIENTS; i++)
        assert_got(&room, i,
                   "\x81\x04"
                   "0001");
    release(&room);
}

static void more_than_one_part_keeps_the_order(void **state)
{
    struct room room;
    char bytes[8192], place[8];

    (void)state;
    setup(&room);
    for (int i = 0; i < 1200; i++)
        add(&room, i % 3 > 0 ? CROWDED : QUIET, 0);
    begin(&room);
    while (!go_on(&room, WRITES(7)))
        ;
    crowd_flush(&room.crowd, UINT32_MAX);
    assert_int_equal(got(&room, 5, bytes, sizeof bytes), 800 * 6);
    for (int i = 0; i < 800; i++) {
        snprintf(place, sizeof place, "%04d", i / 2 * 3 + i % 2 + 2);
        assert_memory_equal(bytes + i * 6 + 2, place, 4);
    }
    assert_int_equal(size_got(&room, CLIENTS - 1), 400 * 6);
    release(&room);
}

static void compressed_events_are_joined_too(void **state)
{
    static const char text[] = "a long text a long text a long text a long text a long text";
    struct room room;
    char bytes[8192];
    size_t size = 0;

    (void)state;
    setup(&room);
    room.conns[0]->window_bits = 15;
    for (int i = 0; i < 3; i++) {
        add(&room, CROWDED, 0);
        frame_unref(room.events[i].frame);
        room.events[i].frame = frame_new(FRAME_TEXT, text, sizeof text);
    }
    begin(&room);
    assert_true(go_on(&room, UINT32_MAX));
    assert_int_equal(room.crowd.hall.dirty_count, 0); // at once, like the others
    got(&room, 0, bytes, sizeof bytes);
    for (int i = 0; i < 3; i++) {
        struct frame *deflated = atomic_load(&room.events[i].frame->deflated);
        assert_non_null(deflated);
        assert_memory_equal(bytes + size, deflated->bytes, deflated->size);
        size += deflated->size;
    }
    assert_int_equal(size_got(&room, 1), 3 * (2 + sizeof text));
    release(&room);
}

// ---- who goes, and who does not read ----

static void those_who_leave_in_between_disturb_nobody(void **state)
{
    struct room room;

    (void)state;
    setup(&room);
    add(&room, CROWDED, 0);
    begin(&room);
    assert_false(go_on(&room, WRITES(10)));
    for (int i = 0; i < 20; i++)
        conn_cut(room.conns[i]); // places of the others change
    while (!go_on(&room, WRITES(1)))
        ;
    for (int i = 20; i < CLIENTS - 1; i++)
        assert_got(&room, i,
                   "\x81\x04"
                   "0001");
    release(&room);
}

static void broken_sockets_end_while_the_others_get_it(void **state)
{
    struct room room;

    (void)state;
    setup(&room);
    for (int i = 0; i < CLIENTS - 1; i += 2)
        shutdown(room.peers[i], SHUT_RDWR);
    add(&room, CROWDED, 0);
    begin(&room);
    assert_true(go_on(&room, UINT32_MAX));
    for (int i = 0; i < CLIENTS - 1; i++)
        assert_int_equal(room.conns[i]->state, i % 2 ? CONN_OPEN : CONN_DEAD);
    assert_int_equal(how_many_got_something(&room), (CLIENTS - 1) / 2);
    assert_int_equal(room.traffic.deliveries, (CLIENTS - 1) / 2);
    release(&room);
}

static void what_a_socket_does_not_take_waits(void **state)
{
    static char large[3u << 20];
    struct room room;

    (void)state;
    setup(&room);
    for (int i = 0; i < 3; i++) {
        add(&room, QUIET, 0);
        frame_unref(room.events[i].frame);
        room.events[i].frame = frame_new(FRAME_BINARY, large, sizeof large);
    }
    begin(&room);
    assert_true(go_on(&room, UINT32_MAX));
    struct conn *conn = room.conns[CLIENTS - 1];
    uint64_t all = 3 * (10 + sizeof large);
    assert_int_equal(room.traffic.sent + room.traffic.queued, all);
    assert_int_equal(conn->queue.bytes, room.traffic.queued);
    assert_true(conn->queue.bytes > 0 && transport_busy(&conn->transport));
    fanout_begin(&room.fanout, &(struct publication){QUIET, false, 0, 9, room.events[0].frame}, 1);
    assert_true(go_on(&room, UINT32_MAX));
    assert_int_equal(room.parked, 1); // what waits is beyond max_queue
    release(&room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_lets_another_topics_event_go_first),
        cmocka_unit_test(it_is_cut_into_slices),
        cmocka_unit_test(what_waits_is_one_write),
        cmocka_unit_test(several_topics_and_filters_keep_the_order),
        cmocka_unit_test(what_is_queued_stays_in_front),
        cmocka_unit_test(an_event_of_two_topics_comes_once),
        cmocka_unit_test(more_than_one_part_keeps_the_order),
        cmocka_unit_test(compressed_events_are_joined_too),
        cmocka_unit_test(those_who_leave_in_between_disturb_nobody),
        cmocka_unit_test(broken_sockets_end_while_the_others_get_it),
        cmocka_unit_test(what_a_socket_does_not_take_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
