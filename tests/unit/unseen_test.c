// SPDX-License-Identifier: MIT
// Tests of core/app/unseen.c.
#include "rowcast/unseen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EPOCH 7
#define TIMELINE 1

struct fixture {
    struct topics topics;
    struct history *history;
    struct unseen unseen;
    uint32_t a, b;
};

static struct event_id position(uint32_t timeline, uint64_t lsn)
{
    return (struct event_id){.epoch = EPOCH,
                             .timeline = timeline,
                             .lsn = lsn,
                             .change = EVENT_ID_LAST_CHANGE,
                             .emit = EVENT_ID_LAST_EMIT};
}

static int begin_with(void **state, size_t max_bytes)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct event_id start = position(TIMELINE, 100);
    topics_init(&fixture->topics);
    fixture->history = history_new(&fixture->topics, max_bytes, INT64_MAX);
    history_start(fixture->history, &start);
    unseen_init(&fixture->unseen, fixture->history);
    fixture->a = topics_take(&fixture->topics, "a", 1);
    fixture->b = topics_take(&fixture->topics, "b", 1);
    *state = fixture;
    return 0;
}

static int begin(void **state)
{
    return begin_with(state, 1 << 20);
}

static int begin_small(void **state)
{
    return begin_with(state, 1); // every event is dropped at once
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    unseen_release(&fixture->unseen);
    history_free(fixture->history);
    topics_release(&fixture->topics);
    free(fixture);
    return 0;
}

static void happens(struct fixture *fixture, uint64_t lsn, uint32_t xid, uint32_t topic)
{
    struct event event = {.id = {.epoch = EPOCH, .timeline = TIMELINE, .lsn = lsn, .xid = xid},
                          .topic_count = 1,
                          .topics = {topic},
                          .frames = {frame_new(FRAME_TEXT, "{}", 2)}};
    history_append(fixture->history, &event, 0);
    event.id.change = EVENT_ID_LAST_CHANGE;
    event.id.emit = EVENT_ID_LAST_EMIT;
    history_commit(fixture->history, &event.id);
}

// Takes a snapshot that began at the mark. The commit position behind which is to be looked; 0: in vain.
static uint64_t find(struct fixture *fixture, struct unseen_mark *mark, const char *snapshot,
                     uint32_t topic)
{
    struct visibility visibility;
    struct event_id since;
    assert_int_equal(visibility_parse(&visibility, snapshot), 0);
    bool found = unseen_find(&fixture->unseen, mark, &visibility, topic, &since);
    visibility_release(&visibility);
    if (!found)
        return 0;
    assert_int_equal(since.change, EVENT_ID_LAST_CHANGE);
    return since.lsn;
}

static uint64_t take(struct fixture *fixture, const char *snapshot, uint32_t topic)
{
    struct unseen_mark mark = {0};
    unseen_begin(&fixture->unseen, &mark);
    return find(fixture, &mark, snapshot, topic);
}

static void what_was_seen_needs_no_looking_back(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(take(fixture, "10:10:", fixture->a), 100);
    happens(fixture, 200, 10, fixture->a);
    happens(fixture, 300, 11, fixture->b);
    assert_int_equal(take(fixture, "12:12:", fixture->a), 300);
}

static void what_was_streamed_and_not_seen_is_looked_for(void **state)
{
    struct fixture *fixture = *state;
    happens(fixture, 200, 10, fixture->a);
    happens(fixture, 300, 12, fixture->a);
    happens(fixture, 400, 11, fixture->a);
    assert_int_equal(take(fixture, "12:13:12", fixture->a), 299);
    assert_int_equal(take(fixture, "12:13:12", fixture->b), 299); // it may have both topics
    assert_int_equal(take(fixture, "13:13:", fixture->a), 400);
    assert_int_equal(fixture->unseen.count, 0);
}

static void it_is_remembered_until_it_is_seen(void **state)
{
    struct fixture *fixture = *state;
    happens(fixture, 200, 12, fixture->a);
    assert_int_equal(take(fixture, "12:13:12", fixture->a), 199);
    for (uint64_t lsn = 300; lsn < 10000; lsn += 100) {
        happens(fixture, lsn, 20, fixture->a);
        assert_int_equal(take(fixture, "12:21:12", fixture->a), 199);
    }
    assert_int_equal(take(fixture, "21:21:", fixture->a), 9900);
}

