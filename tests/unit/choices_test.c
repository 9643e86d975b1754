// SPDX-License-Identifier: MIT
// Tests of choices.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/choices.h"

static void they_keep_the_order_of_subscribing(void **state)
{
    struct choices choices;

    (void)state;
    choices_init(&choices);
    assert_null(choices_find(&choices, 7));
    for (uint32_t topic = 1; topic <= 6; topic++)
        choices_add(&choices, topic, NULL);
    choices_remove(&choices, choices_find(&choices, 3));
    assert_null(choices_find(&choices, 3));
    choices_add(&choices, 3, NULL);
    choices_compact(&choices);
    static const uint32_t expected[] = {1, 2, 4, 5, 6, 3};
    assert_int_equal(choices.count, 6);
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(choices_items(&choices)[i].topic, expected[i]);
    choices_release(&choices);
}

static void filters_are_owned(void **state)
{
    struct choices choices;
    struct filter *filter = filter_new((uint64_t[]){1}, 1);

    (void)state;
    choices_init(&choices);
    choices_add(&choices, 1, filter_ref(filter));
    choices_add(&choices, 2, filter_ref(filter));
    choices_add(&choices, 3, NULL);
    assert_int_equal(filter->references, 3);
    choices_remove(&choices, choices_find(&choices, 1));
    assert_int_equal(filter->references, 2);
    choices_release(&choices);
    assert_int_equal(filter->references, 1);
    filter_unref(filter);
}

static uint32_t heard_of(uint32_t topic)
{
    return topic % 3 == 0 ? topic : topic + 1000;
}

// Against an array that is searched and moved.
static void random_choices_do_what_an_array_does(void **state)
{
    enum { TOPICS = 60, STEPS = 300000 };
    struct choices choices;
    uint32_t model[TOPICS], count = 0;

    (void)state;
    choices_init(&choices);
    for (int step = 0; step < STEPS; step++) {
        uint32_t topic = (uint32_t)rand() % (step / 1000 % 2 ? TOPICS : 12), at = 0;
        while (at < count && model[at] != topic)
            at++;
        struct choice *choice = choices_find(&choices, topic);
        assert_int_equal(choice != NULL, at < count);
        if (choice == NULL) {
            choices_add(&choices, topic, NULL);
            assert_int_equal(choices_find(&choices, topic)->heard, topic);
            choices_find(&choices, topic)->heard = heard_of(topic);
            model[count++] = topic;
        } else if (rand() % 3) {
            choices_remove(&choices, choice);
            memmove(model + at, model + at + 1, (--count - at) * sizeof *model);
        }
        if (rand() % 20 == 0) {
            choices_compact(&choices);
            assert_int_equal(choices.end, count);
            for (uint32_t i = 0; i < count; i++) {
                assert_int_equal(choices_items(&choices)[i].topic, model[i]);
                assert_int_equal(choices_items(&choices)[i].heard, heard_of(model[i]));
            }
        }
        assert_int_equal(choices.count, count);
        assert_true(choices.capacity <= 128); // holes are used again
    }
    choices_release(&choices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_keep_the_order_of_subscribing),
        cmocka_unit_test(filters_are_owned),
        cmocka_unit_test(random_choices_do_what_an_array_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
