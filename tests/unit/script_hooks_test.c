// SPDX-License-Identifier: MIT
// Tests of core/script: the hooks of client.lua, and the commands they return.
#include "rowcast/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char folder[64];
    struct script *script;
    struct script_client client;
    struct script_call call;
    struct script_commands *commands;
    char failure[4096];
    const char *topics[4];
    unsigned topics_asked;
};

static const char *subscription(void *user, size_t index)
{
    struct fixture *fixture = user;
    fixture->topics_asked++;
    return fixture->topics[index];
}

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->folder, "/tmp/rowcast-script-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->client = (struct script_client){
        .id = "c1",
        .address = "10.0.0.1",
        .path = "/ws",
        .query = "a=%20b",
        .subscription = subscription,
        .user = fixture,
    };
    fixture->call.hook = HOOK_MESSAGE;
    fixture->call.payload = "hello";
    fixture->call.payload_size = 5;
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    char path[96];
    script_commands_free(fixture->commands);
    script_free(fixture->script);
    snprintf(path, sizeof path, "%s/client.lua", fixture->folder);
    unlink(path);
    rmdir(fixture->folder);
    free(fixture);
    return 0;
}

// Loads this as client.lua.
static void load(struct fixture *fixture, const char *text)
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
    if (script_load(&fixture->script, fixture->folder, &limits, &fault) != 0)
        fail_msg("%s", fault.text);
}

static void call(struct fixture *fixture)
{
    script_commands_free(fixture->commands);
    fixture->commands = script_client(fixture->script, &fixture->client, &fixture->call,
                                      fixture->failure, sizeof fixture->failure);
}

static const char *const hook_names[HOOK_COUNT] = {"connect",      "message",   "subscribed",
                                                   "unsubscribed", "pong",      "snapshot_end",
                                                   "error",        "disconnect"};

// Runs the hook of the call with this body. Its arguments are client, a, b, c.
static void hook(struct fixture *fixture, const char *body)
{
    static char text[8192];
    snprintf(text, sizeof text, "return { %s = function(client, a, b, c)\n%s\nend }",
             hook_names[fixture->call.hook], body);
    load(fixture, text);
    call(fixture);
}

static struct script_command *commands_of(struct fixture *fixture, const char *body, size_t count)
{
    hook(fixture, body);
    if (!fixture->commands)
        fail_msg("%s", fixture->failure);
    assert_string_equal(fixture->failure, "");
    assert_int_equal(fixture->commands->count, count);
    return fixture->commands->items;
}

static void refused(struct fixture *fixture, const char *body, const char *sentence)
{
    hook(fixture, body);
    assert_null(fixture->commands);
    if (!strstr(fixture->failure, sentence) || !strstr(fixture->failure, "/client.lua:"))
        fail_msg("'%s' is not in: %s", sentence, fixture->failure);
}

static const char *sent(const struct script_command *command)
{
    static char text[8192];
    assert_int_equal(command->kind, COMMAND_SEND);
    const struct frame *frame = command->frame;
    int length = frame->bytes[1] & 127;
    size_t header = length < 126 ? 2 : length == 126 ? 4 : 10, size = frame->size - header;
    assert_true(size < sizeof text);
    memcpy(text, frame->bytes + header, size);
    text[size] = '\0';
    return text;
}

// What the hook sends when it returns this expression as a string.
static const char *said(struct fixture *fixture, const char *expression)
{
    char body[1024];
    snprintf(body, sizeof body, "return { send = tostring(%s) }", expression);
    return sent(commands_of(fixture, body, 1));
}

// ---- hooks and their arguments ----

static void every_hook_is_called_by_its_name(void **state)
{
    struct fixture *fixture = *state;
    fixture->call.word = "rate_limited";
    fixture->call.sentence = "Slower, please.";
    for (int i = 0; i < HOOK_COUNT; i++) {
        fixture->call.hook = (enum script_hook)i;
        assert_string_equal(said(fixture, "client.id"), "c1");
        for (int j = 0; j < HOOK_COUNT; j++)
            assert_int_equal(script_has_hook(fixture->script, (enum script_hook)j), i == j);
    }
}

