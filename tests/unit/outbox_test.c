// SPDX-License-Identifier: MIT
// Tests of outbox.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <uv.h>

#include "rowcast/memory.h"
#include "rowcast/outbox.h"

struct brain {
    uv_loop_t loop;
    struct mailbox *mailbox;
    struct outbox outbox;
    size_t received;
};

static void on_reports(void *user, void *messages, size_t count)
{
    struct brain *brain = user;
    struct report *reports = messages;

    for (size_t i = 0; i < count; i++)
        assert_int_equal(reports[i].worker, 3);
    brain->received += count;
    reports_release(reports, count);
}

static int set_up(void **state)
{
    struct brain *brain = calloc(1, sizeof *brain);

    uv_loop_init(&brain->loop);
    brain->mailbox = mailbox_new(&brain->loop, sizeof(struct report), on_reports, brain);
    outbox_init(&brain->outbox, 3, brain->mailbox);
    *state = brain;
    return 0;
}

static int tear_down(void **state)
{
    struct brain *brain = *state;

    outbox_release(&brain->outbox);
    mailbox_close(brain->mailbox, on_reports);
    uv_run(&brain->loop, UV_RUN_DEFAULT);
    uv_loop_close(&brain->loop);
    free(brain);
    return 0;
}

static void add_message(struct outbox *outbox, size_t size)
{
    outbox_add(outbox, (struct report){.kind = REPORT_MESSAGE,
                                       .size = size,
                                       .bytes = memory_new(1)}); // only the count matters here
}

static void reports_go_in_one_batch(void **state)
{
    struct brain *brain = *state;

    add_message(&brain->outbox, 1);
    outbox_add(&brain->outbox, (struct report){.kind = REPORT_HANDLED, .number = 5});
    outbox_post(&brain->outbox);
    outbox_post(&brain->outbox);
    uv_run(&brain->loop, UV_RUN_NOWAIT);
    assert_int_equal(brain->received, 2);
    add_message(&brain->outbox, 1); // not posted: outbox_release frees it
}

static void too_many_messages_fill_it(void **state)
{
    struct outbox *outbox = &((struct brain *)*state)->outbox;

    for (int i = 0; i < 10000; i++) {
        add_message(outbox, 1);
        assert_false(outbox->full);
    }
    add_message(outbox, 1);
    assert_true(outbox->full);
    outbox_acknowledge(outbox, 5000, 5000);
    assert_true(outbox->full);
    outbox_acknowledge(outbox, 1, 1);
    assert_false(outbox->full);
}

static void too_many_bytes_fill_it(void **state)
{
    struct outbox *outbox = &((struct brain *)*state)->outbox;

    add_message(outbox, 4 << 20);
    assert_false(outbox->full);
    add_message(outbox, 1);
    assert_true(outbox->full);
    outbox_acknowledge(outbox, 1, 4 << 20);
    assert_false(outbox->full);
}

static void what_clients_do_not_cause_does_not_count(void **state)
{
    struct outbox *outbox = &((struct brain *)*state)->outbox;

    for (int i = 0; i < 20000; i++)
        outbox_add(outbox, (struct report){.kind = REPORT_EMPTIED});
    assert_false(outbox->full);
    assert_int_equal(outbox->pending, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reports_go_in_one_batch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_messages_fill_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_bytes_fill_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_clients_do_not_cause_does_not_count, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
