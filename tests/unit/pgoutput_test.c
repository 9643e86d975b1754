// SPDX-License-Identifier: MIT
// The decoder, fed with messages built by hand (PostgreSQL chapter 55.9).
#include "rowcast/pgoutput.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "noted.h"

#define TIME 1762689600000000            // 2025-11-09 12:00:00
#define PG_TIME (TIME - 946684800000000) // the same since 2000

// ---- messages ----

struct message {
    unsigned char bytes[4096];
    size_t size;
};

static void put(struct message *message, const void *bytes, size_t size)
{
    assert_true(message->size + size <= sizeof message->bytes);
    memcpy(message->bytes + message->size, bytes, size);
    message->size += size;
}

static void put_number(struct message *message, uint64_t number, int size)
{
    for (int shift = (size - 1) * 8; shift >= 0; shift -= 8)
        put(message, &(unsigned char){(unsigned char)(number >> shift)}, 1);
}

static void put_text(struct message *message, const char *text)
{
    put(message, text, strlen(text) + 1);
}

static struct message message_of(char kind)
{
    return (struct message){.bytes = {(unsigned char)kind}, .size = 1};
}

static struct message begin(uint64_t lsn, uint32_t xid)
{
    struct message message = message_of('B');
    put_number(&message, lsn, 8);
    put_number(&message, PG_TIME, 8);
    put_number(&message, xid, 4);
    return message;
}

static struct message commit(uint64_t lsn, uint64_t end_lsn)
{
    struct message message = message_of('C');
    put_number(&message, 0, 1);
    put_number(&message, lsn, 8);
    put_number(&message, end_lsn, 8);
    put_number(&message, PG_TIME, 8);
    return message;
}

static struct message origin(void)
{
    struct message message = message_of('O');
    put_number(&message, 5, 8);
    put_text(&message, "elsewhere");
    return message;
}

// Columns as "*id int4" (the star: part of the key), types by their OIDs.
struct column_spec {
    const char *name;
    uint32_t type;
};

static struct message relation(uint32_t oid, const char *schema, const char *table,
                               const struct column_spec *columns, int count)
{
    struct message message = message_of('R');
    put_number(&message, oid, 4);
    put_text(&message, schema);
    put_text(&message, table);
    put_number(&message, 'd', 1);
    put_number(&message, (uint64_t)count, 2);
    for (int i = 0; i < count; i++) {
        bool key = columns[i].name[0] == '*';
        put_number(&message, key, 1);
        put_text(&message, columns[i].name + key);
        put_number(&message, columns[i].type, 4);
        put_number(&message, UINT32_MAX, 4);
    }
    return message;
}

static struct message type(uint32_t oid, const char *schema, const char *name)
{
    struct message message = message_of('Y');
    put_number(&message, oid, 4);
    put_text(&message, schema);
    put_text(&message, name);
    return message;
}

// Values as text; "\n" is NULL, "\t" unchanged.
static void put_tuple(struct message *message, char kind, const char *const *values)
{
    int count = 0;
    while (values[count])
        count++;
    put(message, &kind, 1);
    put_number(message, (uint64_t)count, 2);
    for (int i = 0; i < count; i++) {
        const char *value = values[i];
        put(message, *value == '\n' ? "n" : *value == '\t' ? "u" : "t", 1);
        if (*value == '\n' || *value == '\t')
            continue;
        put_number(message, strlen(value), 4);
        put(message, value, strlen(value));
    }
}

#define VALUES(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct message insert(uint32_t oid, const char *const *values)
{
    struct message message = message_of('I');
    put_number(&message, oid, 4);
    put_tuple(&message, 'N', values);
    return message;
}

static struct message update(uint32_t oid, char kind, const char *const *old_values,
                             const char *const *new_values)
{
    struct message message = message_of('U');
    put_number(&message, oid, 4);
    if (old_values)
        put_tuple(&message, kind, old_values);
    put_tuple(&message, 'N', new_values);
    return message;
}

static struct message delete (uint32_t oid, char kind, const char *const *values)
{
    struct message message = message_of('D');
    put_number(&message, oid, 4);
    put_tuple(&message, kind, values);
    return message;
}

static struct message truncate_of(const uint32_t *oids, uint32_t count)
{
    struct message message = message_of('T');
    put_number(&message, count, 4);
    put_number(&message, 3, 1);
    for (uint32_t i = 0; i < count; i++)
        put_number(&message, oids[i], 4);
    return message;
}

