// SPDX-License-Identifier: MIT
// Tests of core/script/bundle.c: what of a folder counts, and when two of them are the same.
#include "rowcast/bundle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rowcast/script.h"

static void sh(const char *folder, const char *command)
{
    char line[1000];
    snprintf(line, sizeof line, "cd '%s' && %s", folder, command);
    assert_int_equal(system(line), 0);
}

static int begin(void **state)
{
    char *folder = strdup("/tmp/rowcast-bundle-XXXXXX");
    assert_non_null(mkdtemp(folder));
    sh(folder, "mkdir -p tables lib/deep/er && echo 'return {}' > tables/a.lua && "
               "echo 'return 1' > lib/deep/er/one.lua && echo 'return {}' > client.lua");
    *state = folder;
    return 0;
}

static int end(void **state)
{
    sh(*state, "rm -rf \"$PWD\"");
    free(*state);
    return 0;
}

static struct bundle *read_all(const char *folder)
{
    struct fault fault;
    struct bundle *bundle;
    if (bundle_read(&bundle, folder, &fault) != 0)
        fail_msg("%s", fault.text);
    return bundle;
}

static uint64_t hash_of(const char *folder)
{
    struct bundle *bundle = read_all(folder);
    uint64_t hash = bundle->hash;
    bundle_free(bundle);
    return hash;
}

static void it_has_the_scripts_by_name(void **state)
{
    struct bundle *bundle = read_all(*state);
    assert_int_equal(bundle->count, 3);
    const struct bundle_file *file = bundle_find(bundle, "lib/deep/er/one.lua");
    assert_int_equal(file->size, 9);
    assert_memory_equal(file->bytes, "return 1\n", 9);
    assert_null(bundle_find(bundle, "lib/deep"));
    bundle_free(bundle);
}

static void what_editors_leave_does_not_count(void **state)
{
    uint64_t before = hash_of(*state);
    sh(*state, "touch tables/.a.lua.swp tables/4913 tables/a.lua~ 'tables/#a.lua#' .hidden.lua && "
               "ln -s nowhere tables/.#a.lua && mkdir tables/more other .git && "
               "touch tables/more/b.lua other/c.lua .git/d.lua && touch tables/a.lua");
    assert_int_equal(hash_of(*state), before);
}

static void names_and_contents_do(void **state)
{
    static const char *const changes[] = {
        "echo >> tables/a.lua",
        "echo >> lib/deep/er/one.lua",
        "mv tables/a.lua tables/b.lua",
        "mv lib/deep/er lib/deep/est",
        "rm client.lua",
        "touch config.lua",
        "ln -s ../t.lua lib/link.lua",
        "mv lib elsewhere",
    };
    uint64_t last = hash_of(*state);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        sh(*state, changes[i]);
        uint64_t hash = hash_of(*state);
        assert_int_not_equal(hash, last);
        last = hash;
    }
}

static void where_the_folder_lies_does_not_count(void **state)
{
    uint64_t before = hash_of(*state);
    sh(*state, "mkdir copy && cp -r tables lib client.lua copy && ln -s copy link");
    char path[200];
    snprintf(path, sizeof path, "%s/link", (char *)*state);
    assert_int_equal(hash_of(path), before);
}

static void subfolders_may_be_links(void **state)
{
    uint64_t before = hash_of(*state);
    sh(*state, "mv lib shared && ln -s shared lib && mv tables t && ln -s t tables");
    assert_int_equal(hash_of(*state), before);
}

static void a_loop_of_links_ends(void **state)
{
    sh(*state, "ln -s . lib/loop");
    struct bundle *bundle = read_all(*state);
    assert_true(bundle->count < 100);
    bundle_free(bundle);
}

static void a_folder_that_is_none_is_a_sentence(void **state)
{
    struct fault fault;
    struct bundle *bundle;
    char path[200];
    snprintf(path, sizeof path, "%s/nothing", (char *)*state);
    assert_int_equal(bundle_read(&bundle, path, &fault), -1);
    assert_non_null(
        strstr(fault.text, "nothing' cannot be read: it does not exist; --scripts DIR"));
    snprintf(path, sizeof path, "%s/client.lua", (char *)*state);
    assert_int_equal(bundle_read(&bundle, path, &fault), -1);
    assert_non_null(strstr(fault.text, "it is not a folder"));
    sh(*state, "rm -r tables && touch tables");
    assert_int_equal(bundle_read(&bundle, *state, &fault), -1);
    assert_non_null(strstr(fault.text, "/tables: cannot be read: Not a directory"));
}

// What is required only when a row comes is as old as the rest of the folder.
static void a_script_never_reads_again(void **state)
{
    struct fault fault;
    struct script *script;
    struct script_limits limits = {16 << 20, 256 << 10, SCRIPT_TIMEOUT};
    char failure[1000];
    sh(*state,
       "echo 'return { insert = print, snapshot = function() require(\"deep.er.one\") end }' > tables/a.lua");
    if (script_load(&script, *state, &limits, &fault) != 0)
        fail_msg("%s", fault.text);
    sh(*state, "echo 'error(\"new\")' > lib/deep/er/one.lua");
    struct script_queries *queries = script_snapshot(script, "t", 1, failure, sizeof failure);
    assert_non_null(queries);
    script_queries_free(queries);
    script_free(script);
}

static int line_of(const char *folder, const char *name, const char *key)
{
    struct bundle *bundle = read_all(folder);
    int line = bundle_line(bundle, name, key);
    bundle_free(bundle);
    return line;
}

static void it_finds_the_line_that_gives_a_key(void **state)
{
    sh(*state, "cat > tables/a.lua <<'END'\n"
               "local inserts = 1\n-- insert = 2\nif insert == 3 then end\nreturn {\n"
               "  insert = 4,\n  [\"end\"] = 5, update=6 }\nEND");
    assert_int_equal(line_of(*state, "tables/a.lua", "insert"), 5);
    assert_int_equal(line_of(*state, "tables/a.lua", "end"), 6);
    assert_int_equal(line_of(*state, "tables/a.lua", "update"), 6);
    assert_int_equal(line_of(*state, "tables/a.lua", "inserts"), 1);
    assert_int_equal(line_of(*state, "tables/a.lua", "delete"), 1);
    assert_int_equal(line_of(*state, "tables/a.lua", ""), 1);
    assert_int_equal(line_of(*state, "tables/none.lua", "insert"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_has_the_scripts_by_name, begin, end),
        cmocka_unit_test_setup_teardown(what_editors_leave_does_not_count, begin, end),
        cmocka_unit_test_setup_teardown(names_and_contents_do, begin, end),
        cmocka_unit_test_setup_teardown(where_the_folder_lies_does_not_count, begin, end),
        cmocka_unit_test_setup_teardown(subfolders_may_be_links, begin, end),
        cmocka_unit_test_setup_teardown(a_loop_of_links_ends, begin, end),
        cmocka_unit_test_setup_teardown(a_folder_that_is_none_is_a_sentence, begin, end),
        cmocka_unit_test_setup_teardown(a_script_never_reads_again, begin, end),
        cmocka_unit_test_setup_teardown(it_finds_the_line_that_gives_a_key, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
