// SPDX-License-Identifier: MIT
// Tests of subscribers.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rowcast/subscribers.h"

static uint32_t count_of(const struct subscribers *subscribers, uint32_t topic)
{
    uint32_t count;

    subscribers_of(subscribers, topic, &count);
    return count;
}

static void joining_and_leaving(void **state)
{
    struct subscribers all;
    struct subscriber a = {0}, b = {0};
    uint32_t count;

    (void)state;
    subscribers_init(&all);
    assert_int_equal(count_of(&all, 5), 0);
    assert_true(subscribers_join(&all, &a, 5, NULL));
    assert_false(subscribers_join(&all, &a, 5, NULL));
    assert_true(subscribers_join(&all, &b, 5, NULL));
    assert_int_equal(count_of(&all, 5), 2);
    assert_true(subscribers_leave(&all, &a, 5));
    assert_false(subscribers_leave(&all, &a, 5));
    assert_false(subscribers_leave(&all, &a, 99));
    assert_ptr_equal(subscribers_of(&all, 5, &count)->subscriber, &b);
    subscribers_leave_all(&all, &b, NULL, NULL);
    assert_int_equal(count_of(&all, 5), 0);
    assert_null(a.places);
    assert_null(b.places);
    subscribers_release(&all);
}

static void filters_are_owned_and_replaced(void **state)
{
    struct subscribers all;
    struct subscriber a = {0};
    struct filter *first = filter_new((uint64_t[]){1}, 1), *second = filter_new((uint64_t[]){2}, 1);
    uint32_t count;

    (void)state;
    subscribers_init(&all);
    subscribers_join(&all, &a, 0, filter_ref(first));
    assert_int_equal(atomic_load(&first->references), 2);
    subscribers_join(&all, &a, 0, filter_ref(second));
    assert_int_equal(atomic_load(&first->references), 1);
    assert_ptr_equal(subscribers_of(&all, 0, &count)->filter, second);
    subscribers_join(&all, &a, 0, NULL);
    assert_int_equal(atomic_load(&second->references), 1);
    subscribers_join(&all, &a, 0, filter_ref(first));
    subscribers_leave(&all, &a, 0);
    assert_int_equal(atomic_load(&first->references), 1);
    filter_unref(first);
    filter_unref(second);
    subscribers_release(&all);
}

static void note_emptied(void *user, uint32_t topic)
{
    ((int *)user)[topic]++;
}

static void emptied_topics_are_told(void **state)
{
    struct subscribers all;
    struct subscriber a = {0}, b = {0};
    int emptied[8] = {0};

    (void)state;
    subscribers_init(&all);
    for (uint32_t topic = 0; topic < 8; topic++) {
        subscribers_join(&all, &a, topic, NULL);
        if (topic % 2 == 0)
            subscribers_join(&all, &b, topic, NULL);
    }
    subscribers_leave_all(&all, &a, note_emptied, emptied);
    for (int topic = 0; topic < 8; topic++)
        assert_int_equal(emptied[topic], topic % 2);
    subscribers_leave_all(&all, &a, note_emptied, emptied);
    subscribers_leave_all(&all, &b, note_emptied, emptied);
    assert_int_equal(emptied[0], 1);
    subscribers_release(&all);
}

// ---- against a naive model: a matrix ----

enum { PEOPLE = 40, TOPICS = 60 };

static void assert_like(const struct subscribers *all, struct subscriber people[PEOPLE],
                        struct filter *model[PEOPLE][TOPICS], bool member[PEOPLE][TOPICS])
{
    for (uint32_t topic = 0; topic < TOPICS; topic++) {
        uint32_t count, expected = 0;
        const struct subscription *subscriptions = subscribers_of(all, topic, &count);
        for (int who = 0; who < PEOPLE; who++)
            expected += member[who][topic];
        assert_int_equal(count, expected);
        for (uint32_t i = 0; i < count; i++) {
            long who = subscriptions[i].subscriber - people;
            assert_true(member[who][topic]);
            assert_ptr_equal(subscriptions[i].filter, model[who][topic]);
            for (uint32_t j = 0; j < i; j++)
                assert_ptr_not_equal(subscriptions[i].subscriber, subscriptions[j].subscriber);
        }
    }
}

