// SPDX-License-Identifier: MIT
// Recorded rows: lines, files, and the source on a loop.
#include "rowcast/recorded.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "noted.h"

#define NOW 1762689600000000

// Everything that was delivered, written down as text: one line a transaction.
struct notes {
    struct buffer text;
    int transactions;
    // of the source:
    struct recorded_source *source;
    int started, ended, close_after, pause_after;
    struct fault fault;
};

static void note(void *user, struct transaction *transaction)
{
    struct notes *notes = user;
    notes->transactions++;
    note_transaction(&notes->text, transaction, NOW);
    transaction_free(transaction);
}

static void notes_init(struct notes *notes)
{
    *notes = (struct notes){0};
    buffer_init(&notes->text, 16 << 20);
}

static void notes_are(struct notes *notes, const char *expected)
{
    buffer_append_byte(&notes->text, '\0');
    assert_string_equal(notes->text.bytes, expected);
    buffer_release(&notes->text);
}

static int read_lines(struct recorded_reader *reader, const char *const *lines, struct fault *fault)
{
    for (; *lines; lines++) {
        size_t size = strlen(*lines);
        char *exact = malloc(size + 1); // without a NUL behind
        memcpy(exact, *lines, size);
        int result = recorded_reader_line(reader, exact, size, NOW, fault);
        free(exact);
        if (result < 0)
            return result;
    }
    return recorded_reader_end(reader, fault);
}

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void lines_give(const char *const *lines, const char *expected)
{
    struct notes notes;
    notes_init(&notes);
    struct recorded_reader *reader = recorded_reader_new(note, &notes);
    struct fault fault = {0};
    if (read_lines(reader, lines, &fault) < 0)
        fail_msg("%s", fault.text);
    recorded_reader_free(reader);
    notes_are(&notes, expected);
}

static void lines_fail(const char *const *lines, const char *sentence)
{
    struct notes notes;
    notes_init(&notes);
    struct recorded_reader *reader = recorded_reader_new(note, &notes);
    struct fault fault = {0};
    assert_int_equal(read_lines(reader, lines, &fault), -1);
    if (!strstr(fault.text, sentence))
        fail_msg("expected '%s' in: %s", sentence, fault.text);
    assert_int_equal(fault.code, EXIT_FAILED);
    recorded_reader_free(reader);
    buffer_release(&notes.text);
}

// ---- the reader ----

static void change_fails(const char *change, const char *sentence)
{
    char line[512];
    snprintf(line, sizeof line, "{\"changes\":[{\"op\":\"truncate\",\"table\":\"t\"},%s]}", change);
    char expected[256];
    snprintf(expected, sizeof expected, "line 1: change 2: %s", sentence);
    lines_fail(LINES(line), expected);
}

static void the_line_of_the_contract(void **state)
{
    (void)state;
    lines_give(LINES("{\"lsn\":\"0/16B3748\",\"xid\":731,\"time\":\"2025-11-09T12:00:00.000Z\","
                     "\"changes\":["
                     "{\"op\":\"insert\",\"table\":\"public.trades\",\"new\":{\"id\":\"1\"}},"
                     "{\"op\":\"update\",\"table\":\"depot.bays\",\"old\":{\"a\":null},"
                     "\"new\":{\"a\":\"x\"},\"unchanged\":[\"description\"]},"
                     "{\"op\":\"delete\",\"table\":\"trades\",\"old\":{\"id\":\"1\"}},"
                     "{\"op\":\"truncate\",\"table\":\"public.trades\"},"
                     "{\"op\":\"message\",\"prefix\":\"rowcast\",\"content\":\"hello\"}]}"),
               "16B3748 xid 731"
               " #0 insert public.trades new(id:T'1')"
               " #1 update depot.bays new(a:T'x',description:unchanged) old(a:null)"
               " #2 delete public.trades old(id:T'1')"
               " #3 truncate public.trades"
               " #4 message rowcast=hello\n");
}

