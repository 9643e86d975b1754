// SPDX-License-Identifier: MIT
// Tests of upgrade.c. The letters and numbers are rows of the list of hostile input.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/upgrade.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define MAXIMUM (64u << 10)

struct parts {
    const char *version, *upgrade, *connection, *key, *number, *more; // NULL: as they should be
};

static void read_request(const char *text, struct http_request *request)
{
    struct http_scan scan = {0};

    assert_int_equal(http_read(&scan, text, strlen(text), MAXIMUM, request), HTTP_COMPLETE);
}

static int check(struct parts parts)
{
    static char text[4096];
    struct http_request request;

    snprintf(text, sizeof text, "GET / HTTP/1.%s\r\nHost: h\r\n%s%s%s%s%s\r\n",
             parts.version ? parts.version : "1",
             parts.upgrade ? parts.upgrade : "Upgrade: websocket\r\n",
             parts.connection ? parts.connection : "Connection: Upgrade\r\n",
             parts.key ? parts.key : "Sec-WebSocket-Key: " KEY "\r\n",
             parts.number ? parts.number : "Sec-WebSocket-Version: 13\r\n",
             parts.more ? parts.more : "");
    read_request(text, &request);
    return upgrade_check(&request);
}

static void a_handshake_is_one(void **state)
{
    (void)state;
    assert_int_equal(check((struct parts){0}), 101);
    assert_int_equal(check((struct parts){.upgrade = "uPGRADE: WEBSOCKET\r\n"}), 101);      // A8
    assert_int_equal(check((struct parts){.upgrade = "Upgrade: h2c, websocket\r\n"}), 101); // A7
    assert_int_equal(check((struct parts){.connection = "Connection: keep-alive, Upgrade\r\n"}),
                     101); // A10
}

static void what_is_none_is_told_how(void **state)
{
    (void)state;
    assert_int_equal(check((struct parts){.version = "0"}), 426);                        // A2
    assert_int_equal(check((struct parts){.upgrade = ""}), 426);                         // A6
    assert_int_equal(check((struct parts){.upgrade = "Upgrade: h2c\r\n"}), 426);         // A6
    assert_int_equal(check((struct parts){.upgrade = "Upgrade: xwebsockety\r\n"}), 426); // A9
    assert_int_equal(check((struct parts){.connection = ""}), 426);                      // A11
    assert_int_equal(check((struct parts){.connection = "Connection: close\r\n"}), 426); // A11
}

static void versions(void **state) // A15, A16
{
    static const char *const others[] = {
        "", "Sec-WebSocket-Version: 8\r\n", "Sec-WebSocket-Version: 14\r\n",
        "Sec-WebSocket-Version: 013\r\n", "Sec-WebSocket-Version: 13, 8\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(check((struct parts){.number = others[i]}), 426);
    assert_int_equal(check((struct parts){
                         .number = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8\r\n"}),
                     400);
}

static void keys(void **state) // A12, A13, A14
{
    static const char *const bad[] = {
        "",
        "Sec-WebSocket-Key:\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n",     // 15 bytes
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZXM=\r\n", // 17 bytes
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n",   // no padding
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=a\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ-==\r\n", // another alphabet
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==x\r\n",
        "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Key: " KEY "\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(check((struct parts){.key = bad[i]}), 400);
}

static void two_origins_are_refused(void **state) // E1
{
    (void)state;
    assert_int_equal(check((struct parts){.more = "Origin: a\r\nOrigin: b\r\n"}), 400);
}

// ---- subprotocols ----

static const char *const known[] = {"graphql-ws", "mqtt", NULL};

static const char *agree(const char *lines)
{
    static char text[MAXIMUM];
    struct http_request request;

    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n", lines);
    read_request(text, &request);
    return upgrade_protocol(&request, known);
}

static void the_first_offer_we_know_wins(void **state) // B8
{
    (void)state;
    assert_ptr_equal(agree("Sec-WebSocket-Protocol: mqtt\r\n"), known[1]);
    assert_ptr_equal(agree("Sec-WebSocket-Protocol: x, mqtt,graphql-ws\r\n"), known[1]);
    assert_ptr_equal(agree("Sec-WebSocket-Protocol: x\r\nSec-WebSocket-Protocol: graphql-ws\r\n"),
                     known[0]);
    assert_ptr_equal(agree("Sec-WebSocket-Protocol: a,,mqtt\r\n"), known[1]);
    assert_null(agree(""));
    assert_null(agree("Sec-WebSocket-Protocol: MQTT\r\n"));
    assert_null(agree("Sec-WebSocket-Protocol: mqtt5\r\n"));
    assert_null(agree("Sec-WebSocket-Protocol: \"mqtt\"\r\n"));
}

static bool may_come(const char *headers)
{
    static const char *const origins[] = {"https://good.com", "http://localhost:3000", NULL};
    struct http_request request;

    char text[512];

    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n", headers);
    read_request(text, &request);
    return upgrade_origin_allowed(&request, origins);
}

static void only_listed_origins_may_come(void **state) // E1
{
    static const char *const foreign[] = {"https://evil.com",
                                          "https://good.com.evil.net",
                                          "https://evilgood.com",
                                          "http://good.com",
                                          "https://good.com:8443",
                                          "null",
                                          "https://good.com/",
                                          "https://evil.com/.good.com",
                                          "",
                                          "https://good.com, https://good.com"};
    char line[128];

    (void)state;
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        snprintf(line, sizeof line, "Origin: %s\r\n", foreign[i]);
        assert_false(may_come(line));
    }
    assert_true(may_come("Origin: https://good.com\r\n"));
    assert_true(may_come("Origin: http://localhost:3000\r\n"));
    assert_true(may_come("")); // E2: no page
    assert_false(may_come("Origin: https://good.com\r\nOrigin: https://good.com\r\n"));
}

static void origins_are_what_browsers_send(void **state)
{
    (void)state;
    assert_true(upgrade_is_origin("https://example.com"));
    assert_true(upgrade_is_origin("http://[::1]:3000"));
    assert_true(upgrade_is_origin("null"));
    assert_false(upgrade_is_origin("example.com"));
    assert_false(upgrade_is_origin("https://example.com/"));
    assert_false(upgrade_is_origin("https://*.example.com"));
    assert_false(upgrade_is_origin("https://"));
    assert_false(upgrade_is_origin("*"));
}

static void long_offers_take_linear_time(void **state) // B7, B8
{
    static char line[MAXIMUM - 100];

    (void)state;
    int size = sprintf(line, "Sec-WebSocket-Protocol: b");
    memset(line + size, ' ', 14000);
    strcpy(line + size + 14000, "x\r\n");
    assert_null(agree(line));
    size = sprintf(line, "Sec-WebSocket-Protocol: ");
    for (int i = 0; i < 10000; i++)
        size += sprintf(line + size, "a,");
    strcpy(line + size, "mqtt\r\n");
    assert_ptr_equal(agree(line), known[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_is_one),
        cmocka_unit_test(what_is_none_is_told_how),
        cmocka_unit_test(versions),
        cmocka_unit_test(keys),
        cmocka_unit_test(two_origins_are_refused),
        cmocka_unit_test(the_first_offer_we_know_wins),
        cmocka_unit_test(only_listed_origins_may_come),
        cmocka_unit_test(origins_are_what_browsers_send),
        cmocka_unit_test(long_offers_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
