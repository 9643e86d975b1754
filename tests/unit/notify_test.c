// SPDX-License-Identifier: MIT
// Tests of core/app/notify.c against a real socket: what the service manager gets.
#include "rowcast/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct manager {
    int fd;
    char text[1024]; // the last datagram
};

static void listen_at(struct manager *manager, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = offsetof(struct sockaddr_un, sun_path) + strlen(name);
    memcpy(address.sun_path, name, strlen(name));
    if (*name == '@')
        address.sun_path[0] = '\0';
    manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_true(manager->fd >= 0);
    assert_int_equal(bind(manager->fd, (struct sockaddr *)&address, (socklen_t)size), 0);
    setenv("NOTIFY_SOCKET", name, 1);
}

// The next datagram, "" where there is none.
static const char *told(struct manager *manager)
{
    ssize_t size = recv(manager->fd, manager->text, sizeof manager->text - 1, 0);
    manager->text[size > 0 ? size : 0] = '\0';
    return manager->text;
}

static int forget(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return 0;
}

static void plays_a_life(struct manager *manager)
{
    struct notify notify;
    notify_init(&notify);
    notify_ready(&notify);
    assert_string_equal(told(manager), "READY=1\n");
    notify_status(&notify, "ready\n3 clients");
    assert_string_equal(told(manager), "STATUS=ready 3 clients\n");
    notify_status(&notify, "ready\n3 clients");
    assert_string_equal(told(manager), "");
    notify_reloading(&notify);
    assert_memory_equal(told(manager), "RELOADING=1\nMONOTONIC_USEC=", 27);
    assert_true(atoll(manager->text + 27) > 0);
    notify_alive(&notify);
    assert_string_equal(told(manager), "WATCHDOG=1\n");
    notify_stopping(&notify);
    assert_string_equal(told(manager), "STOPPING=1\n");
    notify_release(&notify);
}

static void a_path_is_told(void **state)
{
    struct manager manager;
    char folder[] = "/tmp/rowcast-notify-XXXXXX", name[64];
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(name, sizeof name, "%s/socket", folder);
    listen_at(&manager, name);
    plays_a_life(&manager);
    close(manager.fd);
    unlink(name);
    rmdir(folder);
}

static void an_abstract_name_is_told(void **state)
{
    struct manager manager;
    char name[64];
    (void)state;
    snprintf(name, sizeof name, "@rowcast-notify-%d", (int)getpid());
    listen_at(&manager, name);
    plays_a_life(&manager);
    close(manager.fd);
}

static int64_t watched(const char *time, const char *pid)
{
    struct notify notify;
    setenv("NOTIFY_SOCKET", "@nobody", 1);
    setenv("WATCHDOG_USEC", time, 1);
    if (pid)
        setenv("WATCHDOG_PID", pid, 1);
    else
        unsetenv("WATCHDOG_PID");
    notify_init(&notify);
    int64_t watchdog = notify.watchdog;
    notify_release(&notify);
    return watchdog;
}

static void the_watchdog_is_for_the_process_it_names(void **state)
{
    char own[16];
    (void)state;
    snprintf(own, sizeof own, "%d", (int)getpid());
    assert_int_equal(watched("60000000", NULL), 60000);
    assert_int_equal(watched("60000000", own), 60000);
    assert_int_equal(watched("60000000", "1"), 0);
    assert_int_equal(watched("soon", NULL), 0);
    assert_int_equal(watched("-5", NULL), 0);
}

static void without_a_manager_nothing_happens(void **state)
{
    struct notify notify;
    char name[300];
    (void)state;
    notify_init(&notify);
    assert_int_equal(notify.fd, -1);
    notify_ready(&notify);
    notify_status(&notify, "ready");
    notify_release(&notify);
    memset(name, 'x', sizeof name);
    name[0] = '/';
    name[sizeof name - 1] = '\0';
    setenv("NOTIFY_SOCKET", name, 1);
    notify_init(&notify);
    assert_int_equal(notify.fd, -1);
    setenv("NOTIFY_SOCKET", "vsock:2:1", 1);
    notify_init(&notify);
    assert_int_equal(notify.fd, -1);
}

// A manager that does not read fills its queue; the router goes on.
static void a_full_queue_does_not_block(void **state)
{
    struct manager manager;
    struct notify notify;
    char name[64];
    (void)state;
    snprintf(name, sizeof name, "@rowcast-full-%d", (int)getpid());
    listen_at(&manager, name);
    notify_init(&notify);
    for (int i = 0; i < 5000; i++)
        notify_alive(&notify);
    notify_status(&notify, "lost");
    while (*told(&manager))
        assert_string_equal(manager.text, "WATCHDOG=1\n");
    notify_status(&notify, "lost");
    assert_string_equal(told(&manager), "STATUS=lost\n");
    notify_release(&notify);
    close(manager.fd);
}

#define TEST(function) cmocka_unit_test_teardown(function, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_path_is_told),
        TEST(an_abstract_name_is_told),
        TEST(the_watchdog_is_for_the_process_it_names),
        TEST(without_a_manager_nothing_happens),
        TEST(a_full_queue_does_not_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
