// SPDX-License-Identifier: MIT
// Tests of core/app/status.c: what is written of a router with more than a line of the log holds.
#include "rowcast/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rowcast/log.h"

#define TABLES 2000
#define LINE_MAX_SIZE (8 << 10)

static void more_than_a_line_holds_is_cut_and_says_so(void **state)
{
    static struct status_script tables[TABLES];
    static char line[2 * LINE_MAX_SIZE];
    (void)state;
    for (int i = 0; i < TABLES; i++)
        tables[i].file = "tables/depot.bays.lua";
    struct health health = {0};
    struct status status = {.version = "0",
                            .source = {.kind = "none"},
                            .health = &health,
                            .scripts = "scripts",
                            .reload = {.blind = ""},
                            .tables = tables,
                            .table_count = TABLES};
    FILE *log = tmpfile();
    int before = dup(STDERR_FILENO), cut = 0;
    log_setup(LOG_INFO, true);
    dup2(fileno(log), STDERR_FILENO);
    status_log(&status);
    log_drain();
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(log);
    while (fgets(line, sizeof line, log)) {
        assert_in_range(strlen(line), 1, LINE_MAX_SIZE);
        if (strstr(line, "depot.bays"))
            cut += strstr(line, "\"truncated\":true}\n") != NULL;
    }
    fclose(log);
    assert_int_equal(cut, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_than_a_line_holds_is_cut_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
