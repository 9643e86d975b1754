// SPDX-License-Identifier: MIT
// Tests of core/base/outlet.c, with real pipes and sockets that nobody reads for a while.
#include "rowcast/outlet.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LINES 2000
#define LINE_SIZE 1000 // all of them are more than a pipe and the outlet hold

static struct outlet outlet;
static int ends[2]; // read here, written there
static char got[4 << 20];

static void open_pipe(void)
{
    outlet = (struct outlet){0};
    assert_int_equal(pipe(ends), 0);
}

static void close_all(void)
{
    outlet_release(&outlet);
    close(ends[0]);
    close(ends[1]);
}

static void write_line(int number)
{
    char line[LINE_SIZE + 1];
    memset(line, '.', sizeof line);
    line[snprintf(line, sizeof line, "%06d", number)] = '.';
    line[LINE_SIZE - 1] = '\n';
    outlet_write(&outlet, ends[1], line, LINE_SIZE);
}

// What comes while the outlet is flushed, until nothing waits any more.
static size_t read_all(void)
{
    size_t size = 0;
    do {
        ssize_t part = recv(ends[0], got + size, sizeof got - size, MSG_DONTWAIT);
        if (part < 0)
            part = read(ends[0], got + size, 4096);
        assert_true(part > 0);
        size += (size_t)part;
        outlet_flush(&outlet, ends[1]);
    } while (outlet.waiting.size > 0);
    close(ends[1]);
    for (ssize_t part; (part = read(ends[0], got + size, sizeof got - size)) > 0;)
        size += (size_t)part;
    return size;
}

// The first lines, whole, in their order, and the others counted.
static void nothing_waits_and_nothing_is_cut(void)
{
    for (int i = 0; i < LINES; i++)
        write_line(i);
    assert_true(outlet.waiting.size <= OUTLET_MAX_WAITING);
    uint64_t lost = outlet.lost;
    assert_in_range(lost, 1, LINES - 1);
    assert_int_equal(outlet_lost(&outlet), 0); // not while something waits
    size_t size = read_all();
    assert_int_equal(outlet_lost(&outlet), lost);
    assert_int_equal(outlet_lost(&outlet), 0);
    assert_int_equal(size, (LINES - lost) * LINE_SIZE);
    for (size_t i = 0; i < LINES - lost; i++) {
        assert_int_equal(strtol(got + i * LINE_SIZE, NULL, 10), i);
        assert_int_equal(got[(i + 1) * LINE_SIZE - 1], '\n');
    }
    close_all();
}

static void a_full_pipe_stops_nobody(void **state)
{
    (void)state;
    open_pipe();
    nothing_waits_and_nothing_is_cut();
}

static void nor_does_a_full_socket(void **state)
{
    (void)state;
    outlet = (struct outlet){0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    nothing_waits_and_nothing_is_cut();
}

static void a_pipe_without_a_reader_costs_nothing(void **state)
{
    (void)state;
    open_pipe();
    close(ends[0]);
    for (int i = 0; i < LINES; i++)
        write_line(i);
    assert_int_equal(outlet.waiting.size, 0);
    close_all();
}

static void draining_ends_although_nobody_reads(void **state)
{
    (void)state;
    open_pipe();
    for (int i = 0; i < 100; i++)
        write_line(i);
    size_t waiting = outlet.waiting.size;
    assert_true(waiting > 0);
    outlet_drain(&outlet, ends[1], 20);
    assert_int_equal(outlet.waiting.size, waiting);
    close_all();
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_pipe_stops_nobody),
        cmocka_unit_test(nor_does_a_full_socket),
        cmocka_unit_test(a_pipe_without_a_reader_costs_nothing),
        cmocka_unit_test(draining_ends_although_nobody_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
