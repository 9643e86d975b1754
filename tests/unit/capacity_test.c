// SPDX-License-Identifier: MIT
// Tests of core/app/capacity.c: what is promised, what there is, and what is said of the difference.
#include "rowcast/capacity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "rowcast/buffer.h"

#define MIB (INT64_C(1) << 20)

struct fixture {
    struct settings settings;
    struct buffer said;
};

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    buffer_init(&fixture->said, 4096);
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->settings.layers)
        settings_release(&fixture->settings);
    buffer_release(&fixture->said);
    free(fixture);
    return 0;
}

static void note(void *user, const char *limit, const char *sentence)
{
    struct buffer *said = user;
    buffer_append_format(said, "%s: %s\n", limit, sentence);
}

static void read_settings(struct fixture *fixture, const char *max_connections)
{
    struct fault fault;
    char *arguments[] = {"--scripts", "/nonexistent", "--max-connections", (char *)max_connections};
    int count = max_connections ? 4 : 2;
    assert_int_equal(settings_read(&fixture->settings, count, arguments, NULL, NULL, 0, &fault), 0);
}

static const char *lacks(struct fixture *fixture, struct capacity capacity)
{
    fixture->said.size = 0;
    capacity_each_lack(&capacity, &fixture->settings, note, &fixture->said);
    buffer_append_byte(&fixture->said, '\0');
    return fixture->said.bytes;
}

static void enough_is_no_word_worth(void **state)
{
    read_settings(*state, "10000");
    struct capacity plenty = {1024, 10064, 4096, 1024 * MIB, false};
    struct capacity unknown = {1024, 10064, -1, -1, false};
    assert_string_equal(lacks(*state, plenty), "");
    assert_string_equal(lacks(*state, unknown), "");
}

static void each_lack_names_its_command(void **state)
{
    read_settings(*state, "100000");
    struct capacity little = {1024, 4096, 128, 256 * MIB, true};
    const char *said = lacks(*state, little);
    assert_non_null(strstr(said, "files: max_connections = 100000 needs 100064 file descriptors"));
    assert_non_null(strstr(said, "ulimit -n 100064\n"));
    assert_non_null(strstr(said, "backlog: "));
    assert_non_null(strstr(said, "sysctl -w net.core.somaxconn=4096\n"));
    assert_non_null(strstr(said, "memory: "));
    assert_non_null(strstr(said, "systemctl set-property rowcast MemoryMax="));
    little.grouped = false;
    assert_null(strstr(lacks(*state, little), "systemctl set-property"));
}

// The default is made of the limit of descriptors: it promises nothing.
static void a_number_that_nobody_chose_lacks_nothing(void **state)
{
    read_settings(*state, NULL);
    struct capacity little = {64, 64, 4096, 256 * MIB, true};
    assert_string_equal(lacks(*state, little), "");
}

static void clients_add_to_the_need(void **state)
{
    struct fixture *fixture = *state;
    read_settings(fixture, "1000");
    struct capacity_need need = capacity_need(&fixture->settings);
    assert_true(need.base > 64 * MIB && need.base < 256 * MIB);
    assert_int_equal(need.usual, need.base + 1000 * need.idle);
    assert_int_equal(need.ceiling, need.base + 1000 * need.worst);
    assert_true(need.worst > fixture->settings.max_queue + fixture->settings.max_message);
}

static void put(const char *folder, const char *name, const char *text)
{
    char command[400];
    snprintf(command, sizeof command, "mkdir -p $(dirname %s/%s) && printf '%s' >%s/%s", folder,
             name, text, folder, name);
    assert_int_equal(system(command), 0);
}

static int64_t group_memory(const char *folder, const char *groups)
{
    char path[100];
    put(folder, "self", groups);
    snprintf(path, sizeof path, "%s/self", folder);
    return capacity_group_memory(path, folder);
}

static void the_smallest_limit_of_the_groups_around_counts(void **state)
{
    char folder[] = "/tmp/rowcast-capacity-XXXXXX", command[100];
    (void)state;
    assert_non_null(mkdtemp(folder));
    put(folder, "a/b/memory.max", "max\\n");
    put(folder, "a/memory.max", "300000000\\n");
    put(folder, "memory/x/memory.limit_in_bytes", "9223372036854771712\\n");
    put(folder, "memory/y/memory.limit_in_bytes", "200000000\\n");
    assert_int_equal(group_memory(folder, "0::/a/b\\n"), 300000000);
    assert_int_equal(group_memory(folder, "0::/\\n"), -1);
    assert_int_equal(group_memory(folder, "1:cpu:/a\\n4:memory:/x\\n0::/\\n"), -1);
    assert_int_equal(group_memory(folder, "4:memory:/y/z\\n0::/a\\n"), 200000000);
    assert_int_equal(group_memory(folder, "nonsense\\n"), -1);
    assert_int_equal(capacity_group_memory("/nonexistent", folder), -1);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void raising_goes_to_the_hard_limit(void **state)
{
    struct rlimit limit;
    struct capacity capacity;
    (void)state;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 100;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    capacity_raise(&capacity);
    assert_int_equal(capacity.files_before, 100);
    assert_int_equal(capacity.files, limit.rlim_max);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(enough_is_no_word_worth),
        TEST(each_lack_names_its_command),
        TEST(a_number_that_nobody_chose_lacks_nothing),
        TEST(clients_add_to_the_need),
        TEST(the_smallest_limit_of_the_groups_around_counts),
        TEST(raising_goes_to_the_hard_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
