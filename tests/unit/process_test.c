// SPDX-License-Identifier: MIT
// Tests of core/base/process.c.
#include "rowcast/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void the_kernel_knows_this_process(void **state)
{
    (void)state;
    struct process_figures figures = {.descriptors = -1};
    process_measure(&figures);
    assert_true(figures.resident > 100000 && figures.resident <= figures.virtual_size);
    assert_true(figures.max_descriptors > 0);
    assert_int_equal(figures.threads, 1);
    assert_int_equal(figures.descriptors, -1);
    double now = (double)time(NULL);
    assert_true(figures.started > now - 300 && figures.started < now + 2);
}

static void work_takes_time(void **state)
{
    (void)state;
    struct process_figures before = {0}, after = {0};
    process_measure(&before);
    do
        process_measure(&after);
    while (after.cpu_seconds < before.cpu_seconds + 0.01);
    assert_true(before.started == after.started);
}

static void descriptors_are_counted(void **state)
{
    (void)state;
    int64_t before = process_count_descriptors();
    int fd = dup(0);
    assert_true(before >= 1);
    assert_int_equal(process_count_descriptors(), before + 1);
    close(fd);
    assert_int_equal(process_count_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernel_knows_this_process),
        cmocka_unit_test(work_takes_time),
        cmocka_unit_test(descriptors_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
