// SPDX-License-Identifier: MIT
// Tests of core/app/settings.c: where values come from, and what is refused.
#include "rowcast/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rowcast/buffer.h"

#define MAX_ARGUMENTS 8

struct fixture {
    char folder[64];
    struct settings settings;
    struct fault fault;
};

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->folder, "/tmp/rowcast-settings-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    setenv("ROWCAST_SCRIPTS", fixture->folder, 1);
    unsetenv("WS_PORT");
    unsetenv("DATABASE_URL");
    *state = fixture;
    return 0;
}

static void path_of(const struct fixture *fixture, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", fixture->folder, name);
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    char path[128];
    if (fixture->settings.layers)
        settings_release(&fixture->settings);
    path_of(fixture, "config.lua", path);
    unlink(path);
    path_of(fixture, "rowcast.conf", path);
    unlink(path);
    rmdir(fixture->folder);
    free(fixture);
    return 0;
}

static void write_file(const struct fixture *fixture, const char *name, const char *text)
{
    char path[128];
    path_of(fixture, name, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

// Reads the words of `line` as a command line; a word "CONF" becomes the path of the settings file.
static int read_line(struct fixture *fixture, const char *line)
{
    static char words[512];
    char *arguments[MAX_ARGUMENTS], *rest = NULL, path[128];
    int count = 0;
    path_of(fixture, "rowcast.conf", path);
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        arguments[count++] = strcmp(word, "CONF") == 0 ? path : word;
    return settings_read(&fixture->settings, count, arguments, NULL, NULL, 0, &fixture->fault);
}

static void has_defaults(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(read_line(fixture, ""), 0);
    assert_int_equal(fixture->settings.port, 4001);
    assert_int_equal(fixture->settings.heartbeat, 30000);
    assert_int_equal(fixture->settings.max_message, 16384);
    assert_int_equal(fixture->settings.slot_limit, INT64_C(4) << 30);
    assert_false(fixture->settings.recreate_slot);
    assert_int_equal(fixture->settings.max_fragments, 1024);
    assert_int_equal(fixture->settings.rate.per_second, 100);
    assert_int_equal(fixture->settings.rate.burst, 2000);
    assert_null(fixture->settings.origins[0]);
    assert_null(fixture->settings.database);
    assert_string_equal(fixture->settings.paths[0], "/");
    assert_string_equal(fixture->settings.paths[1], "/ws");
    assert_null(fixture->settings.paths[2]);
}

static void later_layers_win(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "config.lua",
               "return { port = 1001, max_queue = '8KiB', slot = 'a', heartbeat = 'off', paths = { "
               "'/x' }, conflate = { 'market_state' } }");
    write_file(fixture, "rowcast.conf", "# a comment\n\nport = 1002\n slot=b \npublication = p\n");
    setenv("WS_PORT", "1003", 1);
    assert_int_equal(read_line(fixture, "--config CONF --publication=q"), 0);
    assert_int_equal(fixture->settings.port, 1003);
    assert_int_equal(fixture->settings.max_queue, 8192);
    assert_int_equal(fixture->settings.heartbeat, 0);
    assert_string_equal(fixture->settings.slot, "b");
    assert_string_equal(fixture->settings.publication, "q");
    assert_string_equal(fixture->settings.paths[0], "/x");
    assert_null(fixture->settings.paths[1]);
    assert_string_equal(fixture->settings.conflate[0], "market_state");
    assert_null(fixture->settings.conflate[1]);
}

static void limits_of_clients_are_read(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "config.lua",
               "return { rate = '7/s burst 9', origins = { 'https://a.com', 'http://b:1' } }");
    assert_int_equal(read_line(fixture, "--trusted-proxies=10.0.0.0/8,::1 --max-fragments 5"), 0);
    assert_int_equal(fixture->settings.rate.per_second, 7);
    assert_int_equal(fixture->settings.rate.burst, 9);
    assert_string_equal(fixture->settings.origins[0], "https://a.com");
    assert_string_equal(fixture->settings.origins[1], "http://b:1");
    assert_null(fixture->settings.origins[2]);
    assert_int_equal(fixture->settings.trusted_proxies.count, 2);
    assert_int_equal(fixture->settings.trusted_proxies.items[1].bits, 128);
    assert_int_equal(fixture->settings.max_fragments, 5);
    assert_int_equal(fixture->settings.max_connections_per_address, 0);
}

