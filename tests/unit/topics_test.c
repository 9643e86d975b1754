// SPDX-License-Identifier: MIT
// Tests of topics.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rowcast/topics.h"

static void a_topic_lives_as_long_as_its_references(void **state)
{
    struct topics topics;

    (void)state;
    topics_init(&topics);
    assert_int_equal(topics_find(&topics, "a", 1), TOPIC_NONE);
    uint32_t a = topics_take(&topics, "a", 1);
    assert_int_equal(topics_take(&topics, "a", 1), a);
    topics_ref(&topics, a);
    assert_int_equal(topics.live, 1);
    topics_unref(&topics, a);
    topics_unref(&topics, a);
    assert_int_equal(topics_find(&topics, "a", 1), a);
    assert_string_equal(topics_name(&topics, a), "a");
    topics_unref(&topics, a);
    assert_int_equal(topics_find(&topics, "a", 1), TOPIC_NONE);
    assert_int_equal(topics.live, 0);
    topics_release(&topics);
}

static void numbers_are_small_and_used_again(void **state)
{
    struct topics topics;

    (void)state;
    topics_init(&topics);
    assert_int_equal(topics_take(&topics, "a", 1), 0);
    assert_int_equal(topics_take(&topics, "b", 1), 1);
    assert_int_equal(topics_take(&topics, "c", 1), 2);
    topics_unref(&topics, 1);
    assert_int_equal(topics_take(&topics, "d", 1), 1);
    assert_string_equal(topics_name(&topics, 1), "d");
    assert_int_equal(topics_find(&topics, "b", 1), TOPIC_NONE);
    topics_release(&topics);
}

static void names_are_bytes(void **state)
{
    struct topics topics;

    (void)state;
    topics_init(&topics);
    uint32_t with_nul = topics_take(&topics, "a\0b", 3);
    uint32_t short_one = topics_take(&topics, "a", 1);
    assert_int_not_equal(with_nul, short_one);
    assert_int_equal(topics_name_size(&topics, with_nul), 3);
    assert_memory_equal(topics_name(&topics, with_nul), "a\0b", 4);
    assert_int_equal(topics_name_size(&topics, topics_take(&topics, "", 0)), 0);
    topics_release(&topics);
    topics_release(&topics);
}

#define NAMES 300

static void it_does_what_a_table_of_counts_does(void **state)
{
    static uint32_t references[NAMES], numbers[NAMES];
    unsigned seed = (unsigned)time(NULL);
    struct topics topics;

    (void)state;
    srand(seed);
    topics_init(&topics);
    for (int step = 0; step < 200000; step++) {
        int at = rand() % NAMES;
        char name[16];
        size_t size = (size_t)snprintf(name, sizeof name, "market-%d", at);
        uint32_t found = topics_find(&topics, name, size);

        if ((found != TOPIC_NONE) != (references[at] > 0) ||
            (references[at] > 0 && found != numbers[at]))
            fail_msg("seed %u, step %d: %s is %u", seed, step, name, found);
        if (references[at] > 0 && rand() % 2 == 0) {
            assert_memory_equal(topics_name(&topics, found), name, size + 1);
            topics_unref(&topics, found);
            references[at]--;
        } else if (references[at] < 3) {
            numbers[at] = topics_take(&topics, name, size);
            references[at]++;
        }
    }
    uint32_t live = 0;
    for (int i = 0; i < NAMES; i++)
        live += references[i] > 0;
    assert_int_equal(topics.live, live);
    assert_true(topics.count <= 512);
    topics_release(&topics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topic_lives_as_long_as_its_references),
        cmocka_unit_test(numbers_are_small_and_used_again),
        cmocka_unit_test(names_are_bytes),
        cmocka_unit_test(it_does_what_a_table_of_counts_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