static void values_have_types_and_keep_their_bytes(void **state)
{
    (void)state;
    lines_give(
        LINES("{\"changes\":[{\"op\":\"insert\",\"table\":\"t\",\"new\":{"
              "\"z\":\"te\\u00e9xt \\\"q\\\"\",\"i\":-5,\"big\":123456789012345678901234567890,"
              "\"f\":1.50,\"e\":1e3,\"yes\":true,\"no\":false,\"n\":null,"
              "\"o\":{\"b\": 1.10, \"a\": [1,\"]}\\\"\"]},\"l\":[ ],\"a\":\"\"}}]}"),
        "1 xid 0 #0 insert public.t new(z:T'te\xc3\xa9xt \"q\"',i:I'-5',"
        "big:I'123456789012345678901234567890',f:F'1.50',e:F'1e3',yes:B't',no:B'f',n:null,"
        "o:J'{\"b\": 1.10, \"a\": [1,\"]}\\\"\"]}',l:J'[ ]',a:T'')\n");
}

static void names_are_unescaped(void **state)
{
    (void)state;
    lines_give(LINES("{\"\\u0063hanges\":[{\"o\\u0070\":\"update\",\"table\":\"p\\u002et\",\"new\":"
                     "{\"\\u0061\":\"x\\ty\"},\"unchanged\":[\"b\\u0063\",\"a\"]}]}"),
               "1 xid 0 #0 update p.t new(a:unchanged,bc:unchanged)\n");
    change_fails("{\"op\":\"insert\",\"table\":\"t\",\"new\":{\"a\\u0000b\":1}}",
                 "a column's name has the character \\u0000");
}

static void spaces_and_notes_do_not_matter(void **state)
{
    (void)state;
    lines_give(
        LINES("", "  \t\r",
              " { \"comment\" : [1,{\"changes\":2}] , \"changes\" : [ { \"new\" : "
              "{ \"a\" : { \"b\" : 1 } , \"c\" : 2 } , \"table\" : \"t\" , \"op\" : \"insert\" "
              "} ] } \r"),
        "3 xid 0 #0 insert public.t new(a:J'{ \"b\" : 1 }',c:I'2')\n");
}

static void line_numbers_stand_for_positions(void **state)
{
    (void)state;
    lines_give(LINES("{\"changes\":[]}", "", "{\"changes\":[],\"xid\":9}",
                     "{\"lsn\":\"1/a\",\"changes\":[],\"time\":\"1970-01-01T00:00:00.5Z\"}"),
               "1 xid 0\n3 xid 9\n10000000A xid 0 at 500000\n");
}

static void unchanged_columns_may_stand_in_new(void **state)
{
    (void)state;
    lines_give(LINES("{\"changes\":[{\"op\":\"update\",\"table\":\"t\",\"new\":{\"a\":1,\"b\":2},"
                     "\"old\":null,\"unchanged\":[\"a\",\"c\"]}]}"),
               "1 xid 0 #0 update public.t new(a:unchanged,b:I'2',c:unchanged)\n");
}

static void foreign_messages_take_no_index(void **state)
{
    (void)state;
    lines_give(LINES("{\"changes\":[{\"op\":\"message\",\"prefix\":\"x\",\"content\":\"1\"},"
                     "{\"op\":\"message\",\"content\":\"2\"}]}"),
               "1 xid 0 #0 message rowcast=2\n");
}

static void more_joins_lines(void **state)
{
    (void)state;
    const char *truncate = "{\"lsn\":\"0/5\",\"more\":true,\"xid\":3,\"changes\":"
                           "[{\"op\":\"truncate\",\"table\":\"t\"}]}";
    lines_give(LINES(truncate, truncate,
                     "{\"more\":false,\"changes\":[{\"op\":\"truncate\",\"table\":\"u\"}]}",
                     "{\"lsn\":\"0/6\",\"changes\":[]}"),
               "5 xid 3 #0 truncate public.t #1 truncate public.t #2 truncate public.u\n6 xid 0\n");
    lines_fail(LINES(truncate),
               "line 1: the input ends, but this line says that the next one goes on");
    lines_fail(LINES(truncate, "{\"lsn\":\"0/7\",\"changes\":[]}"),
               "line 2: the line before it says \"more\":true, but this one has another \"lsn\"");
}

