// SPDX-License-Identifier: MIT
// Tests of core/net/quota.c: who may come in, and when again.
#include "rowcast/quota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct ip at(const char *text)
{
    struct ip address;

    assert_int_equal(ip_parse((struct http_text){text, strlen(text)}, &address), 0);
    return address;
}

static bool enter(struct quota *quota, const char *text)
{
    struct ip address = at(text);

    return quota_enter(quota, &address);
}

static void leave(struct quota *quota, const char *text)
{
    struct ip address = at(text);

    quota_leave(quota, &address);
}

static void each_address_has_its_own(void **state)
{
    struct quota quota;

    (void)state;
    quota_init(&quota, 2);
    assert_true(enter(&quota, "192.0.2.1"));
    assert_true(enter(&quota, "192.0.2.1"));
    assert_false(enter(&quota, "192.0.2.1"));
    assert_true(enter(&quota, "192.0.2.2"));
    leave(&quota, "192.0.2.1");
    assert_true(enter(&quota, "192.0.2.1"));
    assert_false(enter(&quota, "192.0.2.1"));
    quota_release(&quota);
}

static void a_network_of_ipv6_is_one(void **state)
{
    struct quota quota;

    (void)state;
    quota_init(&quota, 1);
    assert_true(enter(&quota, "2001:db8::1"));
    assert_false(enter(&quota, "2001:db8::ffff"));
    assert_true(enter(&quota, "2001:db8:0:1::1"));
    quota_release(&quota);
}

static void who_has_gone_takes_no_memory(void **state)
{
    struct quota quota;

    (void)state;
    quota_init(&quota, 1);
    assert_true(enter(&quota, "192.0.2.1"));
    leave(&quota, "192.0.2.1");
    assert_int_equal(quota.counts.count, 0);
    quota_release(&quota);
}

static void without_a_maximum_everybody_enters(void **state)
{
    struct quota quota;

    (void)state;
    quota_init(&quota, 0);
    for (int i = 0; i < 100; i++)
        assert_true(enter(&quota, "192.0.2.1"));
    leave(&quota, "192.0.2.1");
    assert_int_equal(quota.counts.count, 0);
    quota_release(&quota);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_address_has_its_own),
        cmocka_unit_test(a_network_of_ipv6_is_one),
        cmocka_unit_test(who_has_gone_takes_no_memory),
        cmocka_unit_test(without_a_maximum_everybody_enters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
