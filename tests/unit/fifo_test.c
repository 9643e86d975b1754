// SPDX-License-Identifier: MIT
// Tests of fifo.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rowcast/fifo.h"

static void first_in_first_out(void **state)
{
    struct fifo fifo;
    uint64_t next_in = 0, next_out = 0;

    (void)state;
    srand(5);
    fifo_init(&fifo, sizeof(uint64_t));
    assert_null(fifo_first(&fifo));
    for (int round = 0; round < 20000; round++) {
        uint64_t batch[100];
        size_t count = (size_t)rand() % 100;
        for (size_t i = 0; i < count; i++)
            batch[i] = next_in++;
        fifo_append(&fifo, batch, count);
        for (size_t out = (size_t)rand() % 101; out > 0 && fifo.count > 0; out--) {
            assert_true(*(uint64_t *)fifo_first(&fifo) == next_out++);
            fifo_drop_first(&fifo);
        }
        assert_int_equal(fifo.count, next_in - next_out);
    }
    fifo_release(&fifo);
}

static void all_lie_side_by_side(void **state)
{
    struct fifo fifo;
    int numbers[] = {1, 2, 3, 4};

    (void)state;
    fifo_init(&fifo, sizeof(int));
    fifo_append(&fifo, numbers, 4);
    fifo_drop_first(&fifo);
    int *all = fifo_first(&fifo);
    assert_int_equal(all[0] + all[1] * 10 + all[2] * 100, 432);
    fifo_clear(&fifo);
    assert_int_equal(fifo.count, 0);
    assert_null(fifo_first(&fifo));
    fifo_release(&fifo);
}

static void a_long_queue_that_never_empties_does_not_creep(void **state)
{
    struct fifo fifo;
    uint64_t number = 0;

    (void)state;
    fifo_init(&fifo, sizeof number);
    for (int i = 0; i < 10; i++)
        fifo_append(&fifo, &number, 1);
    for (int i = 0; i < 1000000; i++) {
        fifo_append(&fifo, &number, 1);
        fifo_drop_first(&fifo);
    }
    assert_true(fifo.capacity <= 128);
    fifo_release(&fifo);
}

static void a_burst_gives_its_memory_back(void **state)
{
    struct fifo fifo;
    uint64_t number = 0;

    (void)state;
    fifo_init(&fifo, sizeof number);
    for (int i = 0; i < 100000; i++)
        fifo_append(&fifo, &number, 1);
    while (fifo.count > 0)
        fifo_drop_first(&fifo);
    assert_int_equal(fifo.capacity, 0);
    fifo_append(&fifo, &number, 1);
    assert_int_equal(fifo.count, 1);
    fifo_release(&fifo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_in_first_out),
        cmocka_unit_test(all_lie_side_by_side),
        cmocka_unit_test(a_long_queue_that_never_empties_does_not_creep),
        cmocka_unit_test(a_burst_gives_its_memory_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