static void a_hook_that_is_not_there_does_nothing(void **state)
{
    struct fixture *fixture = *state;
    load(fixture, "return { connect = function() return { pong = true } end }");
    call(fixture);
    assert_null(fixture->commands);
    assert_string_equal(fixture->failure, "");
}

static void hooks_get_their_arguments(void **state)
{
    struct fixture *fixture = *state;
    fixture->call.payload = "a\0b";
    fixture->call.payload_size = 3;
    fixture->call.binary = true;
    assert_string_equal(said(fixture, "#a .. tostring(b) .. tostring(c)"), "3truenil");
    fixture->call.payload = NULL;
    fixture->call.payload_size = 0;
    fixture->call.binary = false;
    assert_string_equal(said(fixture, "a .. tostring(b)"), "false");
    fixture->call.hook = HOOK_ERROR;
    fixture->call.word = "rate_limited";
    fixture->call.sentence = "Slower.";
    assert_string_equal(said(fixture, "a .. ' ' .. b .. ' ' .. tostring(c)"),
                        "rate_limited Slower. nil");
    fixture->call.with_result = true;
    fixture->call.topic = "x";
    assert_string_equal(said(fixture, "c.topic .. tostring(c.id)"), "xnil");
    fixture->call.hook = HOOK_DISCONNECT;
    fixture->call.with_result = false;
    fixture->call.code = 1006;
    assert_string_equal(said(fixture, "a"), "1006");
    fixture->call.hook = HOOK_CONNECT;
    assert_string_equal(said(fixture, "a"), "nil");
}

static void a_result_tells_what_took_effect(void **state)
{
    struct fixture *fixture = *state;
    fixture->call = (struct script_call){.hook = HOOK_SUBSCRIBED,
                                         .with_result = true,
                                         .topic = "m:1",
                                         .reason = "gap",
                                         .id = "0-1",
                                         .ref = "{\"n\":7}",
                                         .ref_size = 7,
                                         .recovered = true};
    assert_string_equal(said(fixture, "table.concat({ a.topic, a.reason, a.id, a.ref.n, "
                                      "tostring(a.recovered), a.subscription_count }, ' ')"),
                        "m:1 gap 0-1 7 true 0");
    assert_string_equal(said(fixture, "tostring(a.conflate)"), "nil");
    fixture->call.conflate = (const char *const[]){NULL};
    assert_string_equal(said(fixture, "tostring(a.conflate)"), "nil");
    fixture->call.conflate = (const char *const[]){"state", "price", NULL};
    assert_string_equal(said(fixture, "table.concat(a.conflate, ' ')"), "state price");
    assert_string_equal(said(fixture, "tostring(a.snapshot)"), "nil");
    fixture->call.with_snapshot = true;
    assert_string_equal(said(fixture, "a.snapshot"), "0");
    fixture->call.snapshot = 102;
    assert_string_equal(said(fixture, "a.snapshot"), "102");
    fixture->call.with_snapshot = false;
    fixture->call.hook = HOOK_PONG;
    fixture->call.reason = NULL;
    assert_string_equal(said(fixture, "tostring(a.recovered) .. tostring(a.reason)"), "nilnil");
}

static void client_shows_what_is_known(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(said(fixture, "client.id .. ' ' .. client.address .. ' ' .. client.path "
                                      ".. ' ' .. client.query"),
                        "c1 10.0.0.1 /ws a=%20b");
    assert_string_equal(said(fixture, "tostring(client.protocol) .. tostring(client.state) .. "
                                      "tostring(client.headers.cookie) .. tostring(client.x) .. "
                                      "tostring(client[1]) .. tostring(client[{}])"),
                        "nilnilnilnilnilnil");
    fixture->client.protocol = "v1";
    fixture->client.cookie = "k=v";
    fixture->client.user_agent = "me";
    fixture->client.origin = "https://x";
    assert_string_equal(said(fixture, "client.protocol .. client.headers.cookie .. "
                                      "client.headers['user-agent'] .. client.headers.origin"),
                        "v1k=vmehttps://x");
}

