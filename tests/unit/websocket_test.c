// SPDX-License-Identifier: MIT
// Tests of websocket.c. The letters and numbers are rows of the list of hostile input.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/buffer.h"
#include "rowcast/websocket.h"

// What a stream led to, as text: "t(hi)" text, "b(..)" binary, "<hex>" a frame that went out.
struct story {
    struct buffer text;
};

static void on_message(void *user, const char *bytes, size_t size, bool binary)
{
    struct story *story = user;

    buffer_append_text(&story->text, binary ? "b(" : "t(");
    buffer_append(&story->text, bytes, size);
    buffer_append_byte(&story->text, ')');
}

static void on_output(void *user, struct frame *frame)
{
    struct story *story = user;

    buffer_append_byte(&story->text, '<');
    for (uint32_t i = 0; i < frame->size; i++)
        buffer_append_format(&story->text, "%02x", frame->bytes[i]);
    buffer_append_byte(&story->text, '>');
    frame_unref(frame);
}

static void on_control(void *user)
{
    (void)user;
}

static const struct websocket_events events = {on_message, on_control, on_output};
static const struct framing_limits limits = {.max_message = 1000, .max_fragments = 8};

static void story_init(struct story *story)
{
    buffer_init(&story->text, 1 << 20);
}

static void assert_story(const struct story *story, const char *expected)
{
    assert_int_equal(story->text.size, strlen(expected));
    assert_memory_equal(story->text.bytes != NULL ? story->text.bytes : "", expected,
                        story->text.size);
}

// ---- building streams ----

struct stream {
    unsigned char bytes[8192];
    size_t size;
};

static void put(struct stream *stream, unsigned char first, const void *payload, size_t size)
{
    static const unsigned char mask[] = {0x11, 0x22, 0x33, 0x44};
    unsigned char *at = stream->bytes + stream->size;

    *at++ = first;
    *at++ = size < 126 ? (unsigned char)(0x80 | size) : 0xfe;
    if (size >= 126) {
        *at++ = (unsigned char)(size >> 8);
        *at++ = (unsigned char)size;
    }
    memcpy(at, mask, 4);
    at += 4;
    for (size_t i = 0; i < size; i++)
        *at++ = ((const unsigned char *)payload)[i] ^ mask[i % 4];
    stream->size = (size_t)(at - stream->bytes);
}

static void put_text(struct stream *stream, unsigned char first, const char *payload)
{
    put(stream, first, payload, strlen(payload));
}

// Feeds the whole at once and checks what it led to.
static void assert_leads(const struct stream *stream, bool deflate, int code, const char *expected)
{
    struct compression *compression = deflate ? compression_new() : NULL;
    struct websocket_pool pool;
    struct story story;

    websocket_pool_init(&pool, &limits, &events, compression);
    story_init(&story);
    struct websocket *websocket = websocket_take(&pool, deflate, &story);
    assert_int_equal(websocket_feed(websocket, stream->bytes, stream->size), code);
    assert_story(&story, expected);
    websocket_give(&pool, websocket);
    websocket_pool_release(&pool);
    compression_free(compression);
    buffer_release(&story.text);
}

static void assert_led_to(const struct stream *stream, int code, const char *expected)
{
    assert_leads(stream, false, code, expected);
}

// ---- what is said ----

static void messages_come_whole(void **state)
{
    struct stream stream = {.size = 0};

    (void)state;
    put_text(&stream, 0x81, "hi");
    put_text(&stream, 0x82, "bin");
    put_text(&stream, 0x81, "");
    put_text(&stream, 0x01, "a");
    put_text(&stream, 0x00, "b");
    put_text(&stream, 0x80, "c");
    assert_led_to(&stream, 0, "t(hi)b(bin)t()t(abc)");
}

static void pings_are_answered_in_place(void **state) // C24
{
    struct stream stream = {.size = 0};

    (void)state;
    put_text(&stream, 0x89, "1");
    put_text(&stream, 0x01, "a");
    put_text(&stream, 0x89, "2");
    put_text(&stream, 0x8a, "unasked");
    put_text(&stream, 0x80, "b");
    put_text(&stream, 0x89, "");
    assert_led_to(&stream, 0, "<8a0131><8a0132>t(ab)<8a00>");
}

