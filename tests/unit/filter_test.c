// SPDX-License-Identifier: MIT
// Tests of filter.c; also run under ThreadSanitizer.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

#include "rowcast/filter.h"

static void no_filter_wants_everything(void **state)
{
    (void)state;
    assert_true(filter_wants(NULL, 0));
    assert_true(filter_wants(NULL, UINT64_MAX));
    assert_null(filter_ref(NULL));
    filter_unref(NULL);
}

static void an_empty_filter_wants_nothing(void **state)
{
    struct filter *filter = filter_new(NULL, 0);

    (void)state;
    assert_false(filter_wants(filter, 0));
    assert_false(filter_wants(filter, 1));
    filter_unref(filter);
}

static void a_filter_wants_its_types_in_any_order(void **state)
{
    const uint64_t types[] = {UINT64_MAX, 7, 0, 7, 1ull << 63, 3};
    struct filter *filter = filter_new(types, 6);

    (void)state;
    for (int i = 0; i < 6; i++)
        assert_true(filter_wants(filter, types[i]));
    for (uint64_t type = 0; type < 20; type++)
        assert_int_equal(filter_wants(filter, type), type == 0 || type == 3 || type == 7);
    assert_false(filter_wants(filter, UINT64_MAX - 1));
    filter_unref(filter);
}

static void filters_of_every_size_agree_with_a_search_from_end_to_end(void **state)
{
    uint64_t types[40];

    (void)state;
    srand(4);
    for (uint32_t count = 0; count <= 40; count++) {
        for (uint32_t i = 0; i < count; i++)
            types[i] = (uint64_t)rand() % 64;
        struct filter *filter = filter_new(types, count);
        for (uint64_t type = 0; type < 64; type++) {
            bool wanted = false;
            for (uint32_t i = 0; i < count; i++)
                wanted = wanted || types[i] == type;
            assert_int_equal(filter_wants(filter, type), wanted);
        }
        filter_unref(filter);
    }
}

static void use_and_let_go(void *argument)
{
    struct filter **filters = argument;

    for (int i = 0; i < 10000; i++) {
        if (!filter_wants(filters[i], 5))
            abort();
        filter_unref(filters[i]);
    }
}

static void threads_share_filters(void **state)
{
    static struct filter *filters[10000];
    uv_thread_t thread;

    (void)state;
    for (int i = 0; i < 10000; i++)
        filters[i] = filter_ref(filter_new(&(uint64_t){5}, 1));
    uv_thread_create(&thread, use_and_let_go, filters);
    use_and_let_go(filters);
    uv_thread_join(&thread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_filter_wants_everything),
        cmocka_unit_test(an_empty_filter_wants_nothing),
        cmocka_unit_test(a_filter_wants_its_types_in_any_order),
        cmocka_unit_test(filters_of_every_size_agree_with_a_search_from_end_to_end),
        cmocka_unit_test(threads_share_filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