static struct message emitted(int flags, const char *prefix, const char *content)
{
    struct message message = message_of('M');
    put_number(&message, (uint64_t)flags, 1);
    put_number(&message, 0x99, 8);
    put_text(&message, prefix);
    put_number(&message, strlen(content), 4);
    put(&message, content, strlen(content));
    return message;
}

// ---- a decoder and what comes out ----

struct stream {
    struct pgoutput *decoder;
    struct buffer text;
    int delivered;
};

static void deliver(void *user, struct transaction *transaction)
{
    struct stream *stream = user;
    stream->delivered++;
    note_transaction(&stream->text, transaction, TIME);
    transaction_free(transaction);
}

static void start(struct stream *stream)
{
    *stream = (struct stream){0};
    stream->decoder = pgoutput_new(deliver, stream);
    buffer_init(&stream->text, 64 << 20);
}

static void stop(struct stream *stream)
{
    pgoutput_free(stream->decoder);
    buffer_release(&stream->text);
}

// The message stands on the heap with nothing behind it, so that every read past its end is seen.
static int try(struct stream *stream, const void *bytes, size_t size, struct fault *fault)
{
    unsigned char *exact = malloc(size ? size : 1);
    memcpy(exact, bytes, size);
    int result = pgoutput_feed(stream->decoder, exact, size, fault);
    free(exact);
    return result;
}

static void feed(struct stream *stream, struct message message)
{
    struct fault fault;
    if (try(stream, message.bytes, message.size, &fault) < 0)
        fail_msg("%s", fault.text);
}

static void refused(struct stream *stream, struct message message, const char *why)
{
    struct fault fault = {0};
    assert_int_equal(try(stream, message.bytes, message.size, &fault), -1);
    if (!strstr(fault.text, why))
        fail_msg("expected '%s' in: %s", why, fault.text);
    assert_false(pgoutput_in_transaction(stream->decoder));
}

static void came_out(struct stream *stream, const char *expected)
{
    buffer_append_byte(&stream->text, '\0');
    assert_string_equal(stream->text.bytes, expected);
    buffer_clear(&stream->text);
}

static const struct column_spec trade[] = {{"*id", 20}, {"amount", 23}, {"note", 25}};

static void start_with_table(struct stream *stream)
{
    start(stream);
    feed(stream, begin(0x100, 7));
    feed(stream, relation(1, "public", "trades", trade, 3));
}

// ---- the messages ----

static void an_insert(void **state)
{
    (void)state;
    struct stream stream;
    start(&stream);
    assert_false(pgoutput_in_transaction(stream.decoder));
    feed(&stream, begin(0x16B3748, 731));
    assert_true(pgoutput_in_transaction(stream.decoder));
    feed(&stream, origin());
    feed(&stream, relation(1, "public", "trades", trade, 3));
    feed(&stream, insert(1, VALUES("1", "50", "\n")));
    feed(&stream, insert(1, VALUES("2", "", "te\"xt")));
    assert_int_equal(stream.delivered, 0);
    feed(&stream, commit(0x16B3748, 0x16B3778));
    assert_false(pgoutput_in_transaction(stream.decoder));
    came_out(&stream, "16B3748-16B3778 xid 731"
                      " #0 insert public.trades new(*id:T'1',amount:I'50',note:null)"
                      " #1 insert public.trades new(*id:T'2',amount:I'',note:T'te\"xt')\n");
    stop(&stream);
}

static void an_update_without_old_row(void **state)
{
    (void)state;
    struct stream stream;
    start_with_table(&stream);
    feed(&stream, update(1, 0, NULL, VALUES("1", "5", "\t")));
    feed(&stream, commit(0x100, 0x130));
    came_out(&stream, "100-130 xid 7"
                      " #0 update public.trades new(*id:T'1',amount:I'5',note:unchanged)\n");
    stop(&stream);
}

static void an_update_with_an_old_key(void **state)
{
    (void)state;
    struct stream stream;
    start_with_table(&stream);
    feed(&stream, update(1, 'K', VALUES("1", "\n", "\n"), VALUES("2", "5", "\t")));
    feed(&stream, commit(0x100, 0x130));
    came_out(&stream, "100-130 xid 7"
                      " #0 update public.trades new(*id:T'2',amount:I'5',note:unchanged)"
                      " old(*id:T'1',amount:absent,note:absent)\n");
    stop(&stream);
}

