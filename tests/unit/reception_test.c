// SPDX-License-Identifier: MIT
// Tests of reception.c and answer.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/answer.h"
#include "rowcast/reception.h"

#define HANDSHAKE                                                                                  \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"                   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static const char *const paths[] = {"/", "/ws", NULL};
static const char *const protocols[] = {"mqtt", NULL};

static int set_up(void **state)
{
    static const struct reception_config config = {.paths = paths, .protocols = protocols};

    *state = calloc(1, sizeof(struct reception));
    reception_init(*state, &config);
    return 0;
}

static int tear_down(void **state)
{
    reception_release(*state);
    free(*state);
    return 0;
}

// 192.0.2.1
static const struct ip peer = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}};

static struct verdict receive(const struct reception *reception, const char *target,
                              const char *headers)
{
    char text[2048];
    struct http_scan scan = {0};
    struct http_request request;

    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n", target, headers);
    assert_int_equal(http_read(&scan, text, strlen(text), sizeof text, &request), HTTP_COMPLETE);
    return reception_receive(reception, &request, &peer);
}

static bool starts_with(const struct frame *frame, const char *text)
{
    return frame->size >= strlen(text) && memcmp(frame->bytes, text, strlen(text)) == 0;
}

static bool has(const struct frame *frame, const char *text)
{
    return memmem(frame->bytes, frame->size, text, strlen(text)) != NULL;
}

static void assert_answer(struct verdict verdict, const char *status_line, const char *part)
{
    assert_null(verdict.handshake);
    assert_true(starts_with(verdict.answer, status_line));
    assert_true(has(verdict.answer, part));
    assert_true(has(verdict.answer, "close\r\n"));
    frame_unref(verdict.answer);
}

