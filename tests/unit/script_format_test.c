// SPDX-License-Identifier: MIT
// Tests of core/script: the shapes that client.lua's `formats` give to events.
#include "rowcast/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char folder[64];
    struct script *script;
    struct frame *frame;
    char failure[4096];
};

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->folder, "/tmp/rowcast-format-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    char path[96];
    frame_unref(fixture->frame);
    script_free(fixture->script);
    snprintf(path, sizeof path, "%s/client.lua", fixture->folder);
    unlink(path);
    rmdir(fixture->folder);
    free(fixture);
    return 0;
}

// 0, or -1 with the fault's text in `failure`.
static int load(struct fixture *fixture, const char *text)
{
    char path[96];
    struct fault fault;
    struct script_limits limits = {16 << 20, 64 << 10, SCRIPT_TIMEOUT};
    snprintf(path, sizeof path, "%s/client.lua", fixture->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    script_free(fixture->script);
    fixture->script = NULL;
    int result = script_load(&fixture->script, fixture->folder, &limits, &fault);
    if (result != 0)
        strcpy(fixture->failure, fault.text);
    return result;
}

// The event in the format whose function has this body, its argument `e`.
static void shape(struct fixture *fixture, const char *body, const char *event)
{
    static char text[8192];
    snprintf(text, sizeof text, "return { formats = { other = function(e)\n%s\nend } }", body);
    assert_int_equal(load(fixture, text), 0);
    frame_unref(fixture->frame);
    fixture->frame = script_format(fixture->script, "other", event, strlen(event), fixture->failure,
                                   sizeof fixture->failure);
}

static void shaped(struct fixture *fixture, const char *body, const char *event, const char *bytes)
{
    size_t size;
    shape(fixture, body, event);
    assert_string_equal(fixture->failure, "");
    assert_non_null(fixture->frame);
    const unsigned char *payload = frame_payload(fixture->frame, &size);
    assert_int_equal(size, strlen(bytes));
    assert_memory_equal(payload, bytes, size);
}

static void refused(struct fixture *fixture, const char *body, const char *sentence)
{
    shape(fixture, body, "{}");
    assert_null(fixture->frame);
    if (!strstr(fixture->failure, sentence) || !strstr(fixture->failure, "/client.lua:"))
        fail_msg("'%s' is not in: %s", sentence, fixture->failure);
}

static void not_loaded(struct fixture *fixture, const char *formats, const char *sentence)
{
    static char text[8192];
    snprintf(text, sizeof text, "return { formats = %s }", formats);
    assert_int_equal(load(fixture, text), -1);
    if (!strstr(fixture->failure, sentence))
        fail_msg("'%s' is not in: %s", sentence, fixture->failure);
}

static void an_event_becomes_a_string_or_json(void **state)
{
    shaped(*state, "return e.type .. '!'", "{\"type\":\"t\"}", "t!");
    shaped(*state, "return { cjson.null, e.type, e }", "{\"type\":\"t\",\"n\":[]}",
           "[null,\"t\",{\"n\":[],\"type\":\"t\"}]");
}

static void a_second_result_makes_it_binary(void **state)
{
    struct fixture *fixture = *state;
    shaped(fixture, "return 'a'", "{}", "a");
    assert_int_equal(fixture->frame->bytes[0] & 0xf, FRAME_TEXT);
    shaped(fixture, "return 'a', true", "{}", "a");
    assert_int_equal(fixture->frame->bytes[0] & 0xf, FRAME_BINARY);
}

static void nil_leaves_it_out(void **state)
{
    struct fixture *fixture = *state;
    shape(fixture, "return nil", "{}");
    assert_null(fixture->frame);
    assert_string_equal(fixture->failure, "");
}

static void what_goes_wrong_is_told(void **state)
{
    refused(*state, "return 7", "neither nil nor a string nor a table");
    refused(*state, "error('no')", "no");
    refused(*state, "while true do end", "it ran for too long");
    refused(*state, "return { 0 / 0 }", "a number that is NaN");
    refused(*state, "local s = ('x'):rep(200000) return { s, s }", "too large");
}

static void formats_are_functions_by_name(void **state)
{
    struct fixture *fixture = *state;
    not_loaded(fixture, "7", "'formats' is a number; a table of functions is expected");
    not_loaded(fixture, "{ x = 7 }", "'formats' holds functions by name");
    not_loaded(fixture, "{ print }", "'formats' holds functions by name");
    not_loaded(fixture,
               "(function() local t = {} for i = 1, 9 do t['f' .. i] = print end return t end)()",
               "more than 8 formats");
    assert_int_equal(load(fixture, "return { formats = { x = print } }"), 0);
    assert_true(script_has_format(fixture->script, "x"));
    assert_false(script_has_format(fixture->script, "y"));
}

static void a_client_chooses_one_of_them(void **state)
{
    struct fixture *fixture = *state;
    struct script_client client = {.id = "c"};
    struct script_call call = {.hook = HOOK_CONNECT};
    assert_int_equal(load(fixture, "return { formats = { x = print },"
                                   " connect = function() return { format = 'x' } end }"),
                     0);
    struct script_commands *commands =
        script_client(fixture->script, &client, &call, fixture->failure, sizeof fixture->failure);
    assert_non_null(commands);
    assert_int_equal(commands->items[0].kind, COMMAND_FORMAT);
    assert_string_equal(commands->items[0].format, "x");
    script_commands_free(commands);

    assert_int_equal(load(fixture, "return { connect = function() return { format = 'x' } end }"),
                     0);
    assert_null(
        script_client(fixture->script, &client, &call, fixture->failure, sizeof fixture->failure));
    assert_non_null(strstr(fixture->failure, "the format 'x', which is none of those"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(an_event_becomes_a_string_or_json),
        TEST(a_second_result_makes_it_binary),
        TEST(nil_leaves_it_out),
        TEST(what_goes_wrong_is_told),
        TEST(formats_are_functions_by_name),
        TEST(a_client_chooses_one_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