static void later_lists_replace_earlier_ones(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "config.lua", "return { origins = 'https://a.com', rate = 'off' }");
    assert_int_equal(read_line(fixture, "--origins=https://c.com"), 0);
    assert_string_equal(fixture->settings.origins[0], "https://c.com");
    assert_null(fixture->settings.origins[1]);
    assert_int_equal(fixture->settings.rate.per_second, 0);
}

static void flags_take_both_forms(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(read_line(fixture, "--port=0 --log-level debug --setup"), 0);
    assert_int_equal(fixture->settings.port, 0);
    assert_int_equal(fixture->settings.log_level, LOG_DEBUG);
    assert_true(fixture->settings.setup);
}

static void choices_are_words(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(read_line(fixture, "--log-level error"), 0);
    assert_int_equal(fixture->settings.log_level, LOG_ERROR);
    assert_int_equal(fixture->settings.on_error, ON_ERROR_SKIP);
    settings_release(&fixture->settings);
    assert_int_equal(read_line(fixture, "--log-level info --on-error=hold"), 0);
    assert_int_equal(fixture->settings.log_level, LOG_INFO);
    assert_int_equal(fixture->settings.on_error, ON_ERROR_HOLD);
}

static void a_flag_of_a_command_may_take_a_value(void **state)
{
    struct fixture *fixture = *state;
    const char *count = NULL;
    bool force = false;
    const struct settings_flag flags[] = {
        {"--force", &force, NULL}, {"--count", NULL, &count}, {0}};
    char *words[] = {"--count", "5", "--force"}, *one[] = {"--count=6"}, *none[] = {"--count"};
    assert_int_equal(settings_read(&fixture->settings, 3, words, flags, NULL, 0, &fixture->fault),
                     0);
    assert_string_equal(count, "5");
    assert_true(force);
    settings_release(&fixture->settings);
    assert_int_equal(settings_read(&fixture->settings, 1, one, flags, NULL, 0, &fixture->fault), 0);
    assert_string_equal(count, "6");
    settings_release(&fixture->settings);
    assert_int_equal(settings_read(&fixture->settings, 1, none, flags, NULL, 0, &fixture->fault),
                     -1);
    assert_int_equal(fixture->fault.code, EXIT_WRONG_USAGE);
}

static void note_unknown(void *user, const char *name, const char *near)
{
    struct buffer *text = user;
    buffer_append_format(text, "%s(%s)", name, near ? near : "");
}

static void unknown_variables_are_found(void **state)
{
    (void)state;
    struct buffer text;
    buffer_init(&text, 1000);
    setenv("ROWCAST_WROKERS", "2", 1);
    settings_each_unknown(note_unknown, &text);
    unsetenv("ROWCAST_WROKERS");
    settings_each_unknown(note_unknown, &text);
    buffer_append_byte(&text, '\0');
    assert_string_equal(text.bytes, "ROWCAST_WROKERS(ROWCAST_WORKERS)");
    buffer_release(&text);
}

static void refuses(struct fixture *fixture, const char *line, enum exit_code code,
                    const char *sentence)
{
    assert_int_equal(read_line(fixture, line), -1);
    assert_int_equal(fixture->fault.code, code);
    if (!strstr(fixture->fault.text, sentence))
        fail_msg("'%s' is not in: %s", sentence, fixture->fault.text);
}

static void an_unknown_flag_is_refused_with_a_suggestion(void **state)
{
    refuses(*state, "--prot=1", EXIT_WRONG_USAGE, "did you mean '--port'?");
}

static void an_unknown_key_is_refused_with_its_line(void **state)
{
    write_file(*state, "rowcast.conf", "port = 1\nmax_que = 8KiB\n");
    refuses(*state, "--config CONF", EXIT_CONFIGURATION,
            "rowcast.conf:2: there is no setting 'max_que'; did you mean 'max_queue'?");
}

static void a_comment_begins_where_a_word_could(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "rowcast.conf",
               "  # port = 1\nport = 2 # not 3\nslot = a#b\t# c\npublication = p\r\n");
    assert_int_equal(read_line(fixture, "--config CONF"), 0);
    assert_int_equal(fixture->settings.port, 2);
    assert_string_equal(fixture->settings.slot, "a#b");
    assert_string_equal(fixture->settings.publication, "p");
    assert_true(settings_given(&fixture->settings, "slot"));
    assert_false(settings_given(&fixture->settings, "history"));
}

