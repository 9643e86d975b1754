// SPDX-License-Identifier: MIT
// Tests of http.c. The letters and numbers are rows of the list of hostile input.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rowcast/http.h"

#define MAXIMUM 16384

#define UPGRADE                                                                                    \
    "GET /ws?token=a%20b HTTP/1.1\r\n"                                                             \
    "Host: example.com:4001\r\n"                                                                   \
    "Upgrade: websocket\r\n"                                                                       \
    "Connection: keep-alive, Upgrade\r\n"                                                          \
    "\r\n"

static int read_bytes(const char *bytes, size_t size, struct http_request *request)
{
    struct http_scan scan = {0};

    return http_read(&scan, bytes, size, MAXIMUM, request);
}

static int read_text(const char *text)
{
    struct http_request request;

    return read_bytes(text, strlen(text), &request);
}

// A GET with one more header line.
static int read_with(const char *line)
{
    char text[1024];

    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n", line);
    return read_text(text);
}

static int read_line(const char *line)
{
    char text[1024];

    snprintf(text, sizeof text, "%s\r\nHost: h\r\n\r\n", line);
    return read_text(text);
}

static void assert_text(struct http_text text, const char *expected)
{
    assert_non_null(text.at);
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.at, expected, text.size);
}

// ---- what is read ----

static void a_request_is_read(void **state)
{
    struct http_scan scan = {0};
    struct http_request request;
    const char text[] = UPGRADE "\x81\x80rest";

    (void)state;
    assert_int_equal(http_read(&scan, text, sizeof text - 1, MAXIMUM, &request), HTTP_COMPLETE);
    assert_int_equal(scan.at, sizeof UPGRADE - 1);
    assert_text(request.path, "/ws");
    assert_text(request.query, "token=a%20b");
    assert_int_equal(request.minor, 1);
    assert_int_equal(request.header_count, 3);
    assert_text(http_value(&request, "host"), "example.com:4001");
    assert_null(http_value(&request, "Cookie").at);
    assert_int_equal(http_count(&request, "CONNECTION"), 1);
    assert_true(http_lists(&request, "connection", "upgrade"));
    assert_true(http_lists(&request, "connection", "Keep-Alive"));
    assert_false(http_lists(&request, "connection", "keep"));
}

// A22: byte by byte, each prefix wants more, and no byte is looked at twice.
static void every_prefix_wants_more(void **state)
{
    struct http_scan scan = {0};
    struct http_request request;
    const size_t size = sizeof UPGRADE - 1;

    (void)state;
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(http_read(&scan, UPGRADE, i, MAXIMUM, &request), HTTP_MORE);
        assert_int_equal(scan.at, i);
    }
    assert_int_equal(http_read(&scan, UPGRADE, size, MAXIMUM, &request), HTTP_COMPLETE);
    assert_text(request.path, "/ws");
}

// Wherever a stream is cut in two, the result is that of the whole.
static void cuts_do_not_matter(void **state)
{
    static const char *const streams[] = {
        UPGRADE,
        "\r\n" UPGRADE,
        "GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\rX\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        size_t size = strlen(streams[i]);
        int whole = read_text(streams[i]);
        for (size_t cut = 0; cut <= size; cut++) {
            struct http_scan scan = {0};
            struct http_request request;
            int result = http_read(&scan, streams[i], cut, MAXIMUM, &request);
            if (result == HTTP_MORE)
                result = http_read(&scan, streams[i], size, MAXIMUM, &request);
            assert_int_equal(result, whole);
        }
    }
}

static void values_lose_the_blanks_around_them(void **state)
{
    struct http_request request;
    const char text[] = "GET / HTTP/1.1\r\nHost:h\r\nA: \t x y \t\r\nB:\r\n\r\n";

    (void)state;
    assert_int_equal(read_bytes(text, sizeof text - 1, &request), HTTP_COMPLETE);
    assert_text(http_value(&request, "A"), "x y");
    assert_text(http_value(&request, "B"), "");
    assert_text(http_value(&request, "Host"), "h");
}

static void lists_are_walked(void **state)
{
    struct http_text list = {" a,, b c ,\t,d", 13}, element;

    (void)state;
    assert_true(http_next(&list, &element));
    assert_text(element, "a");
    assert_true(http_next(&list, &element));
    assert_text(element, "b c");
    assert_true(http_next(&list, &element));
    assert_text(element, "d");
    assert_false(http_next(&list, &element));
}