static void an_update_with_a_full_old_row(void **state)
{
    (void)state;
    static const struct column_spec full[] = {{"*id", 20}, {"*amount", 23}, {"*note", 25}};
    struct stream stream;
    start(&stream);
    feed(&stream, begin(0x100, 7));
    feed(&stream, relation(1, "public", "trades", full, 3));
    feed(&stream, update(1, 'O', VALUES("1", "\n", "large"), VALUES("1", "5", "\t")));
    feed(&stream, update(1, 'O', VALUES("1", "5", "large"), VALUES("1", "\n", "new")));
    feed(&stream, commit(0x100, 0x130));
    came_out(&stream, "100-130 xid 7"
                      " #0 update public.trades new(*id:T'1',*amount:I'5',*note:T'large')"
                      " old(*id:T'1',*amount:null,*note:T'large')"
                      " #1 update public.trades new(*id:T'1',*amount:null,*note:T'new')"
                      " old(*id:T'1',*amount:I'5',*note:T'large')\n");
    stop(&stream);
}

// A key column can be TOASTed too: another part of the key changed.
static void an_unchanged_key_column_is_filled_in(void **state)
{
    (void)state;
    static const struct column_spec keys[] = {{"*a", 25}, {"*b", 25}};
    struct stream stream;
    start(&stream);
    feed(&stream, begin(0x100, 7));
    feed(&stream, relation(1, "public", "t", keys, 2));
    feed(&stream, update(1, 'K', VALUES("large", "x"), VALUES("\t", "y")));
    feed(&stream, commit(0x100, 0x130));
    came_out(&stream, "100-130 xid 7 #0 update public.t new(*a:T'large',*b:T'y')"
                      " old(*a:T'large',*b:T'x')\n");
    stop(&stream);
}

static void deletes(void **state)
{
    (void)state;
    struct stream stream;
    start_with_table(&stream);
    feed(&stream, delete (1, 'K', VALUES("1", "\n", "\n")));
    feed(&stream, delete (1, 'O', VALUES("2", "\n", "x")));
    feed(&stream, commit(0x100, 0x130));
    came_out(&stream, "100-130 xid 7"
                      " #0 delete public.trades old(*id:T'1',amount:absent,note:absent)"
                      " #1 delete public.trades old(*id:T'2',amount:null,note:T'x')\n");
    stop(&stream);
}

static void a_truncate_is_a_change_for_each_table(void **state)
{
    (void)state;
    struct stream stream;
    start_with_table(&stream);
    feed(&stream, relation(2, "depot", "bays", NULL, 0));
    feed(&stream, truncate_of((uint32_t[]){1, 2, 1}, 3));
    feed(&stream, insert(2, VALUES(NULL)));
    feed(&stream, commit(0x100, 0x130));
    came_out(&stream, "100-130 xid 7 #0 truncate public.trades #1 truncate depot.bays"
                      " #2 truncate public.trades #3 insert depot.bays new()\n");
    stop(&stream);
}

static void only_our_transactional_messages_count(void **state)
{
    (void)state;
    struct stream stream;
    start(&stream);
    feed(&stream, emitted(0, "rowcast", "outside"));
    feed(&stream, begin(0x100, 7));
    feed(&stream, emitted(1, "others", "x"));
    feed(&stream, emitted(0, "rowcast", "y"));
    feed(&stream, emitted(1, "rowcast", "{\"a\":1}"));
    feed(&stream, emitted(1, "rowcast", ""));
    feed(&stream, commit(0x100, 0x130));
    came_out(&stream, "100-130 xid 7 #0 message rowcast={\"a\":1} #1 message rowcast=\n");
    stop(&stream);
}

static void an_empty_transaction_moves_the_position(void **state)
{
    (void)state;
    struct stream stream;
    start(&stream);
    feed(&stream, begin(0x100, 7));
    feed(&stream, commit(0x100, 0x130));
    came_out(&stream, "100-130 xid 7\n");
    stop(&stream);
}

