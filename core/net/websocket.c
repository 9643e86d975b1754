// SPDX-License-Identifier: MIT
// WebSocket input. The one door to wslay, which sees only what framing.c lets pass: frames with
// sound headers, and no Close.
#include "rowcast/websocket.h"

#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "rowcast/memory.h"
#include "rowcast/utf8.h"

#define FREE_MAX 64     // contexts kept for the next ones
#define KEPT_MAX 16384  // bytes of a message's buffer that are kept for the next one
#define CONTROL_MAX 127 // a control frame: header and payload
#define PROTOCOL_ERROR 1002
#define NO_CODE 1005
#define BAD_TEXT 1007

struct websocket {
    wslay_event_context_ptr context;
    struct framing framing;
    struct websocket_pool *pool;
    void *user;
    struct websocket *next; // in the pool
    const unsigned char *input;
    size_t input_size;
    struct buffer message; // the data frames of the current message, as far as they have come
    unsigned char control[CONTROL_MAX]; // what wslay writes, until the frame is whole
    size_t control_size;
    bool in_control; // between the data frames of a message
    int fault;       // of a compressed message: the code to close with, or 0
    bool spent;      // a close has passed: this context cannot serve another
};

// ---- wslay's callbacks ----

static ssize_t on_read(wslay_event_context_ptr context, uint8_t *buffer, size_t size, int flags,
                       void *user)
{
    struct websocket *websocket = user;

    (void)flags;
    if (websocket->input_size == 0) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    if (size > websocket->input_size)
        size = websocket->input_size;
    memcpy(buffer, websocket->input, size);
    websocket->input += size;
    websocket->input_size -= size;
    return (ssize_t)size;
}

// Comes with the header, then with the payload. Only control frames are ever queued in wslay.
static ssize_t on_write(wslay_event_context_ptr context, const uint8_t *bytes, size_t size,
                        int flags, void *user)
{
    struct websocket *websocket = user;

    if (size > sizeof websocket->control - websocket->control_size) {
        wslay_event_set_error(context, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }
    memcpy(websocket->control + websocket->control_size, bytes, size);
    websocket->control_size += size;
    if (!(flags & WSLAY_MSG_MORE)) {
        websocket->pool->events->output(websocket->user,
                                        frame_raw(websocket->control, websocket->control_size));
        websocket->control_size = 0;
    }
    return (ssize_t)size;
}

// wslay would reserve what a header claims, and a node for each fragment: what has come is gathered
// here. The payload of a control frame comes whole, in on_message.
static void on_piece(wslay_event_context_ptr context,
                     const struct wslay_event_on_frame_recv_chunk_arg *piece, void *user)
{
    struct websocket *websocket = user;

    (void)context;
    if (!websocket->in_control)
        buffer_append(&websocket->message, piece->data, piece->data_length);
}

static void on_frame(wslay_event_context_ptr context,
                     const struct wslay_event_on_frame_recv_start_arg *frame, void *user)
{
    struct websocket *websocket = user;

    (void)context;
    websocket->in_control = wslay_is_ctrl_frame(frame->opcode);
}

static bool is_text(const unsigned char *bytes, size_t size)
{
    while (size > 0) {
        size_t length = utf8_length((const char *)bytes, size);
        if (length == 0)
            return false;
        bytes += length;
        size -= length;
    }
    return true;
}

static void end_message(struct buffer *message)
{
    if (message->capacity > KEPT_MAX)
        buffer_release(message);
    else
        buffer_clear(message);
}

// What the compressed message says; or NULL, and a fault. wslay leaves its text to us.
static const struct buffer *inflate_message(struct websocket *websocket, bool binary)
{
    struct websocket_pool *pool = websocket->pool;
    struct buffer *inflated = &pool->inflated;

    websocket->fault = compression_inflate(pool->compression, websocket->message.bytes,
                                           websocket->message.size, inflated);
    if (websocket->fault == 0 && !binary &&
        !is_text((const unsigned char *)inflated->bytes, inflated->size))
        websocket->fault = BAD_TEXT;
    return websocket->fault == 0 ? inflated : NULL;
}

static void on_message(wslay_event_context_ptr context,
                       const struct wslay_event_on_msg_recv_arg *message, void *user)
{
    struct websocket *websocket = user;
    const struct websocket_events *events = websocket->pool->events;

    if (wslay_is_ctrl_frame(message->opcode)) {
        // What wslay has queued goes out here, so that answers keep the order of what they answer.
        wslay_event_send(context);
        events->control(websocket->user);
        return;
    }
    bool binary = message->opcode == WSLAY_BINARY_FRAME;
    const struct buffer *bytes =
        wslay_get_rsv1(message->rsv) ? inflate_message(websocket, binary) : &websocket->message;
    if (bytes != NULL)
        events->message(websocket->user, bytes->size > 0 ? bytes->bytes : "", bytes->size, binary);
    else
        wslay_event_shutdown_read(context);
    end_message(&websocket->message);
    end_message(&websocket->pool->inflated);
}

// ---- the pool ----

static struct websocket *websocket_new(struct websocket_pool *pool)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_read,
        .send_callback = on_write,
        .on_frame_recv_start_callback = on_frame,
        .on_frame_recv_chunk_callback = on_piece,
        .on_msg_recv_callback = on_message,
    };
    struct websocket *websocket = memory_new(sizeof *websocket);

    websocket->pool = pool;
    if (wslay_event_context_server_init(&websocket->context, &callbacks, websocket) != 0)
        abort(); // out of memory is the only reason
    // framing.c has the limits, and refuses RSV1 where it is not agreed.
    wslay_event_config_set_max_recv_msg_length(websocket->context, pool->limits.max_deflated);
    wslay_event_config_set_allowed_rsv_bits(websocket->context, WSLAY_RSV1_BIT);
    wslay_event_config_set_no_buffering(websocket->context, 1);
    buffer_init(&websocket->message, pool->limits.max_deflated);
    return websocket;
}