static void lists_go_over_several_lines(void **state)
{
    struct http_request request;
    const char text[] =
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nUpgrade: x, WebSocket\r\n\r\n";

    (void)state;
    assert_int_equal(read_bytes(text, sizeof text - 1, &request), HTTP_COMPLETE);
    assert_true(http_lists(&request, "upgrade", "websocket"));
    assert_false(http_lists(&request, "upgrade", "xwebsocket"));
}

// ---- targets ----

static void assert_path(const char *target, const char *path, const char *query)
{
    struct http_request request;
    char text[256];

    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target);
    assert_int_equal(read_bytes(text, strlen(text), &request), HTTP_COMPLETE);
    assert_text(request.path, path);
    if (query != NULL)
        assert_text(request.query, query);
    else
        assert_null(request.query.at);
}

static void targets_have_a_path_and_a_query(void **state)
{
    (void)state;
    assert_path("/", "/", NULL);
    assert_path("/a/b", "/a/b", NULL);
    assert_path("/a?", "/a", "");
    assert_path("/a?b?c", "/a", "b?c");
    assert_path("/%2e%2E/", "/%2e%2E/", NULL);      // not decoded
    assert_path("/?%", "/", "%");                   // E15
    assert_path("http://host:80/ws?x", "/ws", "x"); // A34
    assert_path("WS://host", "/", NULL);
    assert_path("https://host?x", "/", "x");
    assert_path("/http://host/", "/http://host/", NULL);
}

static void assert_parameter(const char *query, const char *name, const char *expected)
{
    struct http_text text = {query, strlen(query)};
    char value[8];

    assert_int_equal(http_parameter(text, name, value, sizeof value), HTTP_PARAMETER_FOUND);
    assert_string_equal(value, expected);
}

static void assert_no_parameter(const char *query, const char *name, enum http_parameter expected)
{
    struct http_text text = {query, query ? strlen(query) : 0};
    char value[8];

    assert_int_equal(http_parameter(text, name, value, sizeof value), expected);
}

static void parameters_are_found_and_decoded(void **state)
{
    (void)state;
    assert_parameter("a=1&b=2", "a", "1");
    assert_parameter("a=1&b=2", "b", "2");
    assert_parameter("b=&b=2", "b", "");
    assert_parameter("aa=1&a=2", "a", "2");
    assert_parameter("a=%41%2b%26+=", "a", "A+& =");
    assert_parameter("a=1234567", "a", "1234567");
    assert_no_parameter(NULL, "a", HTTP_PARAMETER_ABSENT);
    assert_no_parameter("", "a", HTTP_PARAMETER_ABSENT);
    assert_no_parameter("a", "a", HTTP_PARAMETER_ABSENT);
    assert_no_parameter("&&b=a=", "a", HTTP_PARAMETER_ABSENT);
    assert_no_parameter("a=12345678", "a", HTTP_PARAMETER_BROKEN);
    assert_no_parameter("a=%", "a", HTTP_PARAMETER_BROKEN);
    assert_no_parameter("a=%4&b=1", "a", HTTP_PARAMETER_BROKEN);
    assert_no_parameter("a=%zz", "a", HTTP_PARAMETER_BROKEN);
    assert_no_parameter("a=%00", "a", HTTP_PARAMETER_BROKEN);
}

static void bad_targets_are_refused(void **state) // A35, A31
{
    static const char *const targets[] = {"../x",       "*",        "/p#frag", "x",   "http://",
                                          "http:///x",  "ftp://h/", "host:80", "?x",  "/a\x80",
                                          "/a%00.html", "/%",       "/%2",     "/%zz"}; // E14, E15
    char line[128];

    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        snprintf(line, sizeof line, "GET %s HTTP/1.1", targets[i]);
        assert_int_equal(read_line(line), 400);
    }
}

// ---- strictness ----

static void methods_and_versions(void **state)
{
    (void)state;
    assert_int_equal(read_line("GET / HTTP/1.1"), HTTP_COMPLETE);
    assert_int_equal(read_line("GET / HTTP/1.0"), HTTP_COMPLETE);
    assert_int_equal(read_line("POST / HTTP/1.1"), 405); // A1
    assert_int_equal(read_line("get / HTTP/1.1"), 405);
    assert_int_equal(read_line("head / HTTP/1.1"), 405);
    assert_int_equal(read_line("HEAD / HTTP/1.1"), HTTP_COMPLETE);
    assert_int_equal(read_line("G(T / HTTP/1.1"), 400);
    assert_int_equal(read_line("GET / HTTP/2.0"), 505); // A3
    assert_int_equal(read_line("GET / HTTP/1.2"), 505);
    assert_int_equal(read_line("GET / HTTP/0.9"), 505);
    assert_int_equal(read_line("GET / http/1.1"), 400);
    assert_int_equal(read_line("GET / HTTP/1.10"), 400);
    assert_int_equal(read_line("GET / HTTP/11"), 400);
    assert_int_equal(read_line("GET  / HTTP/1.1"), 400);
    assert_int_equal(read_line("GET / HTTP/1.1 "), 400);
    assert_int_equal(read_line("GET /"), 400); // A36: HTTP/0.9
    assert_int_equal(read_line("GET"), 400);
    assert_int_equal(read_line(" GET / HTTP/1.1"), 400);
    assert_int_equal(read_line("GET\t/\tHTTP/1.1"), 400);
    assert_int_equal(read_line("PRI * HTTP/2.0"), 505);
}

