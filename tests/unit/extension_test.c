// SPDX-License-Identifier: MIT
// Tests of extension.c. The letters and numbers are rows of the list of hostile input.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/extension.h"

static bool sound(const char *value)
{
    struct http_request request = {.header_count = 2};

    request.headers[0] = (struct http_header){{"Host", 4}, {"\"", 1}};
    request.headers[1] =
        (struct http_header){{"sec-websocket-extensions", 24}, {value, strlen(value)}};
    return extension_offers_sound(&request);
}

static void offers_are_lists_with_parameters(void **state)
{
    (void)state;
    assert_true(sound("permessage-deflate"));
    assert_true(sound("permessage-deflate; client_max_window_bits; server_max_window_bits=10"));
    assert_true(sound("a ;b = 1;c=\"2\" , d,e;f"));
    assert_true(sound("a; b=\"\\1\\2\""));
    assert_true(sound("")); // empty elements are none
    assert_true(sound(", a,, b ,"));
}

static void what_is_written_wrongly_is_not(void **state) // B1, B2
{
    static const char *const wrong[] = {
        "\"\\\"",      "x; y=\"",
        "x; y=\"\"",   "x; y=\"a b\"",
        "x; y=\"a\\",  "x; y=",
        "x; =1",       ";",
        "x;",          "x y",
        "x; y=1 z",    "x/y",
        "x; y=\"a\"b", "x; y=\",permessage-deflate; client_max_window_bits,\"",
        "\xc3\xa4"};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (sound(wrong[i]))
            fail_msg("accepted: %s", wrong[i]);
    }
}

static void long_ones_take_linear_time(void **state) // B1
{
    static char value[1 << 20];

    (void)state;
    size_t size = (size_t)snprintf(value, sizeof value, "a;b=\"");
    while (size < sizeof value - 3) {
        memcpy(value + size, "\\c", 2);
        size += 2;
    }
    assert_false(sound(value));
    memset(value, ',', sizeof value - 1);
    assert_true(sound(value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers_are_lists_with_parameters),
        cmocka_unit_test(what_is_written_wrongly_is_not),
        cmocka_unit_test(long_ones_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
