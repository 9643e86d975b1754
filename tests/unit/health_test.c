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
    health_write_ready(health, HEALTH_OPERATOR, &out);
    buffer_append_byte(&out, '\0');
    assert_string_equal(out.bytes, body);
    assert_int_equal(health_ready(health), ready);
    buffer_release(&out);
}

static void all_is_well(void **state)
{
    (void)state;
    struct health health = {.source_ok = true, .scripts_ok = true, .source = "ok", .scripts = "ok"};
    expect(&health, true,
           "{\"status\":\"ok\",\"checks\":{\"source\":\"ok\",\"scripts\":\"ok\"}}\n");
}

static void old_scripts_serve_but_are_told(void **state)
{
    (void)state;
    struct health health = {.source_ok = true, .source = "ok", .scripts = "x.lua:1: \"bad\""};
    expect(&health, true,
           "{\"status\":\"degraded\",\"checks\":{\"source\":\"ok\",\"scripts\":\"x.lua:1: "
           "\\\"bad\\\"\"}}\n");
}

static void without_a_stream_it_is_not_ready(void **state)
{
    (void)state;
    struct health health = {.scripts_ok = true, .source = "the database is away", .scripts = "ok"};
    expect(&health, false,
           "{\"status\":\"unavailable\",\"checks\":{\"source\":\"the database is "
           "away\",\"scripts\":\"ok\"}}\n");
}

static void draining_is_not_ready(void **state)
{
    (void)state;
    struct health health = {
        .source_ok = true, .scripts_ok = true, .draining = true, .source = "ok", .scripts = "ok"};
    expect(&health, false,
           "{\"status\":\"unavailable\",\"checks\":{\"source\":\"ok\",\"scripts\":\"ok\","
           "\"process\":\"draining\"}}\n");
}

static void the_public_is_not_told_where_the_database_is(void **state)
{
    (void)state;
    struct health health = {.scripts_ok = true,
                            .source = "10.0.0.7:5432 is away",
                            .source_private = true,
                            .scripts = "ok"};
    struct buffer out;
    buffer_init(&out, 4096);
    health_write_ready(&health, HEALTH_PUBLIC, &out);
    buffer_append_byte(&out, '\0');
    assert_null(strstr(out.bytes, "10.0.0.7"));
    assert_non_null(strstr(out.bytes, HEALTH_SOURCE_AWAY));
    buffer_release(&out);
}

static void a_slot_that_keeps_too_much_degrades(void **state)
{
    (void)state;
    struct health health = {.source_ok = true,
                            .scripts_ok = true,
                            .source = "ok",
                            .scripts = "ok",
                            .slot_risky = true,
                            .slot = "keeps 5.0 GiB"};
    expect(&health, true,
           "{\"status\":\"degraded\",\"checks\":{\"source\":\"ok\",\"scripts\":\"ok\","
           "\"slot\":\"keeps 5.0 GiB\"}}\n");
}

static void a_held_stream_is_not_ready_and_says_why(void **state)
{
    (void)state;
    struct health health = {.source_ok = true,
                            .scripts_ok = true,
                            .source = "ok",
                            .scripts = "ok",
                            .held = true,
                            .delivery = "held at 0/1: bad row 7"};
    expect(&health, false,
           "{\"status\":\"unavailable\",\"checks\":{\"source\":\"ok\",\"scripts\":\"ok\","
           "\"delivery\":\"held at 0/1: bad row 7\"}}\n");
    struct buffer out;
    buffer_init(&out, 4096);
    health_write_ready(&health, HEALTH_PUBLIC, &out);
    buffer_append_byte(&out, '\0');
    assert_null(strstr(out.bytes, "row 7"));
    assert_non_null(strstr(out.bytes, HEALTH_DELIVERY_HELD));
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_well),
        cmocka_unit_test(old_scripts_serve_but_are_told),
        cmocka_unit_test(without_a_stream_it_is_not_ready),
        cmocka_unit_test(draining_is_not_ready),
        cmocka_unit_test(the_public_is_not_told_where_the_database_is),
        cmocka_unit_test(a_slot_that_keeps_too_much_degrades),
        cmocka_unit_test(a_held_stream_is_not_ready_and_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
