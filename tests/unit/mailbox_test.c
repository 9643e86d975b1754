// SPDX-License-Identifier: MIT
// Tests of mailbox.c; also run under ThreadSanitizer.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/mailbox.h"

#define SENDERS 4
#define MESSAGES 50000 // of each sender

struct message {
    uint32_t sender;
    uint32_t number;
};

// ---- many threads, one receiver ----

struct crowd {
    struct mailbox *mailbox;
    uint32_t next[SENDERS]; // the number each sender must come with
    uint32_t done;
    size_t batches;
};

struct sender {
    struct crowd *crowd;
    uint32_t index;
};

static void send_all(void *argument)
{
    struct sender *sender = argument;
    struct message batch[7];

    for (uint32_t number = 0; number < MESSAGES;) {
        size_t count = 0;
        while (count <= number % 7 && number < MESSAGES)
            batch[count++] = (struct message){sender->index, number++};
        mailbox_post(sender->crowd->mailbox, batch, count);
    }
}

static void receive_in_order(void *user, void *messages, size_t count)
{
    struct crowd *crowd = user;
    const struct message *message = messages;

    assert_true(count > 0);
    crowd->batches++;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(message[i].number, crowd->next[message[i].sender]);
        crowd->next[message[i].sender]++;
        crowd->done += message[i].number == MESSAGES - 1;
    }
}

static void messages_of_each_thread_come_once_and_in_order(void **state)
{
    struct crowd crowd = {0};
    struct sender senders[SENDERS];
    uv_thread_t threads[SENDERS];
    uv_loop_t loop;

    (void)state;
    uv_loop_init(&loop);
    crowd.mailbox = mailbox_new(&loop, sizeof(struct message), receive_in_order, &crowd);
    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){&crowd, i};
        assert_int_equal(uv_thread_create(&threads[i], send_all, &senders[i]), 0);
    }
    while (crowd.done < SENDERS)
        uv_run(&loop, UV_RUN_ONCE);
    // A sender whose last message is here may still be inside mailbox_post.
    for (int i = 0; i < SENDERS; i++)
        uv_thread_join(&threads[i]);
    mailbox_close(crowd.mailbox, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(crowd.next[i], MESSAGES);
    assert_true(crowd.batches <= SENDERS * MESSAGES);
    assert_int_equal(uv_loop_close(&loop), 0);
}

// ---- one thread ----

struct box {
    uv_loop_t loop;
    struct mailbox *mailbox;
    int seen[32];
    size_t count, batches;
};

static int set_up(void **state)
{
    struct box *box = calloc(1, sizeof *box);

    uv_loop_init(&box->loop);
    *state = box;
    return 0;
}

static int tear_down(void **state)
{
    struct box *box = *state;
    int closed;

    uv_run(&box->loop, UV_RUN_DEFAULT);
    closed = uv_loop_close(&box->loop);
    free(box);
    return closed;
}

static void keep(void *user, void *messages, size_t count)
{
    struct box *box = user;

    box->batches++;
    for (size_t i = 0; i < count; i++)
        box->seen[box->count++] = ((int *)messages)[i];
}

