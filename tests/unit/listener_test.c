// SPDX-License-Identifier: MIT
// Tests of listener.c: accepting, and what happens without descriptors.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <uv.h>

#include "rowcast/binding.h"
#include "rowcast/listener.h"

enum { MANY = 64 };

static const struct bindings_advice advice = {"", ""};

struct house {
    uv_loop_t loop;
    struct bindings bindings;
    struct listener *listener;
    int accepted[MANY], count;
};

static void on_accepted(void *user, int socket)
{
    struct house *house = user;

    assert_true(house->count < MANY);
    house->accepted[house->count++] = socket;
}

static int set_up(void **state)
{
    struct house *house = calloc(1, sizeof *house);
    struct fault fault;

    uv_loop_init(&house->loop);
    assert_int_equal(
        bindings_find(&house->bindings, "127.0.0.1", 0, BINDINGS_ALONE, &advice, &fault), 0);
    house->listener = listener_new(&house->loop, bindings_listen(&house->bindings, 0, &fault),
                                   on_accepted, house);
    *state = house;
    return 0;
}

static int tear_down(void **state)
{
    struct house *house = *state;

    listener_close(house->listener);
    uv_run(&house->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&house->loop), 0);
    while (house->count > 0)
        close(house->accepted[--house->count]);
    free(house);
    return 0;
}

static int call(const struct house *house)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct binding *binding = &house->bindings.list[0];

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&binding->address, binding->size), 0);
    return fd;
}

static void turn(struct house *house)
{
    for (int i = 0; i < 20; i++) {
        uv_run(&house->loop, UV_RUN_NOWAIT);
        usleep(500);
    }
}

static void callers_are_let_in(void **state)
{
    struct house *house = *state;
    int a = call(house), b = call(house);

    turn(house);
    assert_int_equal(house->count, 2);
    assert_true(fcntl(house->accepted[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(house->accepted[0], F_GETFD) & FD_CLOEXEC);
    close(a);
    close(b);
}

static void who_waits_at_the_end_is_let_in(void **state)
{
    struct house *house = *state;
    int a = call(house), b = call(house);

    listener_close(house->listener);
    assert_int_equal(house->count, 2);
    house->listener = listener_new(&house->loop, socket(AF_INET, SOCK_STREAM, 0), on_accepted,
                                   house); // for the teardown
    close(a);
    close(b);
}

// Leaves the process `free` descriptors.
static void limit_descriptors(rlim_t free_ones)
{
    struct rlimit limit;
    int next = dup(0);

    close(next);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = (rlim_t)next + free_ones;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void unlimit_descriptors(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void without_descriptors_callers_are_turned_away(void **state) // D13
{
    struct house *house = *state;
    int callers[10];
    char byte;

    for (int i = 0; i < 10; i++)
        callers[i] = call(house);
    limit_descriptors(4);
    turn(house);
    assert_int_equal(house->count, 4);
    for (int i = 4; i < 10; i++)
        assert_true(read(callers[i], &byte, 1) <= 0); // closed or reset
    clock_t before = clock();
    for (int i = 0; i < 20; i++)
        turn(house);
    assert_true(clock() - before < CLOCKS_PER_SEC / 4); // the loop does not spin
    unlimit_descriptors();
    int late = call(house);
    turn(house);
    assert_int_equal(house->count, 5);
    for (int i = 0; i < 10; i++)
        close(callers[i]);
    close(late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(callers_are_let_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_waits_at_the_end_is_let_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_descriptors_callers_are_turned_away, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
