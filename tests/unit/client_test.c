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

static void topics_keep_the_order_of_subscribing(void **state)
{
    (void)state;
    struct topics topics;
    topics_init(&topics);
    struct client *client = make();
    uint32_t numbers[6];
    char name[2] = "a";
    for (int i = 0; i < 6; i++, name[0]++)
        client_add(client, numbers[i] = topics_take(&topics, name, 1));
    assert_true(client_remove(client, numbers[2]));
    topics_unref(&topics, numbers[2]);
    assert_false(client_remove(client, numbers[2]));
    assert_false(client_has(client, numbers[2]));
    assert_true(client_has(client, numbers[5]));
    assert_int_equal(client->topic_count, 5);
    assert_int_equal(client->topics[1], numbers[1]);
    assert_int_equal(client->topics[2], numbers[3]);
    client_free(client, &topics);
    assert_int_equal(topics.live, 0);
    topics_release(&topics);
}

static void held_messages_come_back_in_order_and_are_bounded(void **state)
{
    (void)state;
    struct topics topics;
    topics_init(&topics);
    struct client *client = make();
    for (int i = 0; i < CLIENT_MAX_HELD; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        assert_true(client_hold(client, text, strlen(text), i % 2, 7));
    }
    assert_false(client_hold(client, "x", 1, false, 7));
    for (int i = 0; i < CLIENT_MAX_HELD / 2; i++) {
        struct held_message *held = client_take_held(client);
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(held->size, strlen(text));
        assert_memory_equal(held->bytes, text, held->size);
        assert_int_equal(held->binary, i % 2);
        free(held);
    }
    assert_true(client_hold(client, "x", 1, false, 7));
    client_free(client, &topics);
    topics_release(&topics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_unlike),
        cmocka_unit_test(topics_keep_the_order_of_subscribing),
        cmocka_unit_test(held_messages_come_back_in_order_and_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