static void types_are_told_by_their_numbers(void **state)
{
    (void)state;
    static const struct column_spec columns[] = {
        {"a", 16},    {"b", 21},    {"c", 26},   {"d", 700},  {"e", 701},   {"f", 114},
        {"g", 3802},  {"h", 1114},  {"i", 1184}, {"j", 1700}, {"k", 2950},  {"l", 1007},
        {"m", 199},   {"n", 1185},  {"o", 1009}, {"p", 1231}, {"q", 50001}, {"r", 50002},
        {"s", 50003}, {"t", 50004}, {"u", 50005}};
    struct stream stream;
    start(&stream);
    feed(&stream, begin(0x100, 7));
    feed(&stream, type(50001, "public", "mood"));   // an enum
    feed(&stream, type(50002, "public", "_mood"));  // an array of them
    feed(&stream, type(50003, "", "int4"));         // a domain
    feed(&stream, type(50004, "", "_timestamptz")); // a domain over an array
    feed(&stream, relation(1, "", "t", columns, 21));
    const char *values[22];
    for (int i = 0; i < 21; i++)
        values[i] = "1";
    values[21] = NULL;
    feed(&stream, insert(1, values));
    feed(&stream, commit(0x100, 0x130));
    came_out(&stream, "100-130 xid 7 #0 insert pg_catalog.t new(a:B'1',b:I'1',c:I'1',d:F'1',e:F'1',"
                      "f:J'1',g:J'1',h:S'1',i:Z'1',j:T'1',k:T'1',l:I[]'1',m:J[]'1',n:Z[]'1',"
                      "o:T[]'1',p:T[]'1',q:T'1',r:T[]'1',s:I'1',t:Z[]'1',u:T'1')\n");
    stop(&stream);
}

// ---- relations over time ----

static void a_table_may_change_within_a_transaction(void **state)
{
    (void)state;
    static const struct column_spec later[] = {{"*id", 20}, {"price", 25}};
    struct stream stream;
    start_with_table(&stream);
    feed(&stream, insert(1, VALUES("1", "2", "3")));
    feed(&stream, relation(1, "public", "deals", later, 2));
    feed(&stream, insert(1, VALUES("2", "9")));
    feed(&stream, relation(1, "public", "trades", trade, 3));
    feed(&stream, insert(1, VALUES("3", "4", "5")));
    feed(&stream, commit(0x100, 0x130));
    came_out(&stream, "100-130 xid 7 #0 insert public.trades new(*id:T'1',amount:I'2',note:T'3')"
                      " #1 insert public.deals new(*id:T'2',price:T'9')"
                      " #2 insert public.trades new(*id:T'3',amount:I'4',note:T'5')\n");
    stop(&stream);
}

// The server repeats itself after ANALYZE and others; the size of a transaction must not depend on
// it.
static const struct relation *first_relation, *last_relation;

static void keep_relations(void *user, struct transaction *transaction)
{
    (void)user;
    first_relation = transaction->changes[0].relation;
    last_relation = transaction->changes[transaction->change_count - 1].relation;
    transaction_free(transaction);
}

static void a_repeated_relation_is_the_same(void **state)
{
    (void)state;
    struct stream stream;
    start(&stream);
    pgoutput_free(stream.decoder);
    stream.decoder = pgoutput_new(keep_relations, NULL);
    feed(&stream, begin(0x100, 7));
    feed(&stream, relation(1, "public", "trades", trade, 3));
    feed(&stream, insert(1, VALUES("1", "2", "3")));
    feed(&stream, relation(1, "public", "trades", trade, 3));
    feed(&stream, insert(1, VALUES("1", "2", "3")));
    feed(&stream, commit(0x100, 0x130));
    assert_ptr_equal(first_relation, last_relation);
    stop(&stream);
}

static void relations_outlive_transactions_but_not_a_reset(void **state)
{
    (void)state;
    struct stream stream;
    start_with_table(&stream);
    feed(&stream, commit(0x100, 0x130));
    for (uint32_t oid = 2; oid < 200; oid++)
        feed(&stream, relation(oid, "public", "other", trade, 3));
    buffer_clear(&stream.text);
    feed(&stream, begin(0x200, 8));
    feed(&stream, insert(1, VALUES("1", "2", "3")));
    feed(&stream, insert(150, VALUES("1", "2", "3")));
    feed(&stream, commit(0x200, 0x230));
    came_out(&stream, "200-230 xid 8 #0 insert public.trades new(*id:T'1',amount:I'2',note:T'3')"
                      " #1 insert public.other new(*id:T'1',amount:I'2',note:T'3')\n");
    feed(&stream, begin(0x300, 9));
    pgoutput_reset(stream.decoder);
    assert_false(pgoutput_in_transaction(stream.decoder));
    feed(&stream, begin(0x300, 9));
    refused(&stream, insert(1, VALUES("1", "2", "3")), "its table was never described");
    stop(&stream);
}