static void bad_lines_are_named(void **state)
{
    (void)state;
    lines_fail(LINES("", "{\"changes\":[}"), "line 2: it is not JSON: ");
    lines_fail(LINES("[]"), "line 1: it must be a JSON object");
    lines_fail(LINES("{} {}"), "it is not JSON");
    lines_fail(LINES("{}"), "\"changes\" must be there");
    lines_fail(LINES("{\"changes\":{}}"), "\"changes\" must be there");
    lines_fail(LINES("{\"chagnes\":[]}"), "did you mean \"changes\"?");
    lines_fail(LINES("{\"changes\":[],\"changes\":[]}"), "it has a key twice");
    lines_fail(LINES("{\"lsn\":5,\"changes\":[]}"), "\"lsn\" must look like");
    lines_fail(LINES("{\"lsn\":\"0/\",\"changes\":[]}"), "\"lsn\" must look like");
    lines_fail(LINES("{\"lsn\":\"0/123456789\",\"changes\":[]}"), "\"lsn\" must look like");
    lines_fail(LINES("{\"lsn\":\" 0/1\",\"changes\":[]}"), "\"lsn\" must look like");
    lines_fail(LINES("{\"xid\":-1,\"changes\":[]}"), "\"xid\" must be");
    lines_fail(LINES("{\"xid\":1.5,\"changes\":[]}"), "\"xid\" must be");
    lines_fail(LINES("{\"xid\":4294967296,\"changes\":[]}"), "\"xid\" must be");
    lines_fail(LINES("{\"time\":\"noon\",\"changes\":[]}"), "\"time\" must look like");
    lines_fail(LINES("{\"more\":1,\"changes\":[]}"), "\"more\" must be");
}

static void bad_changes_are_named(void **state)
{
    (void)state;
    change_fails("7", "it must be an object");
    change_fails("{\"op\":\"upsert\"}",
                 "\"op\" must be insert, update, delete, truncate or message");
    change_fails("{\"table\":\"t\"}", "\"op\" must be");
    change_fails("{\"op\":\"insert\",\"table\":\"t\"}", "\"new\" must be an object");
    change_fails("{\"op\":\"insert\",\"table\":\"t\",\"new\":[1]}", "\"new\" must be an object");
    change_fails("{\"op\":\"delete\",\"table\":\"t\",\"old\":3}", "\"old\" must be an object");
    change_fails("{\"op\":\"insert\",\"new\":{}}", "\"table\" must be a table's name");
    change_fails("{\"op\":\"insert\",\"table\":\"a.\",\"new\":{}}", "\"table\" must be");
    change_fails("{\"op\":\"insert\",\"table\":\".a\",\"new\":{}}", "\"table\" must be");
    change_fails("{\"op\":\"insert\",\"table\":\"a\",\"new\":{\"x\":1,\"x\":2}}",
                 "\"new\" has a column twice");
    change_fails("{\"op\":\"update\",\"table\":\"a\",\"new\":{},\"unchanged\":\"x\"}",
                 "\"unchanged\" must be a list");
    change_fails("{\"op\":\"update\",\"table\":\"a\",\"new\":{},\"unchanged\":[1]}",
                 "\"unchanged\" must be a list");
    change_fails("{\"op\":\"update\",\"tabel\":\"a\",\"new\":{}}",
                 "the key \"tabel\" is unknown; did you mean \"table\"?");
    change_fails("{\"op\":\"message\"}", "a message has \"prefix\" and \"content\"");
}

static void positions_must_ascend(void **state)
{
    (void)state;
    lines_fail(
        LINES("{\"lsn\":\"0/16B3748\",\"changes\":[]}", "{\"lsn\":\"0/16B3748\",\"changes\":[]}"),
        "line 2: its \"lsn\" (0/16B3748) is not above that of the transaction before (0/16B3748)");
    lines_fail(LINES("{\"lsn\":\"0/16B3748\",\"changes\":[]}", "{\"changes\":[]}"),
               "line 2: its line number, which stands for an \"lsn\", (0/2) is not above");
    lines_fail(LINES("{\"lsn\":\"0/0\",\"changes\":[]}"), "is not above");
}

static void every_beginning_of_a_line_is_refused(void **state)
{
    (void)state;
    const char *line = "{\"lsn\":\"0/1\",\"xid\":1,\"time\":\"2025-11-09T12:00:00Z\",\"changes\":["
                       "{\"op\":\"update\",\"table\":\"t\",\"new\":{\"a\":{\"b\":[1,\"\\\"\"]}},"
                       "\"unchanged\":[\"c\"]}]}";
    for (size_t size = 1; size < strlen(line); size++) {
        char *beginning = malloc(size + 1);
        memcpy(beginning, line, size);
        beginning[size] = '\0';
        lines_fail(LINES(beginning), "line 1: it is not JSON");
        free(beginning);
    }
}

