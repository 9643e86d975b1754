// SPDX-License-Identifier: MIT
// Tests of outqueue.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/outqueue.h"

static void push(struct outqueue *queue, const char *text)
{
    outqueue_push(queue, frame_raw(text, strlen(text)));
}

// Reads what is queued into `text`, which ends with a NUL.
static void look(const struct outqueue *queue, char *text)
{
    uv_buf_t vectors[64];
    unsigned count = outqueue_vectors(queue, vectors, 64);

    for (unsigned i = 0; i < count; i++) {
        memcpy(text, vectors[i].base, vectors[i].len);
        text += vectors[i].len;
    }
    *text = '\0';
}

static void assert_queue(const struct outqueue *queue, const char *expected)
{
    char text[256];

    look(queue, text);
    assert_string_equal(text, expected);
    assert_int_equal(queue->bytes, strlen(expected));
}

static void what_goes_in_comes_out(void **state)
{
    struct outqueue queue;

    (void)state;
    outqueue_init(&queue);
    assert_true(outqueue_empty(&queue));
    push(&queue, "one");
    push(&queue, "two");
    assert_queue(&queue, "onetwo");
    outqueue_consume(&queue, 2);
    assert_queue(&queue, "etwo");
    outqueue_consume(&queue, 1);
    assert_queue(&queue, "two");
    outqueue_consume(&queue, 3);
    assert_true(outqueue_empty(&queue));
    assert_queue(&queue, "");
    outqueue_release(&queue);
}

static void empty_frames_are_nothing(void **state)
{
    struct outqueue queue;

    (void)state;
    outqueue_init(&queue);
    push(&queue, "");
    assert_true(outqueue_empty(&queue));
    outqueue_release(&queue);
}

static void references_are_held_and_given_back(void **state)
{
    struct outqueue queue;
    struct frame *frame = frame_raw("abc", 3);

    (void)state;
    outqueue_init(&queue);
    for (int i = 0; i < 100; i++)
        outqueue_push(&queue, frame_ref(frame));
    assert_int_equal(atomic_load(&frame->references), 101);
    outqueue_consume(&queue, 4);
    assert_int_equal(atomic_load(&frame->references), 100);
    outqueue_drop(&queue);
    assert_int_equal(atomic_load(&frame->references), 2); // one byte of it is out
    assert_int_equal(queue.bytes, 2);
    outqueue_release(&queue);
    assert_int_equal(atomic_load(&frame->references), 1);
    frame_unref(frame);
}

static void vectors_are_bounded(void **state)
{
    struct outqueue queue;
    uv_buf_t vectors[3];

    (void)state;
    outqueue_init(&queue);
    for (int i = 0; i < 10; i++)
        push(&queue, "x");
    assert_int_equal(outqueue_vectors(&queue, vectors, 3), 3);
    outqueue_consume(&queue, 8);
    assert_int_equal(outqueue_vectors(&queue, vectors, 3), 2);
    outqueue_release(&queue);
}

static void a_frame_that_has_begun_is_never_dropped(void **state)
{
    struct outqueue queue;

    (void)state;
    outqueue_init(&queue);
    push(&queue, "begun");
    push(&queue, "next");
    outqueue_consume(&queue, 1);
    outqueue_drop(&queue);
    assert_queue(&queue, "egun");
    outqueue_consume(&queue, 4);
    assert_true(outqueue_empty(&queue));
    push(&queue, "a");
    outqueue_drop(&queue);
    assert_true(outqueue_empty(&queue));
    outqueue_release(&queue);
}

static void a_drained_queue_takes_no_memory(void **state)
{
    struct outqueue queue;

    (void)state;
    outqueue_init(&queue);
    for (int i = 0; i < 1000; i++)
        push(&queue, "x");
    assert_true(queue.capacity >= 1000);
    outqueue_consume(&queue, 1000);
    assert_int_equal(queue.capacity, 1);
    push(&queue, "x");
    assert_int_equal(queue.capacity, 1);
    outqueue_release(&queue);
}

// Random pushes, writes and drops against a plain string.
static void it_is_a_stream(void **state)
{
    struct outqueue queue;
    char model[100000];
    size_t size = 0, ends[4096];
    unsigned frames = 0;

    (void)state;
    srand(3);
    outqueue_init(&queue);
    for (int round = 0; round < 20000; round++) {
        if (rand() % 3 > 0 && frames < 60) {
            char text[64];
            size_t length = 1 + (size_t)rand() % 40;
            for (size_t i = 0; i < length; i++)
                text[i] = (char)('a' + rand() % 26);
            outqueue_push(&queue, frame_raw(text, length));
            memcpy(model + size, text, length);
            size += length;
            ends[frames++] = size;
        } else if (size > 0) {
            size_t out = (size_t)rand() % (size + 1);
            outqueue_consume(&queue, out);
            memmove(model, model + out, size - out);
            size -= out;
            unsigned gone = 0;
            while (gone < frames && ends[gone] <= out)
                gone++;
            frames -= gone;
            for (unsigned i = 0; i < frames; i++)
                ends[i] = ends[i + gone] - out;
        }
        model[size] = '\0';
        char text[8192];
        look(&queue, text);
        assert_string_equal(text, model);
        assert_int_equal(queue.bytes, size);
        assert_int_equal(queue.count, frames);
    }
    outqueue_release(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(empty_frames_are_nothing),
        cmocka_unit_test(references_are_held_and_given_back),
        cmocka_unit_test(vectors_are_bounded),
        cmocka_unit_test(a_frame_that_has_begun_is_never_dropped),
        cmocka_unit_test(a_drained_queue_takes_no_memory),
        cmocka_unit_test(it_is_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
