// SPDX-License-Identifier: MIT
// Tests of binding.c, on the machine's own loopback.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "rowcast/binding.h"

static const struct bindings_advice advice = {"another host", "another port"};

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;

    getsockopt(fd, level, name, &value, &size);
    return value;
}

static void a_free_port_is_chosen_for_all_addresses(void **state)
{
    struct bindings bindings;
    struct fault fault;

    (void)state;
    assert_int_equal(bindings_find(&bindings, NULL, 0, BINDINGS_ALONE, &advice, &fault), 0);
    assert_in_range(bindings.count, 1, 2);
    assert_in_range(bindings.port, 1024, 65535);
    int fd = bindings_listen(&bindings, 0, &fault);
    assert_true(fd >= 0);
    assert_true(option(fd, SOL_SOCKET, SO_SNDBUF) >= 128 << 10);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    int second = bindings_listen(&bindings, 0, &fault);
    assert_true(second >= 0); // they share it
    close(second);
    close(fd);
}

static void a_shared_port_is_taken_all_the_same(void **state)
{
    struct bindings first, second;
    struct fault fault;

    (void)state;
    assert_int_equal(bindings_find(&first, "127.0.0.1", 0, BINDINGS_ALONE, &advice, &fault), 0);
    int fd = bindings_listen(&first, 0, &fault);
    assert_true(fd >= 0);
    assert_int_equal(
        bindings_find(&second, "127.0.0.1", first.port, BINDINGS_ALONE, &advice, &fault), -1);
    assert_int_equal(fault.code, EXIT_UNAVAILABLE);
    assert_non_null(strstr(fault.text, "127.0.0.1"));
    assert_non_null(strstr(fault.text, "taken"));
    assert_non_null(strstr(fault.text, "or another port"));
    assert_int_equal(bindings_find(&second, NULL, first.port, BINDINGS_ALONE, &advice, &fault), -1);
    close(fd);
    assert_int_equal(
        bindings_find(&second, "127.0.0.1", first.port, BINDINGS_ALONE, &advice, &fault), 0);
}

static void who_takes_over_shares_a_port_that_is_shared(void **state)
{
    struct bindings first, second, third;
    struct fault fault;

    (void)state;
    assert_int_equal(bindings_find(&first, "127.0.0.1", 0, BINDINGS_ALONE, &advice, &fault), 0);
    int shared = bindings_listen(&first, 0, &fault);
    assert_int_equal(
        bindings_find(&second, "127.0.0.1", first.port, BINDINGS_SHARED, &advice, &fault), 0);
    int fd = bindings_listen(&second, 0, &fault);
    assert_true(shared >= 0 && fd >= 0);
    close(shared);
    close(fd);

    int alone = socket(AF_INET, SOCK_STREAM, 0); // as a program that knows nothing of sharing
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    assert_int_equal(bind(alone, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(alone, 1), 0);
    assert_int_equal(getsockname(alone, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(bindings_find(&third, "127.0.0.1", ntohs(address.sin_port), BINDINGS_SHARED,
                                   &advice, &fault),
                     -1);
    assert_non_null(strstr(fault.text, "taken"));
    close(alone);
}

static void names_are_looked_up(void **state)
{
    struct bindings bindings;
    struct fault fault;

    (void)state;
    assert_int_equal(bindings_find(&bindings, "localhost", 0, BINDINGS_ALONE, &advice, &fault), 0);
    assert_true(bindings.count > 0);
    assert_int_equal(bindings_find(&bindings, "no such host", 0, BINDINGS_ALONE, &advice, &fault),
                     -1);
    assert_int_equal(fault.code, EXIT_UNAVAILABLE);
    assert_non_null(strstr(fault.text, "no such host"));
}

static void an_address_of_others_is_refused(void **state)
{
    struct bindings bindings;
    struct fault fault;

    (void)state;
    assert_int_equal(bindings_find(&bindings, "192.0.2.1", 0, BINDINGS_ALONE, &advice, &fault), -1);
    assert_non_null(strstr(fault.text, "192.0.2.1"));
    assert_non_null(strstr(fault.text, "or another host"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_free_port_is_chosen_for_all_addresses),
        cmocka_unit_test(a_shared_port_is_taken_all_the_same),
        cmocka_unit_test(who_takes_over_shares_a_port_that_is_shared),
        cmocka_unit_test(names_are_looked_up),
        cmocka_unit_test(an_address_of_others_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