static void a_close_is_echoed_and_ends_the_input(void **state) // C20, C22, C23
{
    struct stream stream = {.size = 0};

    (void)state;
    put_text(&stream, 0x81, "first");
    put(&stream, 0x88,
        "\x0f\xa0"
        "bye",
        5);
    put_text(&stream, 0x81, "ignored");
    stream.bytes[stream.size++] = 0xff;
    assert_led_to(&stream, 4000, "t(first)<88050fa0627965>");
    stream.size = 0;
    put_text(&stream, 0x88, "");
    assert_led_to(&stream, 1005, "<8800>");
}

static void only_good_codes_are_echoed(void **state) // C20
{
    static const int bad[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535};
    static const int good[] = {1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 4999};
    char expected[32];

    (void)state;
    for (size_t i = 0; i < 10; i++) {
        struct stream stream = {.size = 0};
        put(&stream, 0x88, (unsigned char[]){(unsigned char)(bad[i] >> 8), (unsigned char)bad[i]},
            2);
        assert_led_to(&stream, 1002, "<880203ea>");
        stream.size = 0;
        put(&stream, 0x88, (unsigned char[]){(unsigned char)(good[i] >> 8), (unsigned char)good[i]},
            2);
        snprintf(expected, sizeof expected, "<8802%04x>", (unsigned)good[i]);
        assert_led_to(&stream, good[i], expected);
    }
}

static void faults_are_told(void **state)
{
    struct stream stream = {.size = 0};

    (void)state;
    put_text(&stream, 0x81, "before");
    put_text(&stream, 0x91, "x");
    assert_led_to(&stream, 1002, "t(before)<880203ea>");
    stream.size = 0;
    put(&stream, 0x88, "\x03\xec", 2); // C20: 1004
    assert_led_to(&stream, 1002, "<880203ea>");
    stream.size = 0;
    put_text(&stream, 0x81, "\xe2\x82"); // C17
    assert_led_to(&stream, 1007, "<880203ef>");
    stream.size = 0;
    put(&stream, 0x88, "\x03\xe8\xff", 3); // C21
    assert_led_to(&stream, 1007, "<880203ef>");
    memcpy(stream.bytes, (unsigned char[]){0x82, 0xfe, 0x10, 0x00}, 4); // C11: the header is enough
    stream.size = 4;
    assert_led_to(&stream, 1009, "<880203f1>");
}

static void text_is_utf8_across_fragments(void **state) // C17, C18
{
    struct stream stream = {.size = 0};

    (void)state;
    put_text(&stream, 0x01, "\xf0\x9f");
    put_text(&stream, 0x00, "\x98");
    put_text(&stream, 0x80, "\x80");
    assert_led_to(&stream, 0, "t(\xf0\x9f\x98\x80)");
    stream.size = 0;
    put_text(&stream, 0x01, "\xed");
    put_text(&stream, 0x80, "\xa0\x80");
    assert_led_to(&stream, 1007, "<880203ef>");
    stream.size = 0;
    put(&stream, 0x82, "\xff\xfe", 2);
    assert_led_to(&stream, 0, "b(\xff\xfe)");
}

static void the_largest_message_passes(void **state)
{
    char text[1000], expected[1004];
    struct stream stream = {.size = 0};

    (void)state;
    memset(text, 'x', sizeof text);
    put(&stream, 0x81, text, sizeof text);
    snprintf(expected, sizeof expected, "t(%.1000s)", text);
    assert_led_to(&stream, 0, expected);
}

// wslay 1.1.1 checks the text of a Close from the third byte of each piece.
static void a_close_in_pieces_is_the_same(void **state)
{
    struct stream stream = {.size = 0};

    (void)state;
    put(&stream, 0x88, "\x03\xe8\xc3\xa4\xe2\x82\xac", 7);
    for (size_t cut = 0; cut < stream.size; cut++) {
        struct websocket_pool pool;
        struct story story;
        websocket_pool_init(&pool, &limits, &events, NULL);
        story_init(&story);
        struct websocket *websocket = websocket_take(&pool, false, &story);
        assert_int_equal(websocket_feed(websocket, stream.bytes, cut), 0);
        assert_int_equal(websocket_feed(websocket, stream.bytes + cut, stream.size - cut), 1000);
        assert_story(&story, "<880703e8c3a4e282ac>");
        websocket_give(&pool, websocket);
        websocket_pool_release(&pool);
        buffer_release(&story.text);
    }
}

