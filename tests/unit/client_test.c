// SPDX-License-Identifier: MIT
// Tests of core/app/client.c.
#include "rowcast/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct client *make(void)
{
    struct handshake handshake = {.address = "127.0.0.1", .path = "/ws"};
    return client_new((struct client_ref){0, 1, 2}, &handshake);
}

static void ids_are_unlike(void **state)
{
    (void)state;
    struct topics topics;
    topics_init(&topics);
    struct client *a = make(), *b = make();
    assert_int_equal(strncmp(a->id, "client_", 7), 0);
    assert_int_equal(strspn(a->id + 7, "0123456789"), 10);
    assert_int_equal(strlen(strrchr(a->id, '_') + 1), 9);
    assert_int_equal(strspn(strrchr(a->id, '_') + 1, "0123456789abcdefghijklmnopqrstuvwxyz"), 9);
    assert_string_not_equal(a->id, b->id);
    client_free(a, &topics);
    client_free(b, &topics);
    topics_release(&topics);
}

static void held_messages_come_back_in_order(void **state)
{
    (void)state;
    struct topics topics;
    topics_init(&topics);
    struct client *client = make();
    assert_null(client_take_held(client));
    for (int i = 0; i < 100; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        client_hold(client, text, strlen(text), i % 2, 7);
    }
    for (int i = 0; i < 50; i++) {
        struct held_message *held = client_take_held(client);
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(held->size, strlen(text));
        assert_memory_equal(held->bytes, text, held->size);
        assert_int_equal(held->binary, i % 2);
        free(held);
    }
    client_free(client, &topics);
    topics_release(&topics);
}

static void what_is_under_way_is_given_back(void **state)
{
    (void)state;
    struct topics topics;
    topics_init(&topics);
    struct client *client = make();
    uint32_t a = topics_take(&topics, "a", 1), b = topics_take(&topics, "b", 1);
    choices_add(&client->choices, a, NULL);
    topics_ref(&topics, a); // as the worker knows it
    assert_false(client_is_busy(client));
    client_push_work(client, NULL, (struct missed_events){.topic = TOPIC_NONE});
    client_push_work(client, NULL, (struct missed_events){.topic = b});
    assert_true(client_is_busy(client));
    assert_int_equal(client_pop_work(client).topic, b);
    client_push_work(client, NULL, (struct missed_events){.topic = b});
    client_free(client, &topics);
    assert_int_equal(topics.live, 0);
    topics_release(&topics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_unlike),
        cmocka_unit_test(held_messages_come_back_in_order),
        cmocka_unit_test(what_is_under_way_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