static void a_handshake_is_accepted(void **state)
{
    struct verdict verdict =
        receive(*state, "/ws?token=x",
                HANDSHAKE "Sec-WebSocket-Protocol: x, mqtt\r\nCookie: a=b\r\nUser-Agent: me\r\n"
                          "Origin: http://h\r\n");

    assert_true(starts_with(verdict.answer, "HTTP/1.1 101 Switching Protocols\r\n"));
    assert_true(has(verdict.answer, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"));
    assert_true(has(verdict.answer, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_true(has(verdict.answer, "\r\nSec-WebSocket-Protocol: mqtt\r\n"));
    assert_memory_equal(verdict.answer->bytes + verdict.answer->size - 4, "\r\n\r\n", 4);
    assert_string_equal(verdict.handshake->address, "192.0.2.1");
    assert_string_equal(verdict.handshake->path, "/ws");
    assert_string_equal(verdict.handshake->query, "token=x");
    assert_string_equal(verdict.handshake->protocol, "mqtt");
    assert_string_equal(verdict.handshake->cookie, "a=b");
    assert_string_equal(verdict.handshake->user_agent, "me");
    assert_string_equal(verdict.handshake->origin, "http://h");
    frame_unref(verdict.answer);
    free(verdict.handshake);
}

static void what_is_absent_is_null(void **state)
{
    struct verdict verdict = receive(*state, "/", HANDSHAKE);

    assert_false(has(verdict.answer, "Sec-WebSocket-Protocol"));
    assert_null(verdict.handshake->query);
    assert_null(verdict.handshake->protocol);
    assert_null(verdict.handshake->cookie);
    assert_null(verdict.handshake->user_agent);
    assert_null(verdict.handshake->origin);
    frame_unref(verdict.answer);
    free(verdict.handshake);
}

static void refusals(void **state)
{
    struct verdict verdict = receive(*state, "/ws", "");

    assert_true(has(verdict.answer, "\r\nUpgrade: websocket\r\n"));
    assert_true(has(verdict.answer, "\r\nSec-WebSocket-Version: 13\r\n"));
    assert_true(has(verdict.answer, "\r\nConnection: Upgrade, close\r\n"));
    assert_answer(verdict, "HTTP/1.1 426 Upgrade Required\r\n", "with ws:// or wss://");
    assert_answer(receive(*state, "/nope", HANDSHAKE), "HTTP/1.1 404 Not Found\r\n", "");
    assert_answer(receive(*state, "/ws/", HANDSHAKE), "HTTP/1.1 404 Not Found\r\n", "");
    assert_answer(receive(*state, "/", HANDSHAKE "Sec-WebSocket-Key: x\r\n"),
                  "HTTP/1.1 400 Bad Request\r\n", "");
}

// With a list of origins, behind the proxies of 192.0.2.0/24.
static struct verdict receive_guarded(const char *headers)
{
    static const char *const origins[] = {"https://good.com", NULL};
    struct network proxies;
    struct reception reception;

    assert_int_equal(network_parse("192.0.2.0/24", &proxies), 0);
    const struct reception_config config = {.paths = paths,
                                            .protocols = protocols,
                                            .origins = origins,
                                            .trusted = &proxies,
                                            .trusted_count = 1};
    reception_init(&reception, &config);
    struct verdict verdict = receive(&reception, "/", headers);
    reception_release(&reception);
    return verdict;
}

static void foreign_pages_are_refused(void **state) // E1
{
    (void)state;
    assert_answer(receive_guarded(HANDSHAKE "Origin: https://evil.com\r\n"),
                  "HTTP/1.1 403 Forbidden\r\n", "'origins'");
    struct verdict verdict = receive_guarded(HANDSHAKE "Origin: https://good.com\r\n");
    assert_string_equal(verdict.handshake->origin, "https://good.com");
    frame_unref(verdict.answer);
    free(verdict.handshake);
}

static void whom_a_trusted_proxy_names_is_the_client(void **state)
{
    struct verdict verdict = receive_guarded(HANDSHAKE "X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\n");
    char text[IP_TEXT_SIZE];

    (void)state;
    assert_string_equal(verdict.handshake->address, "203.0.113.9");
    ip_text(&verdict.address, text);
    assert_string_equal(text, "203.0.113.9");
    frame_unref(verdict.answer);
    free(verdict.handshake);
}

static void the_health_is_told(void **state)
{
    assert_answer(receive(*state, "/health", ""), "HTTP/1.1 200 OK\r\n", "\"status\":\"ok\"");
    assert_answer(receive(*state, "/ready?x", ""), "HTTP/1.1 503 ", "\"status\":\"starting\"");
    reception_set_health(*state, answer_json(200, "{\"a\":1}"));
    reception_set_ready(*state, answer_json(200, "{\"b\":2}"));
    assert_answer(receive(*state, "/health", ""), "HTTP/1.1 200 OK\r\n", "\r\n\r\n{\"a\":1}");
    assert_answer(receive(*state, "/ready", ""), "HTTP/1.1 200 OK\r\n", "\r\n\r\n{\"b\":2}");
}

static void unknown_statuses_are_internal_errors(void **state)
{
    struct frame *frame = answer_refusal(418);

    (void)state;
    assert_true(starts_with(frame, "HTTP/1.1 500 Internal Server Error\r\n"));
    frame_unref(frame);
    frame = answer_refusal(405);
    assert_true(has(frame, "\r\nAllow: GET, HEAD\r\n"));
    frame_unref(frame);
}

static void an_answer_may_lose_its_body(void **state)
{
    struct frame *frame = answer_without_body(answer_text(404, "gone"));

    (void)state;
    assert_true(has(frame, "\r\nContent-Length: 4\r\n"));
    assert_memory_equal(frame->bytes + frame->size - 4, "\r\n\r\n", 4);
    frame_unref(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_handshake_is_accepted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_absent_is_null, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals, set_up, tear_down),
        cmocka_unit_test(foreign_pages_are_refused),
        cmocka_unit_test(whom_a_trusted_proxy_names_is_the_client),
        cmocka_unit_test_setup_teardown(the_health_is_told, set_up, tear_down),
        cmocka_unit_test(unknown_statuses_are_internal_errors),
        cmocka_unit_test(an_answer_may_lose_its_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