static void client_is_read_only_and_opaque(void **state)
{
    refused(*state, "client.id = 'x'", "client is read only; return { state = t }");
    assert_string_equal(said(*state, "getmetatable(client)"), "false");
    assert_string_equal(said(*state, "client"), "userdata");
}

static void subscriptions_are_listed_only_when_looked_at(void **state)
{
    struct fixture *fixture = *state;
    fixture->topics[0] = "m:1";
    fixture->topics[1] = "m:2";
    fixture->client.subscription_count = 2;
    fixture->call.hook = HOOK_SUBSCRIBED;
    fixture->call.with_result = true;
    assert_string_equal(said(fixture, "a.subscription_count"), "2");
    assert_int_equal(fixture->topics_asked, 0);
    assert_string_equal(said(fixture, "table.concat(a.subscriptions, ',')"), "m:1,m:2");
    assert_string_equal(said(fixture, "table.concat(client.subscriptions, ',')"), "m:1,m:2");
    fixture->topics_asked = 0;
    assert_string_equal(said(fixture, "a.subscriptions == a.subscriptions"), "true");
    assert_int_equal(fixture->topics_asked, 2);
    fixture->client.subscription_count = 0;
    commands_of(fixture, "return { send = { type = 't', timestamp = '', s = a.subscriptions } }",
                1);
    assert_string_equal(sent(fixture->commands->items),
                        "{\"type\":\"t\",\"s\":[],\"timestamp\":\"\"}");
}

static void a_client_kept_beyond_its_call_is_refused(void **state)
{
    struct fixture *fixture = *state;
    load(fixture, "local kept return { message = function(client) if kept then "
                  "return { send = kept.id } end kept = client end }");
    call(fixture);
    assert_non_null(fixture->commands);
    call(fixture);
    assert_null(fixture->commands);
    assert_non_null(strstr(fixture->failure, "a client was used after the call it was given to"));
}

static void a_subscribe_may_want_a_snapshot(void **state)
{
    assert_false(commands_of(*state, "return { subscribe = 'x' }", 1)->snapshot);
    assert_false(commands_of(*state, "return { subscribe = 'x', snapshot = false }", 1)->snapshot);
    assert_true(commands_of(*state, "return { subscribe = 'x', snapshot = true }", 1)->snapshot);
    refused(*state, "return { subscribe = 'x', snapshot = 1 }", "neither true nor false");
    refused(*state, "return { unsubscribe = 'x', snapshot = true }", "which it does not take");
}

static void a_subscribe_may_wait_for_a_position(void **state)
{
    struct script_command *command = commands_of(*state, "return { subscribe = 'x' }", 1);
    assert_false(command->has_after_lsn);
    command = commands_of(*state, "return { subscribe = 'x', after_lsn = '1/16B3748' }", 1);
    assert_true(command->has_after_lsn);
    assert_true(command->after_lsn == 0x1016B3748);
    command = commands_of(*state, "return { subscribe = 'x', after_lsn = '0/0' }", 1);
    assert_true(command->has_after_lsn);
    refused(*state, "return { subscribe = 'x', after_lsn = '16B3748' }", "not like 0/16B3748");
    refused(*state, "return { subscribe = 'x', after_lsn = 7 }", "'after_lsn' is a number");
    refused(*state, "return { unsubscribe = 'x', after_lsn = '0/1' }", "which it does not take");
}

// ---- lists of commands ----

static void nothing_returned_is_no_command(void **state)
{
    commands_of(*state, "", 0);
    commands_of(*state, "return nil", 0);
    commands_of(*state, "return false", 0);
    commands_of(*state, "return {}", 0);
}

