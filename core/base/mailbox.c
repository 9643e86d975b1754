// SPDX-License-Identifier: MIT
// A queue of fixed-size messages from one thread to another thread's loop.
#include "rowcast/mailbox.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

#define FIRST_CAPACITY 64

struct batch {
    char *messages;
    size_t count, capacity;
};

struct mailbox {
    uv_async_t wake;
    uv_mutex_t lock;
    struct batch inside;    // under the lock
    struct batch delivered; // the receiver's; its memory is the next `inside`
    size_t message_size;
    mailbox_receive *receive;
    void *user;
};

static void batch_append(struct batch *batch, size_t message_size, const void *messages,
                         size_t count)
{
    if (count > batch->capacity - batch->count) {
        size_t capacity = batch->capacity > 0 ? batch->capacity : FIRST_CAPACITY;
        while (capacity < batch->count + count)
            capacity *= 2;
        batch->messages = memory_resize(batch->messages, capacity * message_size);
        batch->capacity = capacity;
    }
    memcpy(batch->messages + batch->count * message_size, messages, count * message_size);
    batch->count += count;
}

// Takes out what is inside. The lock is held for the swap only: senders never wait for a delivery.
static struct batch *take(struct mailbox *mailbox)
{
    mailbox->delivered.count = 0;

    uv_mutex_lock(&mailbox->lock);
    struct batch full = mailbox->inside;
    mailbox->inside = mailbox->delivered;
    uv_mutex_unlock(&mailbox->lock);

    mailbox->delivered = full;
    return &mailbox->delivered;
}

// One batch a wake: what is posted meanwhile wakes again, and the loop gets its turn between.
static void on_wake(uv_async_t *wake)
{
    struct mailbox *mailbox = container_of(wake, struct mailbox, wake);
    struct batch *batch = take(mailbox);

    if (batch->count > 0)
        mailbox->receive(mailbox->user, batch->messages, batch->count);
}

struct mailbox *mailbox_new(uv_loop_t *loop, size_t message_size, mailbox_receive *receive,
                            void *user)
{
    struct mailbox *mailbox = memory_new(sizeof *mailbox);

    mailbox->message_size = message_size;
    mailbox->receive = receive;
    mailbox->user = user;
    // Neither fails: the loop has opened its wake-up descriptor when it was initialised.
    if (uv_mutex_init(&mailbox->lock) != 0 || uv_async_init(loop, &mailbox->wake, on_wake) != 0)
        abort();
    return mailbox;
}

void mailbox_post(struct mailbox *mailbox, const void *messages, size_t count)
{
    if (count == 0)
        return;

    uv_mutex_lock(&mailbox->lock);
    bool was_empty = mailbox->inside.count == 0;
    batch_append(&mailbox->inside, mailbox->message_size, messages, count);
    uv_mutex_unlock(&mailbox->lock);

    // Who found it empty wakes the receiver, for all who come before it looks.
    if (was_empty)
        uv_async_send(&mailbox->wake);
}

static void on_closed(uv_handle_t *handle)
{
    struct mailbox *mailbox = container_of((uv_async_t *)handle, struct mailbox, wake);

    uv_mutex_destroy(&mailbox->lock);
    free(mailbox->inside.messages);
    free(mailbox->delivered.messages);
    free(mailbox);
}

void mailbox_close(struct mailbox *mailbox, mailbox_receive *discard)
{
    // `delivered` is left alone: this may be called from inside its delivery.
    uv_mutex_lock(&mailbox->lock);
    struct batch rest = mailbox->inside;
    mailbox->inside = (struct batch){0};
    uv_mutex_unlock(&mailbox->lock);

    uv_close((uv_handle_t *)&mailbox->wake, on_closed);
    if (discard != NULL && rest.count > 0)
        discard(mailbox->user, rest.messages, rest.count);
    free(rest.messages);
}
