// SPDX-License-Identifier: MIT
// A queue of fixed-size messages from one thread to another thread's loop: batches in, batches out.
#ifndef ROWCAST_MAILBOX_H
#define ROWCAST_MAILBOX_H

#include <stddef.h>
#include <uv.h>

struct mailbox;

// Called on the receiving loop's thread with `count` messages of the mailbox's size, in order. They
// live during the call. Posting and closing are allowed in it; what is posted then comes next.
typedef void mailbox_receive(void *user, void *messages, size_t count);

// Binds the mailbox to the loop of the thread that receives. The memory is heap-allocated because
// libuv closes its handle asynchronously.
struct mailbox *mailbox_new(uv_loop_t *loop, size_t message_size, mailbox_receive *receive,
                            void *user);

// Appends `count` messages and wakes the receiver once. Any thread; never blocks on a full queue:
// senders bound themselves by what is unanswered (see server.h).
void mailbox_post(struct mailbox *mailbox, const void *messages, size_t count);

// On the receiving thread, when nobody posts any more: delivers nothing more and frees itself when
// the loop has closed the handle. The messages still inside go through `discard` (may be NULL)
// before it returns, so that what they own can be released.
void mailbox_close(struct mailbox *mailbox, mailbox_receive *discard);

#endif