static void hosts(void **state) // A4, A5
{
    (void)state;
    assert_int_equal(read_text("GET / HTTP/1.1\r\n\r\n"), 400);
    assert_int_equal(read_text("GET / HTTP/1.0\r\n\r\n"), HTTP_COMPLETE);
    assert_int_equal(read_with("Host: h"), 400);
    assert_int_equal(read_text("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400);
    assert_int_equal(read_text("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"), 400);
    assert_int_equal(read_text("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 400);
    assert_int_equal(read_text("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400);
    assert_int_equal(read_text("GET / HTTP/1.1\r\nHost: [::1]:4001\r\n\r\n"), HTTP_COMPLETE);
}

static void bodies(void **state) // A25, A26, A27
{
    (void)state;
    assert_int_equal(read_with("Content-Length: 0"), HTTP_COMPLETE);
    assert_int_equal(read_with("Content-Length: 5"), 400);
    assert_int_equal(read_with("Content-Length: -1"), 400);
    assert_int_equal(read_with("Content-Length: +0"), 400);
    assert_int_equal(read_with("Content-Length: 18446744073709551616"), 400);
    assert_int_equal(read_with("Content-Length:"), 400);
    assert_int_equal(read_with("Content-Length: 0\r\nContent-Length: 0"), 400);
    assert_int_equal(read_with("Transfer-Encoding: chunked"), 400);
    assert_int_equal(read_with("Content-Length: 0\r\nTransfer-Encoding: chunked"), 400);
}

static void header_lines(void **state) // A28, A29, A31, A32, A37
{
    (void)state;
    assert_int_equal(read_with("X: y"), HTTP_COMPLETE);
    assert_int_equal(read_with("X:\x80\xff"), HTTP_COMPLETE);
    assert_int_equal(read_with("X:a\tb"), HTTP_COMPLETE);
    assert_int_equal(read_with("X : y"), 400);
    assert_int_equal(read_with("X: y\r\n folded"), 400);
    assert_int_equal(read_with("X: y\r\n\tfolded"), 400);
    assert_int_equal(read_with(": y"), 400);
    assert_int_equal(read_with("X"), 400);
    assert_int_equal(read_with("X\x80: y"), 400);
    assert_int_equal(read_with("X\"Y: y"), 400);
    assert_int_equal(read_with("X: a\x01"), 400);
    assert_int_equal(read_with("X: a\x7f"), 400);
    assert_int_equal(read_with("X: a\rb"), 400);
    assert_int_equal(read_with("X: a\nY: b"), 400);
}

static void a_nul_is_refused(void **state) // A31
{
    const char in_value[] = "GET / HTTP/1.1\r\nHost: h\0\r\n\r\n";
    const char in_target[] = "GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n";
    struct http_request request;

    (void)state;
    assert_int_equal(read_bytes(in_value, sizeof in_value - 1, &request), 400);
    assert_int_equal(read_bytes(in_target, sizeof in_target - 1, &request), 400);
}

static void line_ends(void **state) // A30, A33
{
    (void)state;
    assert_int_equal(read_text("GET / HTTP/1.1\nHost: h\n\n"), 400);
    assert_int_equal(read_text("GET / HTTP/1.1\r\nHost: h\r\n\n"), 400);
    assert_int_equal(read_text("GET / HTTP/1.1\r\nHost: h\r\n\r\r"), 400);
    assert_int_equal(read_text("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), HTTP_COMPLETE);
    assert_int_equal(read_text("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
    assert_int_equal(read_text("\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
}

static void
strangers_learn_it_at_once(void **state) // A36: nothing waits for an end that never comes
{
    struct http_request request;

    (void)state;
    assert_int_equal(read_bytes("\x16\x03\x01", 3, &request), 400);
    assert_int_equal(read_text("GET /\r\n"), 400);
    assert_int_equal(read_text("POST / HTTP/1.1\r\n"), 405);
    assert_int_equal(read_text("PRI * HTTP/2.0\r\n"), 505);
    assert_int_equal(read_text("\x80"), 400);
}

// ---- bounds ----

static char *filled(const char *start, char filler, size_t size)
{
    char *text = malloc(size);

    memset(text, filler, size);
    memcpy(text, start, strlen(start));
    return text;
}

static int read_filled(const char *start, size_t size)
{
    struct http_request request;
    char *text = filled(start, 'a', size);
    int result = read_bytes(text, size, &request);

    free(text);
    return result;
}

static void long_heads_are_refused(void **state) // A18, A20
{
    (void)state;
    assert_int_equal(read_filled("GET /", 70000), 414);
    assert_int_equal(read_filled("GET /", MAXIMUM), 414);
    assert_int_equal(read_filled("GET /", MAXIMUM - 1), HTTP_MORE);
    assert_int_equal(read_filled("GET / HTTP/1.1\r\nHost: h\r\nX: ", 70000), 431);
    assert_int_equal(read_filled("GET / HTTP/1.1\r\nHost: h\r\nX: ", MAXIMUM), 431);
}

static void the_longest_head_is_read(void **state)
{
    struct http_request request;
    char *text = filled("GET / HTTP/1.1\r\nHost: h\r\nX: ", 'a', MAXIMUM);

    (void)state;
    memcpy(text + MAXIMUM - 4, "\r\n\r\n", 4);
    assert_int_equal(read_bytes(text, MAXIMUM, &request), HTTP_COMPLETE);
    free(text);
}

static void many_headers_are_refused(void **state) // A19
{
    struct http_request request;
    char text[MAXIMUM];

    (void)state;
    for (int extra = 0; extra <= 1; extra++) {
        size_t size = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: h\r\n");
        for (int i = 1; i < HTTP_MAX_HEADERS + extra; i++)
            size += (size_t)sprintf(text + size, "A: b\r\n");
        size += (size_t)sprintf(text + size, "\r\n");
        assert_int_equal(read_bytes(text, size, &request), extra ? 431 : HTTP_COMPLETE);
    }
}

// A18: 20 MB that come in small pieces take time in proportion to the bytes, not to its square.
static void a_dribble_is_linear(void **state)
{
    enum { SIZE = 20000000 };
    struct http_scan scan = {0};
    struct http_request request;
    char *text = filled("GET / HTTP/1.1\r\nHost: h\r\nX: ", 'a', SIZE);
    clock_t before = clock();

    (void)state;
    for (size_t size = 1; size < SIZE; size += 7)
        assert_int_equal(http_read(&scan, text, size, SIZE, &request), HTTP_MORE);
    assert_true(clock() - before < 10 * CLOCKS_PER_SEC);
    free(text);
}

// Random bytes, and requests with random faults, never read out of bounds (under ASan).
static void noise_does_no_harm(void **state)
{
    (void)state;
    srand(7);
    for (int round = 0; round < 20000; round++) {
        size_t size = sizeof UPGRADE - 1;
        char *text = malloc(size); // exactly: ASan sees every byte beyond
        memcpy(text, UPGRADE, size);
        for (int faults = rand() % 6; faults > 0; faults--)
            text[(size_t)rand() % size] = (char)rand();
        struct http_request request;
        int result = read_bytes(text, size, &request);
        assert_true(result == HTTP_MORE || result == HTTP_COMPLETE || result >= 400);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read),
        cmocka_unit_test(every_prefix_wants_more),
        cmocka_unit_test(cuts_do_not_matter),
        cmocka_unit_test(values_lose_the_blanks_around_them),
        cmocka_unit_test(lists_are_walked),
        cmocka_unit_test(lists_go_over_several_lines),
        cmocka_unit_test(targets_have_a_path_and_a_query),
        cmocka_unit_test(parameters_are_found_and_decoded),
        cmocka_unit_test(bad_targets_are_refused),
        cmocka_unit_test(methods_and_versions),
        cmocka_unit_test(hosts),
        cmocka_unit_test(bodies),
        cmocka_unit_test(header_lines),
        cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(line_ends),
        cmocka_unit_test(strangers_learn_it_at_once),
        cmocka_unit_test(long_heads_are_refused),
        cmocka_unit_test(the_longest_head_is_read),
        cmocka_unit_test(many_headers_are_refused),
        cmocka_unit_test(a_dribble_is_linear),
        cmocka_unit_test(noise_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
