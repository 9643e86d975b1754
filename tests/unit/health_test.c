// SPDX-License-Identifier: MIT
// Tests of core/app/health.c.
#include "rowcast/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(const struct health *health, bool ready, const char *body)
{
    struct buffer out;
    buffer_init(&out, 4096);
    health_write_ready(health, &out);
    buffer_append_byte(&out, '\0');
    assert_string_equal(out.bytes, body);
    assert_int_equal(health_ready(health), ready);
    buffer_release(&out);
}

static void all_is_well(void **state)
{
    (void)state;
    struct health health = {true, true, false, "ok", "ok"};
    expect(&health, true,
           "{\"status\":\"ok\",\"checks\":{\"source\":\"ok\",\"scripts\":\"ok\"}}\n");
}

static void old_scripts_serve_but_are_told(void **state)
{
    (void)state;
    struct health health = {true, false, false, "ok", "x.lua:1: \"bad\""};
    expect(&health, true,
           "{\"status\":\"degraded\",\"checks\":{\"source\":\"ok\",\"scripts\":\"x.lua:1: "
           "\\\"bad\\\"\"}}\n");
}

static void without_a_stream_it_is_not_ready(void **state)
{
    (void)state;
    struct health health = {false, true, false, "the database is away", "ok"};
    expect(&health, false,
           "{\"status\":\"unavailable\",\"checks\":{\"source\":\"the database is "
           "away\",\"scripts\":\"ok\"}}\n");
}

static void draining_is_not_ready(void **state)
{
    (void)state;
    struct health health = {true, true, true, "ok", "ok"};
    expect(&health, false,
           "{\"status\":\"unavailable\",\"checks\":{\"source\":\"ok\",\"scripts\":\"ok\","
           "\"process\":\"draining\"}}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_well),
        cmocka_unit_test(old_scripts_serve_but_are_told),
        cmocka_unit_test(without_a_stream_it_is_not_ready),
        cmocka_unit_test(draining_is_not_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