// A snapshot may come back later than one that was taken after it: it looks with its own eyes.
static void an_older_snapshot_that_comes_later_still_finds_it(void **state)
{
    struct fixture *fixture = *state;
    struct unseen_mark older = {0}, newer = {0}, newest = {0};
    happens(fixture, 200, 12, fixture->a);
    unseen_begin(&fixture->unseen, &older);
    unseen_begin(&fixture->unseen, &newer);
    assert_int_equal(find(fixture, &newer, "13:13:", fixture->a), 200);
    unseen_begin(&fixture->unseen, &newest);
    assert_int_equal(find(fixture, &older, "12:13:12", fixture->a), 199);
    assert_int_equal(find(fixture, &newest, "13:13:", fixture->a), 200);
    assert_int_equal(fixture->unseen.count, 0);
}

static void one_that_was_cancelled_holds_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct unseen_mark older = {0};
    unseen_begin(&fixture->unseen, &older);
    happens(fixture, 200, 12, fixture->a);
    assert_int_equal(take(fixture, "13:13:", fixture->a), 200);
    unseen_cancel(&older);
    happens(fixture, 300, 13, fixture->a);
    assert_int_equal(take(fixture, "14:14:", fixture->a), 300);
    assert_int_equal(fixture->unseen.count, 0);
}

static void what_happens_behind_the_mark_is_behind_it(void **state)
{
    struct fixture *fixture = *state;
    struct unseen_mark mark = {0};
    unseen_begin(&fixture->unseen, &mark);
    happens(fixture, 200, 12, fixture->a);
    assert_int_equal(find(fixture, &mark, "12:12:", fixture->a), 100);
    assert_int_equal(take(fixture, "13:13:", fixture->a), 200);
}

static void it_is_told_when_it_has_left_the_history(void **state)
{
    struct fixture *fixture = *state;
    happens(fixture, 200, 12, fixture->a);
    happens(fixture, 300, 13, fixture->b);
    assert_int_equal(take(fixture, "12:14:12", fixture->a), 0);
    assert_int_equal(take(fixture, "12:14:12", fixture->b), 300);
    assert_int_equal(take(fixture, "14:14:", fixture->a), 300);
}

// 32 bits name a transaction among the last 2^31 only.
static void what_was_dropped_long_ago_was_seen(void **state)
{
    struct fixture *fixture = *state;
    happens(fixture, 200, 12, fixture->a);
    happens(fixture, UINT64_C(100) << 30, 3000000000, fixture->b);
    assert_int_equal(take(fixture, "3000000001:3000000001:", fixture->a), UINT64_C(100) << 30);
}

static void a_history_that_begins_anew_is_looked_at_anew(void **state)
{
    struct fixture *fixture = *state;
    struct event_id start = position(TIMELINE + 1, 150);
    happens(fixture, 200, 12, fixture->a);
    assert_int_equal(take(fixture, "12:13:12", fixture->a), 199);
    history_start(fixture->history, &start);
    unseen_clear(&fixture->unseen);
    assert_int_equal(take(fixture, "12:13:12", fixture->a), 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_seen_needs_no_looking_back, begin, end),
        cmocka_unit_test_setup_teardown(what_was_streamed_and_not_seen_is_looked_for, begin, end),
        cmocka_unit_test_setup_teardown(it_is_remembered_until_it_is_seen, begin, end),
        cmocka_unit_test_setup_teardown(an_older_snapshot_that_comes_later_still_finds_it, begin,
                                        end),
        cmocka_unit_test_setup_teardown(one_that_was_cancelled_holds_nothing, begin, end),
        cmocka_unit_test_setup_teardown(what_happens_behind_the_mark_is_behind_it, begin, end),
        cmocka_unit_test_setup_teardown(it_is_told_when_it_has_left_the_history, begin_small, end),
        cmocka_unit_test_setup_teardown(what_was_dropped_long_ago_was_seen, begin_small, end),
        cmocka_unit_test_setup_teardown(a_history_that_begins_anew_is_looked_at_anew, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