static void large_transactions_come_in_parts(void **state)
{
    (void)state;
    struct notes notes;
    notes_init(&notes);
    struct recorded_reader *reader = recorded_reader_new(note, &notes);
    struct fault fault;
    for (int i = 0; i <= TRANSACTION_MAX_CHANGES; i++) {
        char line[128];
        int size =
            snprintf(line, sizeof line,
                     "{\"lsn\":\"0/5\",\"more\":%s,\"changes\":[{\"op\":\"insert\",\"table\":\"t\","
                     "\"new\":{\"i\":%d}}]}",
                     i < TRANSACTION_MAX_CHANGES ? "true" : "false", i);
        assert_int_equal(recorded_reader_line(reader, line, (size_t)size, NOW, &fault), 0);
        assert_int_equal(notes.transactions, i < TRANSACTION_MAX_CHANGES ? 0 : 2);
    }
    recorded_reader_free(reader);
    buffer_append_byte(&notes.text, '\0');
    const char *first = "5 xid 0 part #0 insert public.t new(i:I'0') #1";
    const char *last = "5 xid 0 last part #10000 insert public.t new(i:I'10000')\n";
    assert_int_equal(strncmp(notes.text.bytes, first, strlen(first)), 0);
    assert_string_equal(notes.text.bytes + notes.text.size - 1 - strlen(last), last);
    buffer_release(&notes.text);
}

// ---- files ----

static const char *write_file(const char *content, size_t size)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/rowcast_recorded_test.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (size_t at = 0; at < size;) {
        ssize_t count = write(fd, content + at, size - at);
        assert_true(count > 0);
        at += (size_t)count;
    }
    close(fd);
    return path;
}

static const char *write_text(const char *content)
{
    return write_file(content, strlen(content));
}

static void files_are_read_to_their_end(void **state)
{
    (void)state;
    struct notes notes;
    struct fault fault;
    notes_init(&notes);
    const char *path = write_text("{\"time\":\"1970-01-01T00:00:01Z\",\"changes\":[]}\r\n\n"
                                  "{\"time\":\"1970-01-01T00:00:02Z\",\"changes\":[],\"xid\":2}");
    assert_int_equal(recorded_read_file(path, note, &notes, &fault), 0);
    notes_are(&notes, "1 xid 0 at 1000000\n3 xid 2 at 2000000\n");
    unlink(path);
}

static void faults_name_file_and_line(void **state)
{
    (void)state;
    struct notes notes;
    struct fault fault;
    notes_init(&notes);
    const char *path = write_text("{\"changes\":[]}\n{\"changes\":1}\n");
    assert_int_equal(recorded_read_file(path, note, &notes, &fault), -1);
    char expected[128];
    snprintf(expected, sizeof expected, "%s:2: \"changes\" must be there", path);
    assert_int_equal(strncmp(fault.text, expected, strlen(expected)), 0);
    unlink(path);
    assert_int_equal(recorded_read_file(path, note, &notes, &fault), -1);
    assert_non_null(strstr(fault.text, "cannot be opened: No such file or directory"));
    assert_int_equal(recorded_read_file("/tmp", note, &notes, &fault), -1);
    assert_non_null(strstr(fault.text, "/tmp is a folder"));
    buffer_release(&notes.text);
}

static void lines_longer_than_64_mib_are_refused(void **state)
{
    (void)state;
    size_t size = (64u << 20) + 10;
    char *content = malloc(size);
    memset(content, ' ', size);
    content[0] = '{';
    const char *path = write_file(content, size);
    free(content);
    struct notes notes;
    struct fault fault;
    notes_init(&notes);
    assert_int_equal(recorded_read_file(path, note, &notes, &fault), -1);
    assert_non_null(strstr(fault.text, ":1: it is longer than 64 MiB"));
    buffer_release(&notes.text);
    unlink(path);
}

// ---- the source ----

static void on_started(void *user, const struct source_identity *identity)
{
    struct notes *notes = user;
    assert_int_equal(notes->transactions, 0);
    assert_int_equal(identity->epoch, recorded_identity().epoch);
    notes->started++;
}