// ---- parts ----

static void beyond_the_bounds_parts_come_out(void **state)
{
    (void)state;
    struct stream stream;
    start_with_table(&stream);
    for (int i = 0; i < TRANSACTION_MAX_CHANGES; i++)
        feed(&stream, update(1, 'O', VALUES("1", "2", "large"), VALUES("1", "3", "\t")));
    assert_int_equal(stream.delivered, 0);
    feed(&stream, emitted(1, "rowcast", "more"));
    assert_int_equal(stream.delivered, 1);
    const char *first =
        "100 xid 7 part #0 update public.trades new(*id:T'1',amount:I'3',note:T'large')"
        " old(*id:T'1',amount:I'2',note:T'large') #1 ";
    assert_int_equal(strncmp(stream.text.bytes, first, strlen(first)), 0);
    buffer_clear(&stream.text);
    feed(&stream, insert(1, VALUES("1", "2", "3")));
    feed(&stream, relation(1, "public", "trades", trade, 2));
    feed(&stream, insert(1, VALUES("1", "2")));
    feed(&stream, commit(0x100, 0x130));
    came_out(&stream, "100-130 xid 7 last part #10000 message rowcast=more"
                      " #10001 insert public.trades new(*id:T'1',amount:I'2',note:T'3')"
                      " #10002 insert public.trades new(*id:T'1',amount:I'2')\n");
    feed(&stream, begin(0x200, 8));
    feed(&stream, commit(0x200, 0x230));
    came_out(&stream, "200-230 xid 8\n");
    stop(&stream);
}

static void bytes_are_bounded_too(void **state)
{
    (void)state;
    struct stream stream;
    start_with_table(&stream);
    char large[3900];
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    int fed = 0;
    for (; stream.delivered == 0; fed++)
        feed(&stream, insert(1, VALUES("1", "2", large)));
    assert_in_range(fed, 8000, 9000); // 32 MiB, with what surrounds the values
    stop(&stream);
}

// ---- what is not as it should be ----

static void misplaced_messages_are_refused(void **state)
{
    (void)state;
    struct stream stream;
    start(&stream);
    const char *outside = "it stands outside a transaction";
    refused(&stream, insert(1, VALUES("1")), outside);
    refused(&stream, commit(0x100, 0x130), outside);
    refused(&stream, truncate_of((uint32_t[]){1}, 1), outside);
    refused(&stream, emitted(1, "rowcast", "x"), outside);
    feed(&stream, begin(0x100, 7));
    refused(&stream, begin(0x200, 8), "it stands inside another transaction");
    feed(&stream, begin(0x100, 7));
    refused(&stream, commit(0x200, 0x230), "it ends another transaction");
    refused(&stream, message_of('Z'),
            "a message Z of 1 bytes is not as it should be: its kind is unknown");
    refused(&stream, message_of('\n'), "a message 0x0a");
    assert_int_equal(stream.delivered, 0);
    stop(&stream);
}

static void refused_in_a_table(struct message message, const char *why)
{
    struct stream stream;
    start_with_table(&stream);
    refused(&stream, message, why);
    stop(&stream);
}

static void odd_rows_are_refused(void **state)
{
    (void)state;
    refused_in_a_table(insert(9, VALUES("1")), "its table was never described");
    refused_in_a_table(truncate_of((uint32_t[]){1, 9}, 2), "its table was never described");
    refused_in_a_table(insert(1, VALUES("1", "2")), "another number of values");
    refused_in_a_table(delete (1, 'N', VALUES("1", "2", "3")), "its row is of an unknown kind");
    refused_in_a_table(update(1, 'X', VALUES("1", "2", "3"), VALUES("1", "2", "3")),
                       "its row is of an unknown kind");
    struct message message = insert(1, VALUES("1", "2", "3"));
    message.bytes[5] = 'K';
    refused_in_a_table(message, "its row is of an unknown kind");
    message.bytes[5] = 'N', message.bytes[8] = 'b';
    refused_in_a_table(message, "binary value");
    message.bytes[8] = 'z';
    refused_in_a_table(message, "a value of an unknown kind");
    message.bytes[8] = 't';
    put_number(&message, 0, 1);
    refused_in_a_table(message, "something stands behind its end");
}