static void posts_between_two_turns_come_as_one_batch(void **state)
{
    struct box *box = *state;

    box->mailbox = mailbox_new(&box->loop, sizeof(int), keep, box);
    mailbox_post(box->mailbox, (int[]){1, 2}, 2);
    mailbox_post(box->mailbox, NULL, 0);
    mailbox_post(box->mailbox, (int[]){3}, 1);
    uv_run(&box->loop, UV_RUN_NOWAIT);
    assert_int_equal(box->batches, 1);
    assert_int_equal(box->count, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(box->seen[i], i + 1);

    uv_run(&box->loop, UV_RUN_NOWAIT);
    assert_int_equal(box->batches, 1); // an empty mailbox delivers nothing
    mailbox_close(box->mailbox, NULL);
}

static void post_more(void *user, void *messages, size_t count)
{
    struct box *box = user;
    int first = ((int *)messages)[0];

    keep(user, messages, count);
    if (first < 5) // would lock up if the lock were held
        mailbox_post(box->mailbox, (int[]){first + 1}, 1);
    else
        mailbox_close(box->mailbox, NULL);
}

static void what_is_posted_during_a_delivery_comes_next(void **state)
{
    struct box *box = *state;

    box->mailbox = mailbox_new(&box->loop, sizeof(int), post_more, box);
    mailbox_post(box->mailbox, (int[]){1}, 1);
    uv_run(&box->loop, UV_RUN_DEFAULT);
    assert_int_equal(box->batches, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(box->seen[i], i + 1);
}

static void post_one(void *argument)
{
    mailbox_post(argument, (int[]){2}, 1);
}

static void wait_for_a_sender(void *user, void *messages, size_t count)
{
    struct box *box = user;
    uv_thread_t thread;

    keep(user, messages, count);
    if (box->batches == 1) {
        uv_thread_create(&thread, post_one, box->mailbox);
        uv_thread_join(&thread); // returns only if the sender need not wait for this delivery
        assert_int_equal(((int *)messages)[0], 1);
    } else {
        mailbox_close(box->mailbox, NULL);
    }
}

static void senders_do_not_wait_for_a_delivery(void **state)
{
    struct box *box = *state;

    box->mailbox = mailbox_new(&box->loop, sizeof(int), wait_for_a_sender, box);
    mailbox_post(box->mailbox, (int[]){1}, 1);
    uv_run(&box->loop, UV_RUN_DEFAULT);
    assert_int_equal(box->count, 2);
    assert_int_equal(box->seen[1], 2);
}

static void never(void *user, void *messages, size_t count)
{
    (void)user, (void)messages, (void)count;
    fail();
}

static void what_is_inside_at_the_close_is_discarded_not_delivered(void **state)
{
    struct box *box = *state;

    box->mailbox = mailbox_new(&box->loop, sizeof(int), never, box);
    mailbox_post(box->mailbox, (int[]){1, 2, 3}, 3);
    mailbox_close(box->mailbox, keep);
    assert_int_equal(box->count, 3);
    assert_int_equal(box->seen[2], 3);
}

static void an_empty_mailbox_discards_nothing(void **state)
{
    struct box *box = *state;

    box->mailbox = mailbox_new(&box->loop, sizeof(int), never, box);
    mailbox_close(box->mailbox, never);
}

static void close_now(void *user, void *messages, size_t count)
{
    struct box *box = user;

    mailbox_post(box->mailbox, (int[]){9}, 1);
    mailbox_close(box->mailbox, keep);
    assert_int_equal(box->seen[0], 9);
    keep(user, messages, count); // the batch stays whole
}

static void closing_inside_a_delivery_discards_what_came_meanwhile(void **state)
{
    struct box *box = *state;

    box->mailbox = mailbox_new(&box->loop, sizeof(int), close_now, box);
    mailbox_post(box->mailbox, (int[]){1, 2}, 2);
    uv_run(&box->loop, UV_RUN_DEFAULT);
    assert_int_equal(box->count, 3);
    assert_int_equal(box->seen[2], 2);
}

#define TEST_IN_A_BOX(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_each_thread_come_once_and_in_order),
        TEST_IN_A_BOX(posts_between_two_turns_come_as_one_batch),
        TEST_IN_A_BOX(what_is_posted_during_a_delivery_comes_next),
        TEST_IN_A_BOX(senders_do_not_wait_for_a_delivery),
        TEST_IN_A_BOX(what_is_inside_at_the_close_is_discarded_not_delivered),
        TEST_IN_A_BOX(an_empty_mailbox_discards_nothing),
        TEST_IN_A_BOX(closing_inside_a_delivery_discards_what_came_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