static void on_transaction(void *user, struct transaction *transaction)
{
    struct notes *notes = user;
    note(notes, transaction);
    if (notes->transactions == notes->close_after) {
        recorded_source_close(notes->source);
        recorded_source_close(notes->source);
    }
    if (notes->transactions == notes->pause_after)
        recorded_source_pause(notes->source, true);
}

static void on_lost(void *user, const struct fault *fault)
{
    (void)user;
    fail_msg("lost: %s", fault->text);
}

static void on_ended(void *user, const struct fault *fault)
{
    struct notes *notes = user;
    notes->ended++;
    if (fault)
        notes->fault = *fault;
    recorded_source_close(notes->source);
}

static void on_caught_up(void *user)
{
    struct notes *notes = user;
    assert_int_equal(notes->started, 1); // a file is never behind
}

static const struct source_callbacks callbacks = {
    .started = on_started,
    .caught_up = on_caught_up,
    .transaction = on_transaction,
    .lost = on_lost,
    .ended = on_ended,
};

static void start(struct notes *notes, uv_loop_t *loop, const char *path)
{
    struct fault fault;
    assert_int_equal(uv_loop_init(loop), 0);
    if (recorded_source_start(&notes->source, loop, path, &callbacks, notes, &fault) < 0)
        fail_msg("%s", fault.text);
    assert_int_equal(notes->started, 0); // nothing is called from inside start
}