// Every message cut anywhere is an error, and nothing is read behind its end.
static void check_beginnings(struct message message)
{
    for (size_t size = 0; size < message.size; size++) {
        struct stream stream;
        struct fault fault;
        start(&stream);
        if (message.bytes[0] != 'B')
            feed(&stream, begin(0x100, 7));
        feed(&stream, relation(1, "public", "trades", trade, 3));
        assert_int_equal(try(&stream, message.bytes, size, &fault), -1);
        assert_int_equal(stream.delivered, 0);
        stop(&stream);
    }
}

static void every_beginning_of_a_message_is_refused(void **state)
{
    (void)state;
    check_beginnings(begin(0x100, 7));
    check_beginnings(commit(0x100, 0x130));
    check_beginnings(origin());
    check_beginnings(relation(2, "public", "trades", trade, 3));
    check_beginnings(type(50001, "public", "mood"));
    check_beginnings(insert(1, VALUES("1", "\n", "text")));
    check_beginnings(update(1, 'K', VALUES("1", "\n", "\n"), VALUES("1", "\t", "text")));
    check_beginnings(update(1, 'O', VALUES("1", "2", "3"), VALUES("1", "\t", "text")));
    check_beginnings(update(1, 0, NULL, VALUES("1", "\t", "text")));
    check_beginnings(delete (1, 'O', VALUES("1", "2", "3")));
    check_beginnings(truncate_of((uint32_t[]){1, 1}, 2));
    check_beginnings(emitted(1, "rowcast", "content"));
}

static void lengths_that_lie_are_refused(void **state)
{
    (void)state;
    for (int shift = 0; shift < 32; shift++) {
        struct message message = insert(1, VALUES("1", "2", "3"));
        uint32_t lie = 1u << shift | 1; // never 1 byte, except the true one
        size_t at = message.size - 5;
        for (int i = 0; i < 4; i++)
            message.bytes[at + (size_t)i] =
                (unsigned char)((shift ? lie : UINT32_MAX) >> (24 - 8 * i));
        refused_in_a_table(message, "it ends too early");
    }
}

// Random bytes and valid messages with random bytes in them: no crash, no read past an end.
static void random_bytes_do_no_harm(void **state)
{
    (void)state;
    srand(4);
    struct stream stream;
    start_with_table(&stream);
    for (int round = 0; round < 20000; round++) {
        struct message messages[] = {
            begin(0x100, 7),
            commit(0x100, 0x130),
            relation(1, "public", "trades", trade, 3),
            insert(1, VALUES("1", "\n", "text")),
            update(1, 'O', VALUES("1", "2", "3"), VALUES("1", "\t", "text")),
            delete (1, 'K', VALUES("1", "\n", "\n")),
            truncate_of((uint32_t[]){1, 1}, 2),
            emitted(1, "rowcast", "content"),
            type(25, "", "_int4"),
        };
        struct message *message = &messages[(size_t)rand() % 9];
        for (int flips = rand() % 4; flips > 0; flips--)
            message->bytes[(size_t)rand() % message->size] = (unsigned char)rand();
        struct fault fault;
        try(&stream, message->bytes, message->size, &fault);
        if (round % 100 == 0)
            pgoutput_reset(stream.decoder);
        buffer_clear(&stream.text);
    }
    stop(&stream);
    pgoutput_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_insert),
        cmocka_unit_test(an_update_without_old_row),
        cmocka_unit_test(an_update_with_an_old_key),
        cmocka_unit_test(an_update_with_a_full_old_row),
        cmocka_unit_test(an_unchanged_key_column_is_filled_in),
        cmocka_unit_test(deletes),
        cmocka_unit_test(a_truncate_is_a_change_for_each_table),
        cmocka_unit_test(only_our_transactional_messages_count),
        cmocka_unit_test(an_empty_transaction_moves_the_position),
        cmocka_unit_test(types_are_told_by_their_numbers),
        cmocka_unit_test(a_table_may_change_within_a_transaction),
        cmocka_unit_test(a_repeated_relation_is_the_same),
        cmocka_unit_test(relations_outlive_transactions_but_not_a_reset),
        cmocka_unit_test(beyond_the_bounds_parts_come_out),
        cmocka_unit_test(bytes_are_bounded_too),
        cmocka_unit_test(misplaced_messages_are_refused),
        cmocka_unit_test(odd_rows_are_refused),
        cmocka_unit_test(every_beginning_of_a_message_is_refused),
        cmocka_unit_test(lengths_that_lie_are_refused),
        cmocka_unit_test(random_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
