// SPDX-License-Identifier: MIT
// Tests of extension.c. The letters and numbers are rows of the list of hostile input.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/extension.h"

#define ALONE "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

// What headers "Sec-WebSocket-Extensions" lead to: the window, 0: nothing is agreed, or 400.
static int agreed(const char *first, const char *second)
{
    static char text[64 << 10];
    struct http_request request;
    struct http_scan scan = {0};
    struct deflate_terms terms;

    snprintf(text, sizeof text,
             "GET / HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Extensions: %s\r\n%s%s%s\r\n", first,
             second ? "sec-websocket-extensions: " : "", second ? second : "",
             second ? "\r\n" : "");
    assert_int_equal(http_read(&scan, text, strlen(text), sizeof text, &request), HTTP_COMPLETE);
    int status = extension_agree(&request, &terms);
    return status != 0 ? status : terms.window_bits;
}

static void assert_agreed(const char *offers, int expected)
{
    int seen = agreed(offers, NULL);

    if (seen != expected)
        fail_msg("%s: %d, not %d", offers, seen, expected);
}

static void offers_are_taken(void **state)
{
    (void)state;
    assert_agreed("permessage-deflate", 15);
    assert_agreed("Permessage-Deflate ; Client_Max_Window_Bits", 15);
    assert_agreed("permessage-deflate; client_max_window_bits=8", 15);
    assert_agreed("permessage-deflate;server_no_context_takeover;client_no_context_takeover", 15);
    assert_agreed("permessage-deflate; server_max_window_bits=9", 9);
    assert_agreed("permessage-deflate; server_max_window_bits = \"12\"", 12);
    assert_agreed("permessage-deflate; server_max_window_bits=15", 15);
    assert_agreed("other, permessage-deflate; server_max_window_bits=10, permessage-deflate", 10);
    assert_agreed("", 0);
    assert_agreed(",, x-webkit-deflate-frame,", 0);
    assert_int_equal(agreed("other", "permessage-deflate"), 15);
}

static void what_cannot_be_met_is_declined(void **state) // B3, B4
{
    (void)state;
    assert_agreed("permessage-deflate; server_max_window_bits", 0);
    assert_agreed("permessage-deflate; server_max_window_bits=8", 0);
    assert_agreed("permessage-deflate; server_max_window_bits=7", 0);
    assert_agreed("permessage-deflate; server_max_window_bits=16", 0);
    assert_agreed("permessage-deflate; server_max_window_bits=09", 0);
    assert_agreed("permessage-deflate; server_max_window_bits=1e1", 0);
    assert_agreed("permessage-deflate; client_max_window_bits=7", 0);
    assert_agreed("permessage-deflate; client_max_window_bits=16", 0);
    assert_agreed("permessage-deflate; server_no_context_takeover=1", 0);
    assert_agreed("permessage-deflate; server_max_window_bits=\"1\\0\"", 0);
    assert_agreed("permessage-deflate; unknown", 0);
    assert_agreed("permessage-deflate; client_max_window_bits; client_max_window_bits", 0);
    assert_agreed("permessage-deflate; server_max_window_bits=10; server_max_window_bits=10", 0);
}

static void the_first_good_offer_counts(void **state) // B5
{
    (void)state;
    assert_agreed("permessage-deflate; server_max_window_bits=8, permessage-deflate; x, "
                  "permessage-deflate; server_max_window_bits=11",
                  11);
}

static void what_is_not_the_grammar_is_refused(void **state) // B1, B2
{
    static const char *const bad[] = {
        "\"\\\"",
        "permessage-deflate;",
        "permessage-deflate; =1",
        "permessage-deflate; server_max_window_bits=",
        "permessage-deflate; server_max_window_bits=\"\"",
        "permessage-deflate; server_max_window_bits=\"10",
        "permessage-deflate; server_max_window_bits=\" 10\"",
        "permessage-deflate permessage-deflate",
        "permessage/deflate",
        "x; y=\",permessage-deflate; client_max_window_bits,\"",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_agreed(bad[i], 400);
    static char endless[14 << 10];
    strcpy(endless, "b=\"");
    for (size_t at = 3; at + 3 < sizeof endless; at += 2)
        memcpy(endless + at, "\\c", 2);
    assert_agreed(endless, 400);
}

static void the_answer_promises_what_is_kept(void **state) // B6
{
    char text[EXTENSION_TEXT_SIZE];

    (void)state;
    extension_text(&(struct deflate_terms){15}, text);
    assert_string_equal(text, ALONE);
    extension_text(&(struct deflate_terms){9}, text);
    assert_string_equal(text, ALONE "; server_max_window_bits=9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers_are_taken),
        cmocka_unit_test(what_cannot_be_met_is_declined),
        cmocka_unit_test(the_first_good_offer_counts),
        cmocka_unit_test(what_is_not_the_grammar_is_refused),
        cmocka_unit_test(the_answer_promises_what_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
