// SPDX-License-Identifier: MIT
// Tests of core/app/metrics.c and core/app/status.c.
#include "rowcast/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/status.h"

static const struct health health = {
    .source_ok = true, .scripts_ok = true, .source = "ok", .scripts = "ok"};

static struct status nothing(void)
{
    return (struct status){
        .version = "1.2.3",
        .health = &health,
        .source = {.kind = "none", .lag_bytes = -1, .lag_milliseconds = -1, .retained = -1},
        .scripts = "scripts",
        .reload = {.blind = ""},
        .process = {.descriptors = -1},
    };
}

// The text of /metrics, ended; to be released.
static struct buffer written(const struct metrics *metrics, const struct status *status)
{
    struct buffer out;
    buffer_init(&out, 1 << 20);
    metrics_write(metrics, status, &out);
    buffer_append_byte(&out, '\0');
    assert_false(out.overflowed);
    return out;
}

static void expect_line(const struct buffer *out, const char *line)
{
    char whole[256];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    if (!strstr(out->bytes, whole))
        fail_msg("there is no line '%s' in\n%s", line, out->bytes);
}

static void read_row(struct metrics *metrics, const char *schema, const char *table, int op)
{
    struct arena arena;
    char name[600];
    arena_init(&arena);
    struct relation *relation = relation_new(&arena, schema, table, 0);
    snprintf(name, sizeof name, "%s.%s", schema, table);
    assert_string_equal(relation->name, name);
    struct change change = {.op = (enum change_op)op, .relation = relation};
    metrics_change(metrics, &change);
    arena_release(&arena);
}

static void rows_are_counted_by_table_as_its_script_is_named(void **state)
{
    (void)state;
    struct metrics metrics;
    struct status status = nothing();
    struct change message = {.op = CHANGE_MESSAGE};
    metrics_init(&metrics);
    read_row(&metrics, "public", "trades", CHANGE_INSERT);
    read_row(&metrics, "public", "trades", CHANGE_INSERT);
    read_row(&metrics, "depot", "bays", CHANGE_DELETE);
    metrics_change(&metrics, &message);
    struct buffer out = written(&metrics, &status);
    expect_line(&out, "rowcast_rows_total{table=\"trades\",op=\"insert\"} 2");
    expect_line(&out, "rowcast_rows_total{table=\"depot.bays\",op=\"delete\"} 1");
    expect_line(&out, "rowcast_rows_total{table=\"messages\",op=\"message\"} 1");
    assert_null(strstr(out.bytes, "table=\"trades\",op=\"update\""));
    buffer_release(&out);
    metrics_release(&metrics);
}

static void names_that_scripts_make_up_are_bounded(void **state)
{
    (void)state;
    struct metrics metrics;
    struct status status = nothing();
    char type[32];
    metrics_init(&metrics);
    for (int i = 0; i < 100000; i++)
        metrics_count(&metrics.events, type, (size_t)snprintf(type, sizeof type, "type-%d", i));
    struct buffer out = written(&metrics, &status);
    expect_line(&out, "rowcast_events_total{type=\"type-99\"} 1");
    expect_line(&out, "rowcast_events_total{type=\"other\"} 99900");
    assert_true(out.size < 30000);
    buffer_release(&out);
    metrics_release(&metrics);
}

static void close_codes_have_names(void **state)
{
    (void)state;
    struct metrics metrics;
    struct status status = nothing();
    metrics_init(&metrics);
    metrics_disconnect(&metrics, 1006);
    metrics_disconnect(&metrics, 4100);
    for (int code = 3000; code < 4000; code++)
        metrics_disconnect(&metrics, code);
    struct buffer out = written(&metrics, &status);
    expect_line(&out, "rowcast_disconnects_total{reason=\"abnormal\"} 1");
    expect_line(&out, "rowcast_disconnects_total{reason=\"too_slow\"} 1");
    expect_line(&out, "rowcast_disconnects_total{reason=\"other\"} 1000");
    buffer_release(&out);
    metrics_release(&metrics);
}

static void scripts_have_figures_of_their_own(void **state)
{
    (void)state;
    struct metrics metrics;
    struct status status = nothing();
    metrics_init(&metrics);
    metrics_ran(&metrics, "tables/trades.lua", 3, 2, 7000);
    metrics_failed(&metrics, "client.lua");
    struct buffer out = written(&metrics, &status);
    expect_line(&out, "rowcast_script_seconds_bucket{script=\"tables/trades.lua\",le=\"5e-06\"} 0");
    expect_line(&out, "rowcast_script_seconds_bucket{script=\"tables/trades.lua\",le=\"1e-05\"} 1");
    expect_line(&out, "rowcast_script_errors_total{script=\"client.lua\"} 1");
    expect_line(&out, "rowcast_script_errors_total{script=\"tables/trades.lua\"} 0");
    buffer_release(&out);
    metrics_release(&metrics);
}