static void a_list_is_done_in_order(void **state)
{
    struct script_command *commands = commands_of(
        *state,
        "return { { subscribe = 'x' }, { send = 'hi' }, { unsubscribe = 'x' }, { pong = true }, "
        "{ state = {} }, { close = 4000 } }",
        6);
    static const enum script_command_kind kinds[] = {COMMAND_SUBSCRIBE,   COMMAND_SEND,
                                                     COMMAND_UNSUBSCRIBE, COMMAND_PONG,
                                                     COMMAND_STATE,       COMMAND_CLOSE};
    for (int i = 0; i < 6; i++)
        assert_int_equal(commands[i].kind, kinds[i]);
}

static void what_is_no_command_is_refused(void **state)
{
    refused(*state, "return 5", "neither nil nor a command nor a list of commands");
    refused(*state, "return 'hi'", "neither nil nor a command nor a list of commands");
    refused(*state, "return { { send = 'x' }, 5 }", "something that is no command");
    refused(*state, "return { sned = 'x' }", "a command without send, close, state");
    refused(*state, "return { { send = 'x' }, {} }", "a command without send, close, state");
}

static void too_long_a_list_is_refused(void **state)
{
    static const char body[] = "local t = {} for i = 1, %d do t[i] = { pong = true } end return t";
    char text[128];
    snprintf(text, sizeof text, body, SCRIPT_MAX_COMMANDS);
    commands_of(*state, text, SCRIPT_MAX_COMMANDS);
    snprintf(text, sizeof text, body, SCRIPT_MAX_COMMANDS + 1);
    refused(*state, text, "more than 4096 commands");
}

static void unknown_keys_are_refused(void **state)
{
    refused(*state, "return { send = 'x', bianry = true }",
            "a 'send' command with 'bianry', which it does not take");
    refused(*state, "return { send = 'x', close = 4000 }", "a 'send' command with 'close'");
    refused(*state, "return { close = 4000, ref = 1 }", "a 'close' command with 'ref'");
    refused(*state, "return { state = {}, ref = 1 }", "a 'state' command with 'ref'");
    refused(*state, "return { unsubscribe = 'x', since = '1' }",
            "'unsubscribe' command with 'since'");
    refused(*state, "return { pong = true, id = 1 }", "a 'pong' command with 'id'");
    refused(*state, "return { { pong = true, [7] = 1 } }", "'pong' command with '[number]'");
}

// ---- send ----

static void a_string_goes_out_as_it_is(void **state)
{
    struct script_command *command = commands_of(*state, "return { send = 'a\\0\\255' }", 1);
    assert_int_equal(command->frame->bytes[0], 0x81);
    assert_int_equal(command->frame->size, 5);
    assert_memory_equal(command->frame->bytes + 2, "a\0\xff", 3);
    command = commands_of(*state, "return { send = '', binary = true }", 1);
    assert_int_equal(command->frame->bytes[0], 0x82);
    assert_int_equal(command->frame->size, 2);
    command = commands_of(*state, "return { send = 'x', binary = false }", 1);
    assert_int_equal(command->frame->bytes[0], 0x81);
}

static void a_table_goes_out_as_json_with_the_time(void **state)
{
    commands_of(*state, "return { send = { type = 'welcome', b = 1, a = {}, topic = 'x' } }", 1);
    const char *text = sent(((struct fixture *)*state)->commands->items);
    static const char start[] = "{\"type\":\"welcome\",\"timestamp\":\"2";
    assert_memory_equal(text, start, strlen(start));
    assert_non_null(strstr(text, "Z\",\"a\":{},\"b\":1,\"topic\":\"x\"}"));
    commands_of(*state, "return { send = { timestamp = 'mine', type = 'x' } }", 1);
    assert_string_equal(sent(((struct fixture *)*state)->commands->items),
                        "{\"type\":\"x\",\"timestamp\":\"mine\"}");
    commands_of(*state, "return { send = {} }", 1);
    assert_memory_equal(sent(((struct fixture *)*state)->commands->items), "{\"timestamp\":", 13);
}

