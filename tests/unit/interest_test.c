// SPDX-License-Identifier: MIT
// Tests of interest.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/interest.h"

static void it_comes_and_goes(void **state)
{
    struct interest interest;

    (void)state;
    interest_init(&interest, 2);
    assert_false(interest_has(&interest, 1000000, 1));
    uint32_t number = interest_add(&interest, 7, 1);
    assert_true(interest_has(&interest, 7, 1));
    assert_false(interest_has(&interest, 7, 0));
    assert_false(interest_has(&interest, 6, 1));
    interest_emptied(&interest, 7, 1, number);
    assert_false(interest_has(&interest, 7, 1));
    interest_emptied(&interest, 1000000, 0, 1);
    interest_release(&interest);
}

// The worker had not seen the newest subscription when it found the topic empty.
static void what_is_under_way_counts(void **state)
{
    struct interest interest;

    (void)state;
    interest_init(&interest, 1);
    uint32_t first = interest_add(&interest, 0, 0);
    uint32_t second = interest_add(&interest, 0, 0);
    interest_emptied(&interest, 0, 0, first);
    assert_true(interest_has(&interest, 0, 0));
    interest_emptied(&interest, 0, 0, second);
    assert_false(interest_has(&interest, 0, 0));
    interest_release(&interest);
}

static void numbers_wrap(void **state)
{
    struct interest interest;

    (void)state;
    interest_init(&interest, 1);
    interest.numbers[0] = UINT32_MAX - 1;
    uint32_t before = interest_add(&interest, 0, 0), after = interest_add(&interest, 0, 0);
    assert_int_equal(before, UINT32_MAX);
    assert_int_equal(after, 1);
    interest_emptied(&interest, 0, 0, before);
    assert_true(interest_has(&interest, 0, 0));
    interest_emptied(&interest, 0, 0, after);
    assert_false(interest_has(&interest, 0, 0));
    interest_release(&interest);
}

// A brain and a worker with a queue between them each way: an event may go where nobody is left, but
// never stays away from a subscriber.
static void nobody_is_ever_left_out(void **state)
{
    enum { TOPICS = 5, CLIENTS = 4, QUEUE = 100000 };
    struct order {
        int topic, client;
        uint32_t number; // 0: the client leaves
    };
    static struct order orders[QUEUE];
    static struct order reports[QUEUE];
    int given = 0, done = 0, reported = 0, heard = 0;
    bool member[TOPICS][CLIENTS] = {{false}};
    uint32_t newest = 0;
    struct interest interest;

    (void)state;
    srand(1);
    interest_init(&interest, 1);
    while (given < QUEUE) {
        int what = rand() % 4, topic = rand() % TOPICS, client = rand() % CLIENTS;
        if (what == 0) {
            orders[given++] =
                (struct order){topic, client, interest_add(&interest, (uint32_t)topic, 0)};
        } else if (what == 1) {
            orders[given++] = (struct order){topic, client, 0};
        } else if (what == 2 && done < given) {
            struct order order = orders[done++];
            member[order.topic][order.client] = order.number != 0 && rand() % 4 > 0; // may be gone
            if (order.number != 0)
                newest = order.number;
            int left = 0;
            for (int i = 0; i < CLIENTS; i++)
                left += member[order.topic][i];
            if (left == 0)
                reports[reported++] = (struct order){order.topic, 0, newest};
        } else if (what == 3 && heard < reported) {
            interest_emptied(&interest, (uint32_t)reports[heard].topic, 0, reports[heard].number);
            heard++;
        }
        for (topic = 0; topic < TOPICS; topic++)
            for (client = 0; client < CLIENTS; client++)
                assert_true(!member[topic][client] || interest_has(&interest, (uint32_t)topic, 0));
    }
    interest_release(&interest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_comes_and_goes),
        cmocka_unit_test(what_is_under_way_counts),
        cmocka_unit_test(numbers_wrap),
        cmocka_unit_test(nobody_is_ever_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
