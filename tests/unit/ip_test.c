// SPDX-License-Identifier: MIT
// Tests of core/net/ip.c: what an address is, what is in a network, and who is behind a proxy.
#include "rowcast/ip.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct http_text text_of(const char *text)
{
    return (struct http_text){text, strlen(text)};
}

static void assert_reads(const char *text, const char *expected)
{
    struct ip address;
    char seen[IP_TEXT_SIZE];

    assert_int_equal(ip_parse(text_of(text), &address), 0);
    ip_text(&address, seen);
    assert_string_equal(seen, expected);
}

static void reads_addresses(void **state)
{
    struct ip address;
    static const char *const wrong[] = {
        "",
        "unknown",
        "1.2.3",
        "1.2.3.256",
        "1.2.3.4:",
        "1.2.3.4:x",
        "[::1",
        "[::1]x",
        "[::1]:",
        "_hidden",
        "1.2.3.4.5.6",
        "1.2.3.4 ",
        "1.2.3.4,",
        ":::",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee"};

    (void)state;
    assert_reads("192.0.2.1", "192.0.2.1");
    assert_reads("192.0.2.1:8080", "192.0.2.1");
    assert_reads("2001:DB8::1", "2001:db8::1");
    assert_reads("[2001:db8::1]", "2001:db8::1");
    assert_reads("[2001:db8::1]:443", "2001:db8::1");
    assert_reads("::ffff:192.0.2.1", "192.0.2.1"); // one way to write each
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(ip_parse(text_of(wrong[i]), &address), -EINVAL);
    assert_int_equal(ip_parse((struct http_text){"1.2.3.4\0x", 9}, &address), -EINVAL);
}

static bool has(const char *network_text, const char *address_text)
{
    struct network network;
    struct ip address;

    assert_int_equal(network_parse(network_text, &network), 0);
    assert_int_equal(ip_parse(text_of(address_text), &address), 0);
    return network_has(&network, &address);
}

static void networks_have_what_begins_alike(void **state)
{
    (void)state;
    assert_true(has("10.0.0.0/8", "10.255.0.1"));
    assert_false(has("10.0.0.0/8", "11.0.0.1"));
    assert_true(has("192.0.2.128/25", "192.0.2.200"));
    assert_false(has("192.0.2.128/25", "192.0.2.100"));
    assert_true(has("0.0.0.0/0", "203.0.113.9"));
    assert_false(has("0.0.0.0/0", "2001:db8::1"));
    assert_true(has("::/0", "203.0.113.9"));
    assert_true(has("fd00::/8", "fdab::1"));
    assert_true(has("127.0.0.1", "127.0.0.1"));
    assert_false(has("127.0.0.1", "127.0.0.2"));
    assert_true(has("::1", "::1"));
}

static void networks_are_written_exactly(void **state)
{
    struct network network;
    static const char *const wrong[] = {
        "",           "10.0.0.0/33", "10.0.0.0/",   "10.0.0.0/x",  "10.0.0.1/8",
        "fd00::/129", "proxy",       "10.0.0.0/-1", "10.0.0.0/8 ", "10.0/8"};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(network_parse(wrong[i], &network), -EINVAL);
}

// The peer 10.0.0.1 sends these lines, behind the trusted 10.0.0.0/8.
static void assert_forwarded(const char *first, const char *second, const char *expected)
{
    static struct http_request request;
    struct network trusted[2];
    struct ip address;
    char seen[IP_TEXT_SIZE];

    network_parse("10.0.0.0/8", &trusted[0]);
    network_parse("fd00::/8", &trusted[1]);
    request.header_count = 0;
    request.headers[request.header_count++] = (struct http_header){text_of("Host"), text_of("x")};
    if (first != NULL)
        request.headers[request.header_count++] =
            (struct http_header){text_of("x-forwarded-for"), text_of(first)};
    if (second != NULL)
        request.headers[request.header_count++] =
            (struct http_header){text_of("X-Forwarded-For"), text_of(second)};
    ip_parse(text_of("10.0.0.1"), &address);
    ip_forwarded(&request, trusted, 2, &address);
    ip_text(&address, seen);
    assert_string_equal(seen, expected);
}

static void the_right_most_untrusted_one_counts(void **state)
{
    (void)state;
    assert_forwarded(NULL, NULL, "10.0.0.1");
    assert_forwarded("203.0.113.9", NULL, "203.0.113.9");
    assert_forwarded("6.6.6.6, 203.0.113.9", NULL, "203.0.113.9"); // what the client claims itself
    assert_forwarded("6.6.6.6,203.0.113.9 ,\t10.0.0.7", NULL, "203.0.113.9");
    assert_forwarded("6.6.6.6", "203.0.113.9, fd00::5", "203.0.113.9");
    assert_forwarded("203.0.113.9", "10.0.0.9", "203.0.113.9");
    assert_forwarded("10.0.0.8, 10.0.0.9", NULL, "10.0.0.8");
    assert_forwarded("[2001:db8::7]:1234", NULL, "2001:db8::7");
}

static void what_is_no_address_ends_the_search(void **state)
{
    (void)state;
    assert_forwarded("", NULL, "10.0.0.1");
    assert_forwarded("unknown", NULL, "10.0.0.1");
    assert_forwarded("6.6.6.6, unknown, 10.0.0.7", NULL, "10.0.0.7");
    assert_forwarded("6.6.6.6,", NULL, "10.0.0.1");
}

static void who_is_not_trusted_is_not_believed(void **state)
{
    struct http_request request = {.header_count = 1,
                                   .headers = {{text_of("X-Forwarded-For"), text_of("6.6.6.6")}}};
    struct ip address;
    char seen[IP_TEXT_SIZE];

    (void)state;
    ip_parse(text_of("203.0.113.1"), &address);
    ip_forwarded(&request, NULL, 0, &address);
    ip_text(&address, seen);
    assert_string_equal(seen, "203.0.113.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_addresses),
        cmocka_unit_test(networks_have_what_begins_alike),
        cmocka_unit_test(networks_are_written_exactly),
        cmocka_unit_test(the_right_most_untrusted_one_counts),
        cmocka_unit_test(what_is_no_address_ends_the_search),
        cmocka_unit_test(who_is_not_trusted_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