static void a_list_goes_out_as_it_is(void **state)
{
    struct script_command *commands =
        commands_of(*state, "return { send = { cjson.null, 'a', { b = 1 } } }", 1);
    assert_string_equal(sent(commands), "[null,\"a\",{\"b\":1}]");
}

static void what_cannot_be_sent_is_refused(void **state)
{
    refused(*state, "return { send = 5 }", "'send' is neither a table nor a string");
    refused(*state, "return { send = true }", "'send' is neither a table nor a string");
    refused(*state, "return { send = { f = print } }", "a function cannot go into an event");
    refused(*state, "return { send = { x = 0 / 0 } }", "NaN");
    refused(*state, "return { send = { [5] = 1 } }", "a message has names as keys");
    refused(*state, "return { send = { x = ('y'):rep(300000) } }", "a message that is too large");
}

static void a_frame_can_be_taken(void **state)
{
    struct script_command *command = commands_of(*state, "return { send = 'x' }", 1);
    struct frame *frame = script_command_take_frame(command);
    assert_null(command->frame);
    frame_unref(frame);
}

static void frames_of_a_refused_list_are_dropped(void **state)
{
    refused(*state, "return { { send = 'x' }, { send = { a = 1 } }, { nonsense = 1 } }",
            "a command without");
}

// ---- close ----

static void close_codes_are_checked(void **state)
{
    static const char *const allowed[] = {"1000", "1001", "1003", "1007", "1008",
                                          "1011", "3000", "4003", "4999"};
    static const char *const others[] = {"0",    "999",  "1002",  "1004", "1005", "1006",
                                         "1012", "1015", "2999",  "5000", "-1",   "4000.5",
                                         "'x'",  "true", "1e300", "0/0",  "{}"};
    char body[64];
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        snprintf(body, sizeof body, "return { close = %s }", allowed[i]);
        struct script_command *command = commands_of(*state, body, 1);
        assert_int_equal(command->code, atoi(allowed[i]));
        assert_null(command->reason);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(body, sizeof body, "return { close = %s }", others[i]);
        refused(*state, body, "'close' is no close code");
    }
}

static void a_close_may_have_a_reason(void **state)
{
    struct script_command *command =
        commands_of(*state, "return { close = 4003, reason = 'go away' }", 1);
    assert_string_equal(command->reason, "go away");
    refused(*state, "return { close = 4003, reason = 5 }",
            "'reason' is a number; a string is expected");
}

// ---- state ----

static void state_comes_back_as_it_was_left(void **state)
{
    struct fixture *fixture = *state;
    struct script_command *command = commands_of(
        fixture, "return { state = { n = 1, list = { 'a' }, none = rowcast.array({}) } }", 1);
    char kept[128];
    snprintf(kept, sizeof kept, "%.*s", (int)command->state_size, command->state);
    assert_string_equal(kept, "{\"list\":[\"a\"],\"n\":1,\"none\":[]}");
    fixture->client.state = kept;
    fixture->client.state_size = strlen(kept);
    command = commands_of(fixture, "return { state = client.state }", 1);
    assert_int_equal(command->state_size, strlen(kept));
    assert_memory_equal(command->state, kept, strlen(kept));
}

static void state_is_a_table_of_up_to_4_kib(void **state)
{
    refused(*state, "return { state = 5 }", "'state' is no table");
    refused(*state, "return { state = rowcast.null }", "'state' is no table");
    refused(*state, "return { state = { f = print } }", "a function cannot go");
    // {"s":"..."} has eight bytes around the text
    struct script_command *command =
        commands_of(*state, "return { state = { s = ('x'):rep(4088) } }", 1);
    assert_int_equal(command->state_size, SCRIPT_MAX_STATE);
    refused(*state, "return { state = { s = ('x'):rep(4089) } }",
            "'state' takes 4097 bytes as JSON; at most 4096 are kept");
    refused(*state, "return { state = { s = ('x'):rep(300000) } }", "at most 4096 are kept");
}