// ---- the pool ----

static void contexts_are_used_again(void **state)
{
    struct websocket_pool pool;
    struct stream stream = {.size = 0};
    struct story story;

    (void)state;
    websocket_pool_init(&pool, &limits, &events, NULL);
    story_init(&story);
    put_text(&stream, 0x81, "x");
    struct websocket *first = websocket_take(&pool, false, &story);
    assert_true(websocket_rests(first));
    websocket_feed(first, stream.bytes, 3);
    assert_false(websocket_rests(first));
    websocket_feed(first, stream.bytes + 3, stream.size - 3);
    assert_true(websocket_rests(first));
    websocket_give(&pool, first);
    assert_ptr_equal(websocket_take(&pool, false, &story), first);
    websocket_feed(first, stream.bytes, 3);
    websocket_give(&pool, first); // in the middle of a message: nobody else gets it
    assert_int_equal(pool.free_count, 0);
    websocket_pool_release(&pool);
    buffer_release(&story.text);
}

// A stream of random frames, some of them wrong.
static void put_random(struct stream *stream)
{
    static const unsigned char firsts[] = {0x81, 0x82, 0x01, 0x00, 0x80, 0x89, 0x8a, 0x88, 0x91};
    static const char payload[] = "some text, not long, in which \xc3\xa4\xc3\xb6 are";
    bool fragmented = false;

    for (int frames = 1 + rand() % 12; frames > 0; frames--) {
        int what = rand() % 200;
        unsigned char first = what < 190 ? firsts[rand() % 7] : firsts[rand() % 9];
        // Mostly what the protocol allows.
        if (first < 0x88 && (first & 0x0f) != 0 && fragmented && rand() % 50 > 0)
            first = 0x80;
        if ((first & 0x0f) == 0 && !fragmented && rand() % 50 > 0)
            first = 0x81;
        if ((first & 0x08) == 0)
            fragmented = !(first & 0x80);
        put(stream, first, payload, (size_t)rand() % sizeof payload);
    }
}

// Feeds the stream in random pieces, with a context from the pool for each, given back where it rests.
static int feed_in_pieces(struct websocket_pool *pool, const struct stream *stream,
                          struct story *story)
{
    struct websocket *websocket = NULL;
    int code = 0;

    for (size_t at = 0; at < stream->size && code == 0;) {
        size_t size = 1 + (size_t)rand() % (rand() % 2 ? 3 : 60);
        if (size > stream->size - at)
            size = stream->size - at;
        if (websocket == NULL)
            websocket = websocket_take(pool, false, story);
        unsigned char *piece = malloc(size); // exactly: ASan sees every byte beyond
        memcpy(piece, stream->bytes + at, size);
        code = websocket_feed(websocket, piece, size);
        free(piece);
        at += size;
        if (code != 0 || websocket_rests(websocket)) {
            websocket_give(pool, websocket);
            websocket = NULL;
        }
    }
    if (websocket != NULL)
        websocket_give(pool, websocket);
    return code;
}

// ---- compressed (RFC 7692) ----

#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00" // of its section 7.2.3.1

static void compressed_messages_are_inflated(void **state) // C6, C7
{
    struct stream stream = {.size = 0};

    (void)state;
    put(&stream, 0xc1, HELLO, 7);
    put_text(&stream, 0x81, "plain");
    put(&stream, 0x42, HELLO, 3);
    put_text(&stream, 0x89, "!");
    put(&stream, 0x80, HELLO + 3, 4);
    put(&stream, 0xc1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8);
    put(&stream, 0xc1, "\x00", 1);
    put(&stream, 0xc2, "", 0);
    assert_leads(&stream, true, 0, "t(Hello)t(plain)<8a0121>b(Hello)t(Hello)t()b()");
}

