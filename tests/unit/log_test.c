// SPDX-License-Identifier: MIT
// Tests of log.c: what stands on standard error afterwards.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "rowcast/clock.h"
#include "rowcast/log.h"

static char written[64 << 10];
static int saved_stderr, capture;

static void begin_capture(void)
{
    fflush(stderr);
    saved_stderr = dup(STDERR_FILENO);
    capture = memfd_create("log", 0);
    dup2(capture, STDERR_FILENO);
}

static const char *end_capture(void)
{
    ssize_t size;

    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    size = pread(capture, written, sizeof written - 1, 0);
    close(capture);
    assert_true(size >= 0);
    written[size] = '\0';
    return written;
}

static const char *logged(enum log_level level, const struct log_field *fields, const char *message)
{
    begin_capture();
    log_write(level, "event", fields, "%s", message);
    return end_capture();
}

// One JSON object on one line, without a control byte but the line end.
static json_t *parsed(const char *line)
{
    size_t size = strlen(line);
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

    assert_true(size > 0 && size <= 8192);
    assert_int_equal(line[size - 1], '\n');
    for (size_t i = 0; i + 1 < size; i++)
        assert_true((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
    assert_non_null(object);
    return object;
}

static const char *text_of(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

// ---- JSON ----

static void a_json_line_has_its_facts(void **state)
{
    int64_t time;

    (void)state;
    log_setup(LOG_INFO, true);
    begin_capture();
    log_write(LOG_WARN, "slot_behind",
              LOG_FIELDS(LOG_TEXT("slot", "a\"b\n"), LOG_NUMBER("bytes", -5)),
              "The slot is %d bytes behind.", 5);
    json_t *line = parsed(end_capture());

    assert_int_equal(clock_parse(text_of(line, "time"), &time), 0);
    assert_true(clock_now() - time < 10 * 1000000);
    assert_string_equal(text_of(line, "level"), "warn");
    assert_string_equal(text_of(line, "event"), "slot_behind");
    assert_string_equal(text_of(line, "message"), "The slot is 5 bytes behind.");
    assert_string_equal(text_of(line, "slot"), "a\"b\n");
    assert_int_equal(json_integer_value(json_object_get(line, "bytes")), -5);
    assert_int_equal(json_object_size(line), 6);
    json_decref(line);
}

static void fields_may_be_missing(void **state)
{
    (void)state;
    log_setup(LOG_INFO, true);
    json_t *line = parsed(logged(LOG_INFO, NULL, ""));
    assert_string_equal(text_of(line, "message"), "");
    assert_int_equal(json_object_size(line), 4);
    json_decref(line);
}

static void no_control_byte_gets_into_json_raw(void **state)
{
    char all[256];

    (void)state;
    for (int i = 1; i < 256; i++)
        all[i - 1] = (char)i;
    all[255] = '\0';
    log_setup(LOG_INFO, true);
    json_decref(parsed(logged(LOG_ERROR, LOG_FIELDS(LOG_TEXT("v", all)), all)));
}

static void long_messages_are_cut(void **state)
{
    static char longer[20000];

    (void)state;
    memset(longer, 'm', sizeof longer - 1);
    log_setup(LOG_INFO, true);
    json_t *line = parsed(logged(LOG_INFO, LOG_FIELDS(LOG_NUMBER("n", 1)), longer));
    assert_int_equal(strlen(text_of(line, "message")), 2047);
    assert_int_equal(json_integer_value(json_object_get(line, "n")), 1);
    json_decref(line);
}

static void long_values_are_cut_and_the_line_says_so(void **state)
{
    static char longer[100000];

    (void)state;
    for (size_t i = 0; i + 4 < sizeof longer; i += 3)
        memcpy(longer + i, "\xe2\x82\xac", 3);
    log_setup(LOG_INFO, true);
    json_t *line = parsed(
        logged(LOG_INFO,
               LOG_FIELDS(LOG_TEXT("a", longer), LOG_TEXT("b", longer), LOG_NUMBER("c", 1)), "x"));
    assert_true(json_is_true(json_object_get(line, "truncated")));
    assert_memory_equal(text_of(line, "a"), longer, 3000);
    assert_null(strstr(text_of(line, "a"), "\xef\xbf\xbd")); // no character cut in two
    json_decref(line);
}

// Of every length around the bounds, plain or of bytes whose spelling is six times as long.
static void lines_of_every_length_are_whole_json(void **state)
{
    static char value[9000];

    (void)state;
    for (int human = 0; human < 2; human++) {
        log_setup(LOG_INFO, human == 0);
        for (size_t size = 0; size < sizeof value - 1;
             size += size < 1200 || size > 7900 ? 1 : 97) {
            memset(value, size % 2 ? 'x' : '\x01', size);
            value[size] = '\0';
            const char *line =
                logged(LOG_INFO, LOG_FIELDS(LOG_TEXT("v", value), LOG_NUMBER("n", 7)), value);
            if (human == 0)
                json_decref(parsed(line));
            assert_true(strlen(line) <= 8192);
            assert_true(strchr(line, '\n') == line + strlen(line) - 1);
        }
    }
}

// ---- for people ----

static void a_human_line_reads_well(void **state)
{
    (void)state;
    log_setup(LOG_DEBUG, false);
    const char *line = logged(LOG_INFO,
                              LOG_FIELDS(LOG_NUMBER("port", 4001), LOG_TEXT("host", "::1"),
                                         LOG_TEXT("q", "a b"), LOG_TEXT("e", "")),
                              "Ready: \"all\" is well.");

    for (int i = 0; i < 12; i++) // 12:00:00.123
        assert_true(i == 2 || i == 5 ? line[i] == ':'
                    : i == 8         ? line[i] == '.'
                                     : line[i] >= '0' && line[i] <= '9');
    assert_string_equal(line + 12,
                        " info  Ready: \"all\" is well.  port=4001  host=::1  q=\"a b\"  e=\"\"\n");
    assert_string_equal(logged(LOG_ERROR, NULL, "x") + 12, " error x\n"); // no terminal: no colour
}

static void no_control_byte_gets_to_a_terminal(void **state)
{
    (void)state;
    log_setup(LOG_DEBUG, false);
    const char *line = logged(LOG_INFO, LOG_FIELDS(LOG_TEXT("v", "a\r\n\x1b[2J\x7f")),
                              "\xc2\x9b"
                              "31m \xe2\x82\xac \xff");
    assert_string_equal(line + 12,
                        " info  \\xc2\\x9b31m \xe2\x82\xac \\xff  v=a\\x0d\\x0a\\x1b[2J\\x7f\n");
}

// ---- levels ----

static void lower_levels_are_silent(void **state)
{
    (void)state;
    log_setup(LOG_WARN, true);
    assert_string_equal(logged(LOG_DEBUG, NULL, "x"), "");
    assert_string_equal(logged(LOG_INFO, NULL, "x"), "");
    assert_string_not_equal(logged(LOG_WARN, NULL, "x"), "");
    assert_string_not_equal(logged(LOG_ERROR, NULL, "x"), "");
    assert_false(log_enabled(LOG_INFO));
    log_set_level(LOG_DEBUG);
    assert_true(log_enabled(LOG_DEBUG));
    assert_string_not_equal(logged(LOG_DEBUG, NULL, "x"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_json_line_has_its_facts),
        cmocka_unit_test(fields_may_be_missing),
        cmocka_unit_test(no_control_byte_gets_into_json_raw),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(long_values_are_cut_and_the_line_says_so),
        cmocka_unit_test(lines_of_every_length_are_whole_json),
        cmocka_unit_test(a_human_line_reads_well),
        cmocka_unit_test(no_control_byte_gets_to_a_terminal),
        cmocka_unit_test(lower_levels_are_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