// ---- subscribe, unsubscribe, pong ----

static void subscribe_takes_its_options(void **state)
{
    struct script_command *command = commands_of(
        *state,
        "return { subscribe = 'm:1', since = '0-1', events = { 'trade', 'market' }, ref = 7 }", 1);
    assert_int_equal(command->topic_size, 3);
    assert_string_equal(command->topic, "m:1");
    assert_string_equal(command->since, "0-1");
    assert_int_equal(command->since_size, 3);
    assert_int_equal(command->type_count, 2);
    assert_true(command->types[0] == event_type_hash("trade", 5));
    assert_true(command->types[1] == event_type_hash("market", 6));
    assert_string_equal(command->ref, "7");
    command = commands_of(*state, "return { subscribe = 'm:1' }", 1);
    assert_null(command->since);
    assert_null(command->types);
    assert_null(command->ref);
}

static void topics_are_checked(void **state)
{
    static const char *const verbs[] = {"subscribe", "unsubscribe"};
    char body[128];
    for (int i = 0; i < 2; i++) {
        snprintf(body, sizeof body, "return { %s = '' }", verbs[i]);
        refused(*state, body, "a topic that is not 1 to 255 bytes long");
        snprintf(body, sizeof body, "return { %s = ('x'):rep(256) }", verbs[i]);
        refused(*state, body, "a topic that is not 1 to 255 bytes long");
        snprintf(body, sizeof body, "return { %s = 'a\\0b' }", verbs[i]);
        refused(*state, body, "or has a NUL in it");
        snprintf(body, sizeof body, "return { %s = 5 }", verbs[i]);
        refused(*state, body, "is a number; a string is expected");
        snprintf(body, sizeof body, "return { %s = ('x'):rep(255) }", verbs[i]);
        assert_int_equal(commands_of(*state, body, 1)->topic_size, 255);
    }
}

static void options_of_subscribe_are_checked(void **state)
{
    static const char many[] = "local t = {} for i = 1, %d do t[i] = 't' .. i end "
                               "return { subscribe = 'x', events = t }";
    char body[128];
    refused(*state, "return { subscribe = 'x', since = 5 }", "'since' is a number");
    refused(*state, "return { subscribe = 'x', events = 'trade' }", "'events' is no list");
    refused(*state, "return { subscribe = 'x', events = { 5 } }", "no list of up to 64 strings");
    snprintf(body, sizeof body, many, 64);
    assert_int_equal(commands_of(*state, body, 1)->type_count, 64);
    snprintf(body, sizeof body, many, 65);
    refused(*state, body, "no list of up to 64 strings");
}

static void a_ref_is_any_json(void **state)
{
    static const char *const refs[][2] = {{"7", "7"},
                                          {"'a'", "\"a\""},
                                          {"false", "false"},
                                          {"rowcast.null", "null"},
                                          {"{ 1, { b = 2 } }", "[1,{\"b\":2}]"}};
    static const char *const verbs[] = {"subscribe = 'x'", "unsubscribe = 'x'", "pong = true"};
    struct fixture *fixture = *state;
    char body[128];
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < 3; j++) {
            snprintf(body, sizeof body, "return { %s, ref = %s }", verbs[j], refs[i][0]);
            struct script_command *command = commands_of(fixture, body, 1);
            assert_int_equal(command->ref_size, strlen(refs[i][1]));
            assert_memory_equal(command->ref, refs[i][1], command->ref_size);
        }
    refused(fixture, "return { pong = true, ref = print }", "a function cannot go");
    refused(fixture, "return { pong = true, ref = ('x'):rep(4095) }",
            "'ref' takes 4097 bytes as JSON; at most 4096 are kept");
}