static void run_to_the_end(struct notes *notes, uv_loop_t *loop)
{
    assert_int_equal(uv_run(loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(loop), 0);
    assert_int_equal(notes->started, 1);
}

static char *many_lines(int count)
{
    struct buffer text;
    buffer_init(&text, 16 << 20);
    for (int i = 0; i < count; i++)
        buffer_append_format(&text, "{\"xid\":%d,\"changes\":[]}\n", i);
    buffer_append_byte(&text, '\0');
    return text.bytes;
}

static void a_file_is_delivered_turn_by_turn(void **state)
{
    (void)state;
    struct notes notes;
    notes_init(&notes);
    char *content = many_lines(10000);
    const char *path = write_text(content);
    uv_loop_t loop;
    start(&notes, &loop, path);
    int turns = 0;
    for (; uv_run(&loop, UV_RUN_NOWAIT); turns++)
        ;
    assert_in_range(turns, 10000 / 64, 1000000);
    run_to_the_end(&notes, &loop);
    assert_int_equal(notes.transactions, 10000);
    assert_int_equal(notes.ended, 1);
    assert_string_equal(notes.fault.text, "");
    buffer_release(&notes.text);
    unlink(path);
    free(content);
}

static void a_paused_source_waits(void **state)
{
    (void)state;
    struct notes notes;
    notes_init(&notes);
    notes.pause_after = 5;
    const char *path = write_text("{\"changes\":[]}\n{\"changes\":[]}\n{\"changes\":[]}\n"
                                  "{\"changes\":[]}\n{\"changes\":[]}\n{\"changes\":[]}\n"
                                  "{\"changes\":[]}");
    uv_loop_t loop;
    start(&notes, &loop, path);
    recorded_source_pause(notes.source, true);
    uv_run(&loop, UV_RUN_DEFAULT); // nothing is active
    assert_int_equal(notes.started, 0);
    recorded_source_pause(notes.source, false);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(notes.transactions, 5);
    assert_int_equal(notes.ended, 0);
    recorded_source_pause(notes.source, false);
    run_to_the_end(&notes, &loop);
    assert_int_equal(notes.transactions, 7);
    assert_int_equal(notes.ended, 1);
    buffer_release(&notes.text);
    unlink(path);
}

static void nothing_is_called_after_close(void **state)
{
    (void)state;
    struct notes notes;
    notes_init(&notes);
    notes.close_after = 100;
    char *content = many_lines(1000);
    const char *path = write_text(content);
    uv_loop_t loop;
    start(&notes, &loop, path);
    run_to_the_end(&notes, &loop);
    assert_int_equal(notes.transactions, 100);
    assert_int_equal(notes.ended, 0);

    notes.transactions = 0, notes.started = 0, notes.close_after = 0;
    start(&notes, &loop, path); // and while the file is being read
    uv_run(&loop, UV_RUN_NOWAIT);
    recorded_source_close(notes.source);
    run_to_the_end(&notes, &loop);
    assert_int_equal(notes.transactions, 0);
    recorded_source_close(NULL);
    buffer_release(&notes.text);
    unlink(path);
    free(content);
}

static void a_bad_line_ends_the_source(void **state)
{
    (void)state;
    struct notes notes;
    notes_init(&notes);
    const char *path = write_text("{\"changes\":[]}\n{\"changes\":1}\n{\"changes\":[]}\n");
    uv_loop_t loop;
    start(&notes, &loop, path);
    run_to_the_end(&notes, &loop);
    assert_int_equal(notes.transactions, 1);
    assert_int_equal(notes.ended, 1);
    assert_non_null(strstr(notes.fault.text, ":2: \"changes\" must be there"));
    buffer_release(&notes.text);
    unlink(path);
}

static void write_all(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void a_pipe_is_read_as_it_fills(void **state)
{
    (void)state;
    struct notes notes;
    notes_init(&notes);
    int ends[2], standard_input = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[0], STDIN_FILENO);
    uv_loop_t loop;
    start(&notes, &loop, "-");
    write_all(ends[1], "{\"changes\":[]}\n{\"chan");
    for (int i = 0; i < 100; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(notes.transactions, 1);
    write_all(ends[1], "ges\":[]}\n{\"changes\":[]}");
    for (int i = 0; i < 100; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(notes.transactions, 2);
    assert_int_equal(notes.ended, 0);
    close(ends[1]);
    run_to_the_end(&notes, &loop);
    assert_int_equal(notes.transactions, 3);
    assert_int_equal(notes.ended, 1);
    close(ends[0]);
    dup2(standard_input, STDIN_FILENO);
    close(standard_input);
    buffer_release(&notes.text);
}

static void standard_input_may_be_a_file(void **state)
{
    (void)state;
    struct notes notes;
    notes_init(&notes);
    const char *path = write_text("{\"changes\":[]}\n{\"changes\":5}\n");
    int standard_input = dup(STDIN_FILENO);
    assert_non_null(freopen(path, "r", stdin));
    uv_loop_t loop;
    start(&notes, &loop, "-");
    run_to_the_end(&notes, &loop);
    assert_int_equal(notes.transactions, 1);
    assert_int_equal(strncmp(notes.fault.text, "standard input:2: ", 18), 0);
    dup2(standard_input, STDIN_FILENO);
    close(standard_input);
    unlink(path);
    buffer_release(&notes.text);
}

static void a_missing_file_is_a_sentence(void **state)
{
    (void)state;
    struct fault fault;
    struct recorded_source *source;
    uv_loop_t loop;
    uv_loop_init(&loop);
    assert_int_equal(
        recorded_source_start(&source, &loop, "/nowhere/rows.jsonl", &callbacks, NULL, &fault), -1);
    assert_int_equal(fault.code, EXIT_CONFIGURATION);
    assert_string_equal(fault.text,
                        "The recorded rows /nowhere/rows.jsonl cannot be opened: No such "
                        "file or directory. Give the path of a file of recorded rows, or "
                        "- for standard input.");
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_of_the_contract),
        cmocka_unit_test(values_have_types_and_keep_their_bytes),
        cmocka_unit_test(names_are_unescaped),
        cmocka_unit_test(spaces_and_notes_do_not_matter),
        cmocka_unit_test(line_numbers_stand_for_positions),
        cmocka_unit_test(unchanged_columns_may_stand_in_new),
        cmocka_unit_test(foreign_messages_take_no_index),
        cmocka_unit_test(more_joins_lines),
        cmocka_unit_test(bad_lines_are_named),
        cmocka_unit_test(bad_changes_are_named),
        cmocka_unit_test(positions_must_ascend),
        cmocka_unit_test(every_beginning_of_a_line_is_refused),
        cmocka_unit_test(large_transactions_come_in_parts),
        cmocka_unit_test(files_are_read_to_their_end),
        cmocka_unit_test(faults_name_file_and_line),
        cmocka_unit_test(lines_longer_than_64_mib_are_refused),
        cmocka_unit_test(a_file_is_delivered_turn_by_turn),
        cmocka_unit_test(a_paused_source_waits),
        cmocka_unit_test(nothing_is_called_after_close),
        cmocka_unit_test(a_bad_line_ends_the_source),
        cmocka_unit_test(a_pipe_is_read_as_it_fills),
        cmocka_unit_test(standard_input_may_be_a_file),
        cmocka_unit_test(a_missing_file_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
