// SPDX-License-Identifier: MIT
// Tests of watchdog.c. Each watched thread is a process of its own, for it does not live on.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "rowcast/clock.h"
#include "rowcast/watchdog.h"

#define LIMIT 40 // milliseconds
#define MILLISECOND 1000000LL

static const int EXPIRED = 70, FINE = 3;

static void expire(void *user, const void *call)
{
    (void)user;
    _exit(*(const int *)call);
}

static void work(int64_t milliseconds)
{
    int64_t end = clock_thread() + milliseconds * MILLISECOND;
    while (clock_thread() < end)
        ;
}

// What the process ends with that is watched while it does this. One that stops itself is gone on with.
static int end_of(void (*what)(struct watchdog *))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct watchdog *watchdog = watchdog_start(LIMIT, expire, NULL);
        what(watchdog);
        watchdog_stop(watchdog);
        _exit(FINE);
    }
    for (;;) {
        assert_int_equal(waitpid(child, &status, WUNTRACED), child);
        if (!WIFSTOPPED(status))
            break;
        usleep(5 * LIMIT * 1000);
        kill(child, SIGCONT);
    }
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void never_return(struct watchdog *watchdog)
{
    watchdog_enter(watchdog, &EXPIRED);
    for (;;)
        work(1000);
}

static void return_late(struct watchdog *watchdog)
{
    watchdog_enter(watchdog, &EXPIRED);
    work(10 * LIMIT);
    watchdog_leave(watchdog);
}

static void return_in_time(struct watchdog *watchdog)
{
    for (int i = 0; i < 200; i++) {
        watchdog_enter(watchdog, &EXPIRED);
        work(1);
        watchdog_leave(watchdog);
    }
    work(3 * LIMIT);
}

static void sleep_long(struct watchdog *watchdog)
{
    watchdog_enter(watchdog, &EXPIRED);
    usleep(5 * LIMIT * 1000);
    watchdog_leave(watchdog);
}

static void be_stopped(struct watchdog *watchdog)
{
    watchdog_enter(watchdog, &EXPIRED);
    raise(SIGSTOP);
    watchdog_leave(watchdog);
}

static void a_call_that_does_not_end_ends_the_process(void **state)
{
    (void)state;
    assert_int_equal(end_of(never_return), EXPIRED);
    assert_int_equal(end_of(return_late), EXPIRED);
}

static void other_calls_do_not(void **state)
{
    (void)state;
    assert_int_equal(end_of(return_in_time), FINE);
    assert_int_equal(end_of(sleep_long), FINE);
    assert_int_equal(end_of(be_stopped), FINE);
}

static void the_rule(void **state)
{
    (void)state;
    struct watchdog_look seen = {0};
    assert_false(watchdog_expires(&seen, 0, 100, 10)); // no call
    assert_false(watchdog_expires(&seen, 0, 200, 10));
    assert_false(watchdog_expires(&seen, 1, 300, 10)); // first seen: it may just have begun
    assert_false(watchdog_expires(&seen, 1, 309, 10));
    assert_true(watchdog_expires(&seen, 1, 310, 10));
    assert_false(watchdog_expires(&seen, 3, 400, 10)); // another one
    assert_false(watchdog_expires(&seen, 3, 409, 10));
    assert_false(watchdog_expires(&seen, 5, 420, 10));
    assert_false(watchdog_expires(&seen, 5, 420, 10)); // no time has passed for it
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rule),
        cmocka_unit_test(other_calls_do_not),
        cmocka_unit_test(a_call_that_does_not_end_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