static void a_ref_comes_back_in_the_result(void **state)
{
    struct fixture *fixture = *state;
    fixture->call = (struct script_call){.hook = HOOK_PONG, .with_result = true};
    fixture->call.ref = "[1,{\"b\":null}]";
    fixture->call.ref_size = strlen(fixture->call.ref);
    struct script_command *command = commands_of(fixture, "return { pong = true, ref = a.ref }", 1);
    assert_int_equal(command->ref_size, fixture->call.ref_size);
    assert_memory_equal(command->ref, fixture->call.ref, command->ref_size);
}

// ---- what goes wrong ----

static void a_hook_that_raises_is_told(void **state)
{
    struct fixture *fixture = *state;
    refused(fixture, "error('no')", "/client.lua:2: no");
    assert_non_null(strstr(fixture->failure, "stack traceback:"));
    refused(fixture, "error({})", "the error raised is a table value");
    refused(fixture, "return { send = cjson.decode(a) }", "invalid token");
}

static void a_hook_that_runs_away_is_stopped(void **state)
{
    struct fixture *fixture = *state;
    load(fixture, "return { message = function(client, a) "
                  "if a == 'loop' then while true do end end "
                  "if a == 'bomb' then return { send = ('x'):rep(1e8) } end "
                  "return { send = 'fine' } end }");
    static const char *const payloads[] = {"loop", "bomb"};
    static const char *const sentences[] = {"it ran for too long", "larger than 1 MiB"};
    for (int i = 0; i < 4; i++) {
        fixture->call.payload = payloads[i % 2];
        fixture->call.payload_size = 4;
        call(fixture);
        assert_null(fixture->commands);
        assert_non_null(strstr(fixture->failure, sentences[i % 2]));
        fixture->call.payload = "fine";
        call(fixture);
        assert_non_null(fixture->commands);
        assert_string_equal(sent(fixture->commands->items), "fine");
    }
}

static void rows_are_nothing_for_clients(void **state)
{
    assert_string_equal(said(*state, "type(rowcast.extend({ a = 1 }, {}))"), "table");
    refused(*state, "rowcast.extend(client, {})", "a row or a table expected");
    refused(*state, "return { send = { c = client } }", "only tables, rows and plain values");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(every_hook_is_called_by_its_name),
        TEST(a_hook_that_is_not_there_does_nothing),
        TEST(hooks_get_their_arguments),
        TEST(a_result_tells_what_took_effect),
        TEST(client_shows_what_is_known),
        TEST(client_is_read_only_and_opaque),
        TEST(subscriptions_are_listed_only_when_looked_at),
        TEST(a_client_kept_beyond_its_call_is_refused),
        TEST(a_subscribe_may_want_a_snapshot),
        TEST(a_subscribe_may_wait_for_a_position),
        TEST(nothing_returned_is_no_command),
        TEST(a_list_is_done_in_order),
        TEST(what_is_no_command_is_refused),
        TEST(too_long_a_list_is_refused),
        TEST(unknown_keys_are_refused),
        TEST(a_string_goes_out_as_it_is),
        TEST(a_table_goes_out_as_json_with_the_time),
        TEST(a_list_goes_out_as_it_is),
        TEST(what_cannot_be_sent_is_refused),
        TEST(a_frame_can_be_taken),
        TEST(frames_of_a_refused_list_are_dropped),
        TEST(close_codes_are_checked),
        TEST(a_close_may_have_a_reason),
        TEST(state_comes_back_as_it_was_left),
        TEST(state_is_a_table_of_up_to_4_kib),
        TEST(subscribe_takes_its_options),
        TEST(topics_are_checked),
        TEST(options_of_subscribe_are_checked),
        TEST(a_ref_is_any_json),
        TEST(a_ref_comes_back_in_the_result),
        TEST(a_hook_that_raises_is_told),
        TEST(a_hook_that_runs_away_is_stopped),
        TEST(rows_are_nothing_for_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