static void it_is_a_matrix(void **state)
{
    struct subscribers all;
    static struct subscriber people[PEOPLE];
    static struct filter *model[PEOPLE][TOPICS];
    static bool member[PEOPLE][TOPICS];

    (void)state;
    srand(11);
    subscribers_init(&all);
    for (int round = 0; round < 30000; round++) {
        int who = rand() % PEOPLE, what = rand() % 100;
        uint32_t topic = (uint32_t)(rand() % TOPICS);
        if (what < 60) {
            struct filter *filter = rand() % 2 ? filter_new((uint64_t[]){topic}, 1) : NULL;
            assert_int_equal(subscribers_join(&all, &people[who], topic, filter),
                             !member[who][topic]);
            model[who][topic] = filter;
            member[who][topic] = true;
        } else if (what < 98) {
            assert_int_equal(subscribers_leave(&all, &people[who], topic), member[who][topic]);
            member[who][topic] = false;
        } else {
            subscribers_leave_all(&all, &people[who], NULL, NULL);
            memset(member[who], 0, sizeof member[who]);
        }
        if (round % 100 == 0)
            assert_like(&all, people, model, member);
    }
    assert_like(&all, people, model, member);
    for (int who = 0; who < PEOPLE; who++)
        subscribers_leave_all(&all, &people[who], NULL, NULL);
    subscribers_release(&all);
}

// ---- the extremes, in time that would show anything that is not constant ----

static void assert_quick(clock_t before)
{
    assert_true(clock() - before < 5 * CLOCKS_PER_SEC);
}

static void one_topic_and_many_clients(void **state)
{
    enum { MANY = 100000 };
    struct subscribers all;
    struct subscriber *people = calloc(MANY, sizeof *people);
    clock_t before = clock();

    (void)state;
    subscribers_init(&all);
    for (int i = 0; i < MANY; i++)
        subscribers_join(&all, &people[i], 0, NULL);
    assert_int_equal(count_of(&all, 0), MANY);
    for (int i = 0; i < MANY; i++)
        subscribers_leave(&all, &people[(i * 7919) % MANY], 0);
    assert_int_equal(count_of(&all, 0), 0);
    assert_quick(before);
    subscribers_release(&all);
    free(people);
}

static void many_topics_and_one_client(void **state)
{
    enum { MANY = 100000 };
    struct subscribers all;
    struct subscriber one = {0};
    clock_t before = clock();

    (void)state;
    subscribers_init(&all);
    for (uint32_t i = 0; i < MANY; i++)
        subscribers_join(&all, &one, i, NULL);
    assert_int_equal(one.count, MANY);
    for (uint32_t i = 0; i < MANY; i += 2)
        assert_true(subscribers_leave(&all, &one, i));
    assert_int_equal(one.count, MANY / 2);
    subscribers_leave_all(&all, &one, NULL, NULL);
    assert_quick(before);
    subscribers_release(&all);
}

static void a_thousand_topics_each(void **state)
{
    enum { CLIENTS = 200, EACH = 1000 };
    struct subscribers all;
    struct subscriber people[CLIENTS] = {0};
    clock_t before = clock();

    (void)state;
    subscribers_init(&all);
    for (int who = 0; who < CLIENTS; who++)
        for (uint32_t topic = 0; topic < EACH; topic++)
            subscribers_join(&all, &people[who], topic, NULL);
    assert_int_equal(count_of(&all, EACH - 1), CLIENTS);
    for (int who = 0; who < CLIENTS; who++)
        subscribers_leave_all(&all, &people[who], NULL, NULL);
    assert_int_equal(count_of(&all, 0), 0);
    assert_quick(before);
    subscribers_release(&all);
}

// A million of each.
static void churn_leaves_nothing(void **state)
{
    struct subscribers all;
    struct subscriber one = {0};

    (void)state;
    subscribers_init(&all);
    for (int round = 0; round < 10000; round++) {
        for (uint32_t topic = 0; topic < 100; topic++)
            subscribers_join(&all, &one, topic, NULL);
        for (uint32_t topic = 0; topic < 100; topic++)
            subscribers_leave(&all, &one, topic);
        assert_null(one.places);
    }
    assert_true(all.capacity < 256);
    subscribers_release(&all); // LeakSanitizer sees what a topic would still hold
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joining_and_leaving),
        cmocka_unit_test(filters_are_owned_and_replaced),
        cmocka_unit_test(emptied_topics_are_told),
        cmocka_unit_test(it_is_a_matrix),
        cmocka_unit_test(one_topic_and_many_clients),
        cmocka_unit_test(many_topics_and_one_client),
        cmocka_unit_test(a_thousand_topics_each),
        cmocka_unit_test(churn_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