static void a_value_of_the_file_is_refused_with_its_line(void **state)
{
    write_file(*state, "rowcast.conf", "\nport = 1\nworkers = many\n");
    refuses(*state, "--config CONF", EXIT_CONFIGURATION,
            "rowcast.conf:3): a whole number from 1 to 256 is expected");
}

static void what_is_no_settings_file_is_refused(void **state)
{
    char line[20000];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\0';
    write_file(*state, "rowcast.conf", line);
    refuses(*state, "--config CONF", EXIT_CONFIGURATION, "rowcast.conf:1: the line is longer");
    settings_release(&((struct fixture *)*state)->settings);
    refuses(*state, "--config /tmp", EXIT_CONFIGURATION, "'/tmp' cannot be read: Is a directory");
}

static void lists_of_the_scripts_are_no_flags(void **state)
{
    refuses(*state, "--paths=/x", EXIT_WRONG_USAGE, "there is no flag '--paths'");
}

static void an_unknown_key_of_the_scripts_is_refused(void **state)
{
    write_file(*state, "config.lua", "return { hearbeat = '1s' }");
    refuses(*state, "", EXIT_CONFIGURATION, "did you mean 'heartbeat'?");
}

static void a_broken_config_names_its_line(void **state)
{
    write_file(*state, "config.lua", "return {\n  port =\n}");
    refuses(*state, "", EXIT_CONFIGURATION, "config.lua:3:");
}

static void values_out_of_range_name_key_and_origin(void **state)
{
    refuses(*state, "--heartbeat 30", EXIT_CONFIGURATION,
            "heartbeat = 30 (--heartbeat): a duration with its unit");
}

static void lists_and_rates_say_what_is_expected(void **state)
{
    refuses(*state, "--rate 100", EXIT_CONFIGURATION, "such as 100/s burst 2000");
    settings_release(&((struct fixture *)*state)->settings);
    refuses(*state, "--origins example.com", EXIT_CONFIGURATION, "such as https://example.com");
    settings_release(&((struct fixture *)*state)->settings);
    refuses(*state, "--trusted-proxies=10.0.0.1/8", EXIT_CONFIGURATION, "such as 10.0.0.0/8");
    settings_release(&((struct fixture *)*state)->settings);
    refuses(*state, "--origins=,", EXIT_CONFIGURATION, "origins = , (--origins)");
}

static void a_flag_without_its_value_is_refused(void **state)
{
    refuses(*state, "--port", EXIT_WRONG_USAGE, "--port needs a value");
}

static void operands_beyond_the_limit_are_refused(void **state)
{
    refuses(*state, "somewhere", EXIT_WRONG_USAGE, "'somewhere' is one argument too many");
}

static void a_missing_file_is_refused(void **state)
{
    refuses(*state, "--config /nowhere/rowcast.conf", EXIT_CONFIGURATION,
            "'/nowhere/rowcast.conf' cannot be read");
}

static void printing_hides_secrets(void **state)
{
    struct fixture *fixture = *state;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(read_line(fixture, "--database=postgresql://u:hunter2@h/d"), 0);
    settings_print(&fixture->settings, out);
    fclose(out);
    assert_null(strstr(text, "hunter2"));
    assert_non_null(strstr(text, "# --database"));
    assert_non_null(strstr(text, "# default"));
    free(text);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(has_defaults),
        TEST(later_layers_win),
        TEST(limits_of_clients_are_read),
        TEST(later_lists_replace_earlier_ones),
        TEST(flags_take_both_forms),
        TEST(choices_are_words),
        TEST(a_flag_of_a_command_may_take_a_value),
        TEST(unknown_variables_are_found),
        TEST(an_unknown_flag_is_refused_with_a_suggestion),
        TEST(an_unknown_key_is_refused_with_its_line),
        TEST(a_comment_begins_where_a_word_could),
        TEST(a_value_of_the_file_is_refused_with_its_line),
        TEST(what_is_no_settings_file_is_refused),
        TEST(lists_of_the_scripts_are_no_flags),
        TEST(an_unknown_key_of_the_scripts_is_refused),
        TEST(a_broken_config_names_its_line),
        TEST(values_out_of_range_name_key_and_origin),
        TEST(lists_and_rates_say_what_is_expected),
        TEST(a_flag_without_its_value_is_refused),
        TEST(operands_beyond_the_limit_are_refused),
        TEST(a_missing_file_is_refused),
        TEST(printing_hides_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