static void a_held_stream_and_failed_rows_are_told(void **state)
{
    (void)state;
    struct metrics metrics;
    struct status status = nothing();
    metrics_init(&metrics);
    struct buffer out = written(&metrics, &status);
    expect_line(&out, "rowcast_held 0");
    buffer_release(&out);
    status.held = "held at 0/1";
    status.failed_rows = 7;
    status.failed_file = "f.jsonl";
    status.failed_missing = 2;
    out = written(&metrics, &status);
    expect_line(&out, "rowcast_held 1");
    expect_line(&out, "rowcast_failed_rows_total 7");
    expect_line(&out, "rowcast_failed_not_written_total 2");
    buffer_clear(&out);
    status_write_json(&status, &out);
    buffer_append_byte(&out, '\0');
    assert_non_null(
        strstr(out.bytes, "\"delivery\":{\"held\":true,\"state\":\"held at 0/1\",\"failed_rows\":7,"
                          "\"failed_file\":\"f.jsonl\",\"failed_not_written\":2}"));
    buffer_release(&out);
    metrics_release(&metrics);
}

static void what_is_not_known_is_left_out(void **state)
{
    (void)state;
    struct metrics metrics;
    struct status status = nothing();
    metrics_init(&metrics);
    struct buffer out = written(&metrics, &status);
    assert_null(strstr(out.bytes, "lag"));
    assert_null(strstr(out.bytes, "retained"));
    assert_null(strstr(out.bytes, "open_fds"));
    buffer_release(&out);
    status.source.lag_bytes = 0;
    status.source.lag_milliseconds = 1500;
    status.source.retained = 4096;
    status.process.descriptors = 12;
    out = written(&metrics, &status);
    expect_line(&out, "rowcast_replication_lag_bytes 0");
    expect_line(&out, "rowcast_replication_lag_seconds 1.5");
    expect_line(&out, "rowcast_slot_retained_bytes 4096");
    expect_line(&out, "process_open_fds 12");
    buffer_release(&out);
    metrics_release(&metrics);
}

static void workers_are_summed(void **state)
{
    (void)state;
    struct metrics metrics;
    const struct status_worker workers[] = {{.deliveries = 5, .sent = 100, .queued = 1},
                                            {.deliveries = 6, .sent = 200, .queued = 2}};
    struct status status = nothing();
    status.workers = workers;
    status.worker_count = 2;
    metrics_init(&metrics);
    metrics.resent = 4;
    struct buffer out = written(&metrics, &status);
    expect_line(&out, "rowcast_deliveries_total 15");
    expect_line(&out, "rowcast_sent_bytes_total 300");
    expect_line(&out, "rowcast_send_queue_bytes 3");
    buffer_release(&out);
    metrics_release(&metrics);
}

static void the_status_is_json(void **state)
{
    (void)state;
    const struct status_script table = {.file = "tables/depot.bays.lua", .rows = 2, .errors = 1};
    struct status status = nothing();
    struct buffer out;
    buffer_init(&out, 1 << 16);
    status.source.kind = "postgres";
    status.source.slot = "a\"b";
    status.source.safe = 0x100000010;
    status.source.flushed = 0x100000000;
    status.tables = &table;
    status.table_count = 1;
    status_write_json(&status, &out);
    buffer_append_byte(&out, '\0');
    assert_non_null(strstr(out.bytes, "\"slot\":\"a\\\"b\""));
    assert_non_null(strstr(out.bytes, "\"safe_lsn\":\"1/10\",\"flushed_lsn\":\"1/0\","
                                      "\"server_lsn\":null,\"window_bytes\":16,"
                                      "\"lag_bytes\":null,\"lag_seconds\":null}"));
    assert_non_null(strstr(
        out.bytes, "{\"script\":\"tables/depot.bays.lua\",\"table\":"
                   "\"depot.bays\",\"rows\":2,\"events\":0,\"errors\":1,\"seconds\":0.000000}"));
    assert_non_null(strstr(out.bytes, "\"workers\":[]"));
    assert_non_null(strstr(out.bytes, "\"admin_port\":null"));
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_counted_by_table_as_its_script_is_named),
        cmocka_unit_test(names_that_scripts_make_up_are_bounded),
        cmocka_unit_test(close_codes_have_names),
        cmocka_unit_test(scripts_have_figures_of_their_own),
        cmocka_unit_test(a_held_stream_and_failed_rows_are_told),
        cmocka_unit_test(what_is_not_known_is_left_out),
        cmocka_unit_test(workers_are_summed),
        cmocka_unit_test(the_status_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
