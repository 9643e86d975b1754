// SPDX-License-Identifier: MIT
// Tests of core/app/address.c.
#include "rowcast/address.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *text, const char *host, int port)
{
    struct address address;
    assert_int_equal(address_parse(text, &address), 0);
    assert_false(address.off);
    assert_int_equal(address.every, *host == '\0');
    assert_string_equal(address.host, host);
    assert_int_equal(address.port, port);
}

static void an_address_is_a_host_and_a_port(void **state)
{
    (void)state;
    expect("127.0.0.1:4002", "127.0.0.1", 4002);
    expect("[::1]:4002", "::1", 4002);
    expect("localhost:0", "localhost", 0);
    expect("0.0.0.0:65535", "0.0.0.0", 65535);
}

static void a_part_may_be_left_out(void **state)
{
    (void)state;
    expect("4002", "127.0.0.1", 4002);
    expect("0", "127.0.0.1", 0);
    expect(":4002", "", 4002);
}

static void it_may_be_off(void **state)
{
    (void)state;
    struct address address;
    assert_int_equal(address_parse("off", &address), 0);
    assert_true(address.off);
}

static void what_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",         "on",        "localhost",     ":",       "127.0.0.1:", "127.0.0.1:65536",
        "::1:4002", "[::1]4002", "[::1",          "[]:4002", "a b:4002",   "127.0.0.1:-1",
        "-1",       "4002 ",     "127.0.0.1:4oo", "[::1]:",  "host:1:2",
    };
    struct address address;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (address_parse(texts[i], &address) != -EINVAL)
            fail_msg("'%s' was taken", texts[i]);
}

static void a_host_is_bounded(void **state)
{
    (void)state;
    char text[ADDRESS_HOST_SIZE + 8];
    struct address address;
    memset(text, 'a', sizeof text);
    strcpy(text + ADDRESS_HOST_SIZE - 1, ":1");
    assert_int_equal(address_parse(text, &address), 0);
    memset(text, 'a', sizeof text);
    strcpy(text + ADDRESS_HOST_SIZE, ":1");
    assert_int_equal(address_parse(text, &address), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_a_host_and_a_port),
        cmocka_unit_test(a_part_may_be_left_out),
        cmocka_unit_test(it_may_be_off),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(a_host_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
