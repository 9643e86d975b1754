// SPDX-License-Identifier: MIT
// Tests of core/base/watch.c: which changes are seen, and which are nobody's business.
#include "rowcast/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const subfolders[] = {"tables", "lib", NULL};

struct fixture {
    char folder[64], path[128]; // of all, of the scripts
    int descriptor;
    struct watch_view view;
};

static void sh(const struct fixture *fixture, const char *command)
{
    char line[1000];
    snprintf(line, sizeof line, "cd '%s' && %s", fixture->folder, command);
    assert_int_equal(system(line), 0);
}

static void look(struct fixture *fixture)
{
    struct watch_view view;
    watch_look(&view, &fixture->descriptor, fixture->path, subfolders);
    watch_leave(fixture->descriptor, &fixture->view, &view);
    watch_view_release(&fixture->view);
    fixture->view = view;
    watch_read(fixture->descriptor, &fixture->view); // what was left
}

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->folder, "/tmp/rowcast-watch-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->descriptor = -1;
    snprintf(fixture->path, sizeof fixture->path, "%s/scripts", fixture->folder);
    sh(fixture, "mkdir -p scripts/tables scripts/lib/deep && touch scripts/tables/a.lua");
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    sh(fixture, "rm -rf \"$PWD\"");
    watch_view_release(&fixture->view);
    if (fixture->descriptor >= 0)
        close(fixture->descriptor);
    free(fixture);
    return 0;
}

static bool sees(struct fixture *fixture, const char *command)
{
    look(fixture);
    sh(fixture, command);
    return watch_read(fixture->descriptor, &fixture->view);
}

static void every_way_of_saving_is_seen(void **state)
{
    static const char *const ways[] = {
        "echo >> scripts/tables/a.lua",
        "echo > scripts/new && mv scripts/new scripts/tables/a.lua",
        "echo > scripts/tables/.a.lua.Xy1 && mv scripts/tables/.a.lua.Xy1 scripts/tables/a.lua",
        "mv scripts/tables/a.lua scripts/tables/a.lua~ && echo > scripts/tables/a.lua",
        "chmod 000 scripts/tables/a.lua",
        "rm scripts/tables/a.lua",
        "touch scripts/client.lua",
        "touch scripts/lib/deep/x.lua",
        "mkdir scripts/lib/deep/er",
        "touch scripts/lib/deep/er/x.lua",
        "rm -r scripts/lib",
        "mkdir scripts/lib",
        "rm -r scripts/tables",
        "ln -s lib scripts/tables",
        "touch scripts/tables/b.lua",
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (!sees(*state, ways[i]))
            fail_msg("not seen: %s", ways[i]);
    assert_string_equal(((struct fixture *)*state)->view.blind, "");
}

static void what_is_beside_it_is_not(void **state)
{
    static const char *const ways[] = {
        "echo > scripts/tables/.a.lua.swp && rm scripts/tables/.a.lua.swp",
        "echo > scripts/tables/a.lua~",
        "echo > 'scripts/#a.lua#' && ln -s nowhere scripts/.#a.lua",
        "cat scripts/tables/a.lua >list && ls -R scripts >list",
        "touch README && mkdir other && touch other/a.lua",
        "touch scripts/notes.txt",
        "touch scripts.old && rm scripts.old",
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (sees(*state, ways[i]))
            fail_msg("seen: %s", ways[i]);
}

static void links_that_lead_elsewhere_are_seen(void **state)
{
    struct fixture *fixture = *state;
    sh(fixture, "mkdir -p releases/1 releases/2 && mv scripts releases/1/ && "
                "cp -r releases/1/scripts releases/2 && ln -s releases/1 current");
    snprintf(fixture->path, sizeof fixture->path, "%s/current/scripts", fixture->folder);
    assert_true(sees(fixture, "ln -s releases/2 next && mv -T next current"));
    assert_false(sees(fixture, "touch releases/1/scripts/tables/a.lua"));
    assert_true(sees(fixture, "touch releases/2/scripts/tables/a.lua"));
    assert_true(sees(fixture, "ln -s \"$PWD/releases/1\" next && mv -T next current"));
    assert_true(sees(fixture, "mv releases/1 releases/0"));
    assert_true(sees(fixture, "mkdir -p releases/1/scripts"));
    assert_true(sees(fixture, "mv releases old"));
    assert_true(sees(fixture, "mkdir releases"));
    assert_true(sees(fixture, "mv old/2 releases/1"));
    assert_true(sees(fixture, "rm current"));
    assert_true(sees(fixture, "mv releases/1 current"));
    assert_true(sees(fixture, "touch current/scripts/lib/a.lua"));
    assert_true(
        sees(fixture, "mv current/scripts/lib common && ln -s ../../common current/scripts/lib"));
    assert_true(sees(fixture, "touch common/deep/a.lua"));
    assert_true(sees(fixture, "ln -s ../scripts next && mv -T next current/scripts/lib"));
}

static void a_folder_that_goes_comes_back(void **state)
{
    assert_true(sees(*state, "mv scripts away"));
    assert_false(sees(*state, "touch away/tables/a.lua"));
    assert_true(sees(*state, "mv away scripts"));
    assert_true(sees(*state, "touch scripts/tables/a.lua"));
}

static void a_folder_of_links_in_a_ring_ends(void **state)
{
    struct fixture *fixture = *state;
    sh(fixture, "ln -s .. scripts/lib/ring && ln -s self scripts/lib/self");
    look(fixture);
    assert_true(fixture->view.count < 10000);
    assert_true(sees(fixture, "touch scripts/lib/a.lua"));
}

// A relative path begins where the program stands.
static void the_path_may_be_relative(void **state)
{
    struct fixture *fixture = *state;
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(fixture->folder), 0);
    strcpy(fixture->path, "./tables/../scripts/");
    sh(fixture, "mkdir tables");
    assert_true(sees(fixture, "touch scripts/tables/a.lua"));
    assert_int_equal(chdir(before), 0);
}

static void without_inotify_it_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit before, none = {0, 0};
    getrlimit(RLIMIT_NOFILE, &before);
    none.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_NOFILE, &none);
    watch_look(&fixture->view, &fixture->descriptor, fixture->path, subfolders);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(fixture->descriptor, -1);
    assert_non_null(strstr(fixture->view.blind, "sysctl -w fs.inotify.max_user_instances="));
    assert_true(sees(fixture, "touch scripts/tables/a.lua")); // later it works
    assert_string_equal(fixture->view.blind, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_way_of_saving_is_seen, begin, end),
        cmocka_unit_test_setup_teardown(what_is_beside_it_is_not, begin, end),
        cmocka_unit_test_setup_teardown(links_that_lead_elsewhere_are_seen, begin, end),
        cmocka_unit_test_setup_teardown(a_folder_that_goes_comes_back, begin, end),
        cmocka_unit_test_setup_teardown(a_folder_of_links_in_a_ring_ends, begin, end),
        cmocka_unit_test_setup_teardown(the_path_may_be_relative, begin, end),
        cmocka_unit_test_setup_teardown(without_inotify_it_says_so, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
