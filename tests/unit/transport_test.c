// SPDX-License-Identifier: MIT
// Tests of transport.c: one end of a pair of sockets, and a kernel that may be short of memory.
#include "rowcast/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "rowcast/memory.h"

#define TURNS 50

static bool short_of_memory;
static int tries;

// In place of the library's: a kernel that is short of memory calls sockets writable and takes nothing.
ssize_t send(int socket, const void *bytes, size_t size, int flags)
{
    tries++;
    errno = EAGAIN;
    return short_of_memory ? -1 : syscall(SYS_sendto, socket, bytes, size, flags, NULL, 0);
}

struct place {
    uv_loop_t loop;
    struct transport_pool pool;
    struct transport transport;
    int peer;
    size_t room, got; // bytes: at most at once; in all
    int writable;     // how often it was said
    bool ended, closed;
    char bytes[4096]; // to write
};

static struct place *place_of(struct transport *transport)
{
    return container_of(transport, struct place, transport);
}

static uv_buf_t on_room(struct transport *transport)
{
    static char bytes[4096];

    return uv_buf_init(bytes, (unsigned)place_of(transport)->room);
}

static void on_bytes(struct transport *transport, const char *bytes, size_t size)
{
    (void)bytes;
    place_of(transport)->got += size;
}

static void on_ended(struct transport *transport, int status)
{
    (void)status;
    place_of(transport)->ended = true;
}

static ssize_t put(struct place *place)
{
    uv_buf_t vector = uv_buf_init(place->bytes, sizeof place->bytes);

    return transport_write(&place->transport, &vector, 1);
}

static void on_writable(struct transport *transport)
{
    place_of(transport)->writable++;
    put(place_of(transport));
}

static void on_closed(struct transport *transport)
{
    place_of(transport)->closed = true;
}

static const struct transport_events events = {on_room, on_bytes, on_ended, on_writable, on_closed};

static void turn(struct place *place)
{
    for (int i = 0; i < TURNS; i++) {
        uv_run(&place->loop, UV_RUN_NOWAIT);
        transport_pool_settle(&place->pool);
    }
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    int sockets[2];

    short_of_memory = false;
    place->room = 4096;
    uv_loop_init(&place->loop);
    transport_pool_init(&place->pool, &place->loop, &events);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets) < 0)
        return -1;
    place->peer = sockets[1];
    *state = place;
    return transport_open(&place->transport, sockets[0], &place->pool);
}

static int tear_down(void **state)
{
    struct place *place = *state;

    transport_close(&place->transport, false);
    turn(place);
    transport_pool_close(&place->pool);
    turn(place);
    bool closed = place->closed;
    transport_pool_release(&place->pool);
    close(place->peer);
    int result = uv_loop_close(&place->loop);
    free(place);
    return closed ? result : -1;
}

static void fill(struct place *place)
{
    while (!transport_busy(&place->transport))
        put(place);
    turn(place);
    place->writable = 0;
}

static void say(struct place *place, size_t size)
{
    static const char bytes[1000];

    assert_int_equal(write(place->peer, bytes, size), size);
}

static void hear_all(struct place *place)
{
    char bytes[4096];

    while (read(place->peer, bytes, sizeof bytes) > 0)
        ;
}

static void what_comes_is_read_as_there_is_room(void **state)
{
    struct place *place = *state;

    place->room = 30;
    transport_read(&place->transport, true);
    say(place, 1000);
    turn(place);
    assert_int_equal(place->got, 1000);
}

static void who_waits_to_write_is_told_when_the_peer_reads(void **state)
{
    struct place *place = *state;

    fill(place);
    turn(place);
    assert_int_equal(place->writable, 0);
    hear_all(place);
    turn(place);
    assert_true(place->writable > 0);
}

static void all_is_read_while_nothing_can_be_written(void **state)
{
    struct place *place = *state;

    place->room = 30;
    transport_read(&place->transport, true);
    fill(place);
    say(place, 1000);
    turn(place);
    assert_int_equal(place->got, 1000);
    assert_int_equal(place->writable, 0);
}

static void what_was_left_is_read_when_it_may_be(void **state)
{
    struct place *place = *state;

    transport_read(&place->transport, true);
    fill(place);
    place->room = 0; // not now
    say(place, 1000);
    turn(place);
    assert_int_equal(place->got, 0);
    assert_false(transport_reads(&place->transport));
    place->room = 30;
    transport_read(&place->transport, true);
    turn(place);
    assert_int_equal(place->got, 1000);
}

static void the_peers_end_is_told_while_nothing_can_be_written(void **state)
{
    struct place *place = *state;

    transport_read(&place->transport, true);
    fill(place);
    say(place, 10);
    shutdown(place->peer, SHUT_WR);
    turn(place);
    assert_int_equal(place->got, 10);
    assert_true(place->ended);
}

static void a_kernel_short_of_memory_is_not_asked_all_the_time(void **state)
{
    struct place *place = *state;

    short_of_memory = true;
    assert_int_equal(put(place), 0);
    assert_true(transport_busy(&place->transport));
    tries = 0;
    turn(place);
    assert_in_range(tries, 0, 2);
    transport_try_again(&place->transport);
    turn(place);
    assert_in_range(tries, 1, 3);
    short_of_memory = false;
    transport_try_again(&place->transport);
    turn(place);
    assert_false(transport_busy(&place->transport));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_comes_is_read_as_there_is_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_waits_to_write_is_told_when_the_peer_reads, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(all_is_read_while_nothing_can_be_written, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_left_is_read_when_it_may_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_peers_end_is_told_while_nothing_can_be_written, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_kernel_short_of_memory_is_not_asked_all_the_time, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