static void websocket_free(struct websocket *websocket)
{
    wslay_event_context_free(websocket->context);
    buffer_release(&websocket->message);
    free(websocket);
}

void websocket_pool_init(struct websocket_pool *pool, const struct framing_limits *limits,
                         const struct websocket_events *events, struct compression *compression)
{
    *pool =
        (struct websocket_pool){.limits = *limits, .events = events, .compression = compression};
    pool->limits.max_deflated = compression_bound(limits->max_message);
    buffer_init(&pool->inflated, limits->max_message);
}

void websocket_pool_release(struct websocket_pool *pool)
{
    while (pool->free != NULL) {
        struct websocket *websocket = pool->free;
        pool->free = websocket->next;
        websocket_free(websocket);
    }
    pool->free_count = 0;
    buffer_release(&pool->inflated);
}

struct websocket *websocket_take(struct websocket_pool *pool, bool deflate, void *user)
{
    struct websocket *websocket = pool->free;

    if (websocket != NULL) {
        pool->free = websocket->next;
        pool->free_count--;
    } else {
        websocket = websocket_new(pool);
    }
    websocket->user = user;
    websocket->framing.deflate = deflate;
    return websocket;
}

void websocket_give(struct websocket_pool *pool, struct websocket *websocket)
{
    if (websocket->spent || !websocket_rests(websocket) || pool->free_count == FREE_MAX) {
        websocket_free(websocket);
        return;
    }
    websocket->user = NULL;
    websocket->next = pool->free;
    pool->free = websocket;
    pool->free_count++;
}

// ---- input ----

// Those of RFC 6455 section 7.4.1 that may be sent, those registered since, and the free ones.
static bool is_close_code(int code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static int end_with(struct websocket *websocket, int code)
{
    websocket->pool->events->output(websocket->user, frame_close(code, NULL));
    return code;
}

// Answers the peer's Close with the same. Returns its code.
static int answer_close(struct websocket *websocket)
{
    size_t size;
    const unsigned char *close = framing_close(&websocket->framing, &size);
    int code = size >= 2 ? close[0] << 8 | close[1] : NO_CODE;

    if (size > 0 && !is_close_code(code))
        return end_with(websocket, PROTOCOL_ERROR);
    if (size > 2 && !is_text(close + 2, size - 2))
        return end_with(websocket, BAD_TEXT);
    websocket->pool->events->output(websocket->user, frame_new(FRAME_CLOSE, close, size));
    return code;
}

// What is amiss with what was read: the code it closes with, or 0.
static int judgement(struct websocket *websocket, int failed)
{
    if (websocket->fault != 0)
        return end_with(websocket, websocket->fault);
    if (failed != 0)
        return end_with(websocket, PROTOCOL_ERROR); // its own close would be without a code
    if (wslay_event_get_read_enabled(websocket->context))
        return 0;
    wslay_event_send(websocket->context);
    return wslay_event_get_status_code_sent(websocket->context);
}

int websocket_feed(struct websocket *websocket, const void *bytes, size_t size)
{
    size_t good;
    int walked = framing_walk(&websocket->framing, &websocket->pool->limits, bytes, size, &good);

    websocket->input = bytes;
    websocket->input_size = good;
    int failed = good > 0 ? wslay_event_recv(websocket->context) : 0;
    int code = judgement(websocket, failed);
    if (code == 0 && walked == FRAMING_CLOSE)
        code = answer_close(websocket);
    else if (code == 0 && walked != FRAMING_FINE)
        code = end_with(websocket, walked);
    websocket->spent = code != 0;
    return code;
}

bool websocket_rests(const struct websocket *websocket)
{
    return framing_rests(&websocket->framing);
}