static void assert_ends_with(unsigned char first, const char *payload, size_t size, int code)
{
    struct stream stream = {.size = 0};
    char close[20];

    put(&stream, first, payload, size);
    put_text(&stream, 0x81, "unread");
    snprintf(close, sizeof close, "<8802%04x>", (unsigned)code);
    assert_leads(&stream, true, code, close);
}

static void compressed_faults_are_told(void **state)
{
    (void)state;
    assert_ends_with(0xc9, "", 0, 1002);                                 // C3
    assert_ends_with(0xc8, "", 0, 1002);                                 // C3
    assert_ends_with(0xc0, HELLO, 7, 1002);                              // C3
    assert_ends_with(0xa1, HELLO, 7, 1002);                              // C2
    assert_ends_with(0xe1, HELLO, 7, 1002);                              // C2
    assert_ends_with(0xc1, "\xff\xff\xff\xff", 4, 1007);                 // C4
    assert_ends_with(0xc1, HELLO, 3, 1007);                              // C4
    assert_ends_with(0xc1, "\x00\x02\x00\xfd\xff\xc3\x28\x00", 8, 1007); // C5
    assert_ends_with(0xc2, "\x62\x60\x18\x05\xa3\x60\x14\x8c\x5c\x00\x00", 11,
                     1009); // C8: 1,026 zeros
}

static void the_continuation_of_a_compressed_message_is_plain(void **state) // C3
{
    struct stream stream = {.size = 0};

    (void)state;
    put(&stream, 0x41, HELLO, 3);
    put(&stream, 0xc0, HELLO + 3, 4);
    assert_leads(&stream, true, 1002, "<880203ea>");
}

// C25: however the bytes are cut and whichever context they meet, they lead to the same.
static void pieces_lead_where_the_whole_leads(void **state)
{
    struct websocket_pool pool;

    (void)state;
    srand(17);
    websocket_pool_init(&pool, &limits, &events, NULL);
    for (int round = 0; round < 20000; round++) {
        struct stream stream = {.size = 0};
        struct story whole, pieces;
        story_init(&whole);
        story_init(&pieces);
        put_random(&stream);
        struct websocket *websocket = websocket_take(&pool, false, &whole);
        int code = websocket_feed(websocket, stream.bytes, stream.size);
        websocket_give(&pool, websocket);
        assert_int_equal(feed_in_pieces(&pool, &stream, &pieces), code);
        assert_int_equal(pieces.text.size, whole.text.size);
        if (whole.text.size > 0)
            assert_memory_equal(pieces.text.bytes, whole.text.bytes, whole.text.size);
        buffer_release(&whole.text);
        buffer_release(&pieces.text);
    }
    websocket_pool_release(&pool);
}

static void noise_ends_it(void **state)
{
    struct websocket_pool pool;
    struct stream stream;

    (void)state;
    srand(23);
    websocket_pool_init(&pool, &limits, &events, NULL);
    for (int round = 0; round < 5000; round++) {
        struct story story;
        story_init(&story);
        stream.size = 1 + (size_t)rand() % 400;
        for (size_t i = 0; i < stream.size; i++)
            stream.bytes[i] = (unsigned char)rand();
        int code = feed_in_pieces(&pool, &stream, &story);
        assert_true(code == 0 || (code >= 1000 && code < 5000));
        buffer_release(&story.text);
    }
    websocket_pool_release(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_whole),
        cmocka_unit_test(pings_are_answered_in_place),
        cmocka_unit_test(a_close_is_echoed_and_ends_the_input),
        cmocka_unit_test(only_good_codes_are_echoed),
        cmocka_unit_test(faults_are_told),
        cmocka_unit_test(text_is_utf8_across_fragments),
        cmocka_unit_test(the_largest_message_passes),
        cmocka_unit_test(a_close_in_pieces_is_the_same),
        cmocka_unit_test(contexts_are_used_again),
        cmocka_unit_test(compressed_messages_are_inflated),
        cmocka_unit_test(compressed_faults_are_told),
        cmocka_unit_test(the_continuation_of_a_compressed_message_is_plain),
        cmocka_unit_test(pieces_lead_where_the_whole_leads),
        cmocka_unit_test(noise_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
