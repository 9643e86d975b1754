// SPDX-License-Identifier: MIT
// Tests of history.c: its rules one by one, then random histories against a naive model.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rowcast/history.h"

#define EPOCH 7
#define TIMELINE 2

static struct event_id at(uint64_t lsn, uint32_t xid, uint32_t change, uint16_t emit)
{
    return (struct event_id){EPOCH, TIMELINE, lsn, xid, 0, change, emit};
}

static struct event_id behind(uint64_t lsn, uint32_t xid)
{
    return at(lsn, xid, EVENT_ID_LAST_CHANGE, EVENT_ID_LAST_EMIT);
}

// An event as the router makes it: it takes the topics, the history takes references of its own.
static void append(struct history *history, struct topics *topics, struct event_id id,
                   const char *const *names, uint32_t name_count, size_t payload_size, int64_t now)
{
    static const char payload[4096];
    struct event event = {.id = id, .topic_count = name_count};

    for (uint32_t i = 0; i < name_count; i++)
        event.topics[i] = topics_take(topics, names[i], strlen(names[i]));
    event.frames[FORMAT_JSON] = frame_new(FRAME_TEXT, payload, payload_size);
    history_append(history, &event, now);
    for (uint32_t i = 0; i < name_count; i++)
        topics_unref(topics, event.topics[i]);
}

#define MARKS ((1 << 20) / 4 / 16) // of a history of 1 MiB

// ---- one rule at a time ----

struct place {
    struct topics topics;
    struct history *history;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    struct event_id start = behind(100, 0);

    topics_init(&place->topics);
    place->history = history_new(&place->topics, 1 << 20, 1000);
    history_start(place->history, &start);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    uint32_t live;

    history_free(place->history);
    live = place->topics.live;
    topics_release(&place->topics);
    free(place);
    return live == 0 ? 0 : -1;
}

static void put(struct place *place, struct event_id id, const char *topic, int64_t now)
{
    append(place->history, &place->topics, id, &topic, 1, 10, now);
}

static enum resume resume(struct place *place, const char *name, struct event_id since,
                          struct history_cursor *cursor)
{
    uint32_t topic = topics_take(&place->topics, name, strlen(name));
    enum resume answer = history_resume(place->history, topic, &since, cursor);

    topics_unref(&place->topics, topic);
    return answer;
}

static void assert_answer(struct place *place, const char *name, struct event_id since,
                          enum resume expected)
{
    struct history_cursor cursor;

    assert_int_equal(resume(place, name, since, &cursor), expected);
    if (expected != RESUME_RECOVERED)
        assert_null(history_next(place->history, &cursor));
}

// `lsns` ends with 0.
static void assert_missed(struct place *place, const char *name, struct event_id since,
                          const uint64_t *lsns)
{
    struct history_cursor cursor;
    const struct event *event;

    assert_int_equal(resume(place, name, since, &cursor), RESUME_RECOVERED);
    for (; *lsns != 0; lsns++) {
        event = history_next(place->history, &cursor);
        assert_non_null(event);
        assert_int_equal(event->id.lsn, *lsns);
        assert_non_null(event->frames[FORMAT_JSON]);
    }
    assert_null(history_next(place->history, &cursor));
    assert_null(history_next(place->history, &cursor));
}

#define LSNS(...) ((const uint64_t[]){__VA_ARGS__, 0})

static void assert_behind(struct place *place, struct event_id id, uint64_t expected, bool known)
{
    bool whole;

    assert_int_equal(history_behind(place->history, &id, &whole), expected);
    assert_int_equal(whole, known);
}

static void what_is_behind_an_id_is_found_whatever_its_topic(void **state)
{
    struct place *place = *state;
    struct event_id other = at(300, 3, 0, 0);

    assert_behind(place, behind(100, 0), 1, true);
    put(place, at(200, 2, 0, 0), "a", 0);
    put(place, at(300, 3, 0, 0), "b", 0);
    put(place, at(300, 3, 1, 0), "a", 500);
    assert_behind(place, behind(100, 0), 1, true);
    assert_behind(place, at(200, 2, 0, 0), 2, true);
    assert_behind(place, at(300, 3, 0, 0), 3, true);
    assert_behind(place, at(300, 3, 1, 0), 4, true);
    assert_behind(place, at(99, 1, 0, 0), 1, false);  // before the start
    assert_behind(place, at(400, 4, 0, 0), 4, false); // ahead
    other.epoch++;
    assert_behind(place, other, 3, false);

    history_evict(place->history, 1001);
    assert_behind(place, at(200, 2, 0, 0), 3, false); // 300 is gone
    assert_behind(place, at(300, 3, 0, 0), 3, true);  // itself, but nothing behind it
}

static const struct event *find(const struct place *place, struct event_id id)
{
    uint64_t found;

    return history_find(place->history, &id, &found);
}

static void an_event_is_found_by_its_very_id(void **state)
{
    struct place *place = *state;
    struct event_id id = at(300, 3, 0, 0), other = id;
    uint64_t found;

    other.epoch++;
    put(place, at(200, 2, 0, 0), "a", 0);
    put(place, id, "b", 500);
    assert_int_equal(history_find(place->history, &id, &found)->id.xid, 3);
    assert_int_equal(found, 2);
    assert_non_null(find(place, at(200, 2, 0, 0)));
    assert_null(find(place, at(300, 9, 0, 0))); // another transaction there
    assert_null(find(place, at(300, 3, 1, 0)));
    assert_null(find(place, at(250, 2, 0, 0)));
    assert_null(find(place, at(100, 1, 0, 0)));
    assert_null(find(place, other));
    history_evict(place->history, 1001);
    assert_null(find(place, at(200, 2, 0, 0)));
}

static void nothing_is_known_before_the_start(void **state)
{
    struct topics topics;
    struct event_id since = at(1, 1, 0, 0);
    struct history_cursor cursor;

    (void)state;
    topics_init(&topics);
    struct history *history = history_new(&topics, 1000, 1000);
    uint32_t topic = topics_take(&topics, "a", 1);
    assert_int_equal(history_position(history)->lsn, 0);
    assert_int_equal(history_resume(history, topic, &since, &cursor), RESUME_STREAM_RESET);
    history_evict(history, 5);
    history_free(history);
    history_free(NULL);
    topics_release(&topics);
}

static void a_topic_is_walked_from_the_id_to_the_newest(void **state)
{
    struct place *place = *state;

    for (uint64_t lsn = 110; lsn <= 160; lsn += 10)
        put(place, at(lsn, 5, 0, 0), lsn % 20 == 0 ? "even" : "odd", 0);
    assert_int_equal(history_events(place->history), 6);
    assert_missed(place, "even", behind(100, 0), LSNS(120, 140, 160));
    assert_missed(place, "odd", behind(100, 0), LSNS(110, 130, 150));
    assert_missed(place, "even", at(120, 5, 0, 0), LSNS(140, 160));
    assert_missed(place, "odd", at(120, 5, 0, 0), LSNS(130, 150));
    assert_missed(place, "even", at(160, 5, 0, 0), (const uint64_t[]){0});
    assert_missed(place, "unheard of", behind(100, 0), (const uint64_t[]){0});
}

static void an_event_of_many_topics_stands_in_each(void **state)
{
    static const char *const all[] = {"a", "b", "c"};
    struct place *place = *state;

    append(place->history, &place->topics, at(110, 1, 0, 0), all, 3, 5, 0);
    append(place->history, &place->topics, at(120, 2, 0, 0), all + 1, 1, 5, 0);
    append(place->history, &place->topics, at(130, 3, 0, 0), NULL, 0, 5, 0);
    assert_missed(place, "a", behind(100, 0), LSNS(110));
    assert_missed(place, "b", behind(100, 0), LSNS(110, 120));
    assert_missed(place, "c", behind(100, 0), LSNS(110));
    assert_int_equal(history_events(place->history), 3);
}

static void a_position_lies_behind_its_transaction(void **state)
{
    struct place *place = *state;
    struct event_id passed = behind(110, 5);

    put(place, at(110, 5, 0, 0), "a", 0);
    put(place, at(110, 5, 0, 1), "a", 0);
    put(place, at(110, 5, 3, 0), "a", 0);
    history_commit(place->history, &passed);
    put(place, at(120, 6, 0, 0), "a", 0);
    assert_missed(place, "a", behind(110, 5), LSNS(120));
    assert_missed(place, "a", at(110, 5, 0, 0), LSNS(110, 110, 120));
    assert_missed(place, "a", at(110, 5, 0, 1), LSNS(110, 120));
    assert_missed(place, "a", at(110, 5, 3, 0), LSNS(120));
}

static void a_transaction_without_events_moves_the_position(void **state)
{
    struct place *place = *state;
    struct event_id passed = behind(150, 9), earlier = behind(140, 8);

    assert_answer(place, "a", behind(150, 9), RESUME_UNKNOWN_ID);
    history_commit(place->history, &passed);
    history_commit(place->history, &earlier); // never back
    assert_int_equal(history_position(place->history)->lsn, 150);
    assert_answer(place, "a", behind(150, 9), RESUME_RECOVERED);
    assert_int_equal(history_events(place->history), 0);
}

static void another_database_or_timeline_is_a_reset(void **state)
{
    struct place *place = *state;
    struct event_id since = behind(100, 0);

    assert_answer(place, "a", since, RESUME_RECOVERED);
    since.epoch++;
    assert_answer(place, "a", since, RESUME_STREAM_RESET);
    since = behind(100, 0);
    since.timeline--;
    assert_answer(place, "a", since, RESUME_STREAM_RESET);
    since.timeline += 2;
    assert_answer(place, "a", since, RESUME_STREAM_RESET);
}

static void ids_ahead_of_the_stream_are_unknown(void **state)
{
    struct place *place = *state;

    put(place, at(110, 5, 2, 0), "a", 0);
    assert_answer(place, "a", at(110, 5, 2, 0), RESUME_RECOVERED);
    assert_answer(place, "a", at(110, 5, 2, 1), RESUME_UNKNOWN_ID);
    assert_answer(place, "a", at(110, 5, 3, 0), RESUME_UNKNOWN_ID);
    assert_answer(place, "a", at(111, 5, 0, 0), RESUME_UNKNOWN_ID);
}

static void ids_before_the_start_are_expired(void **state)
{
    struct place *place = *state;

    put(place, at(110, 5, 0, 0), "a", 0);
    assert_answer(place, "a", behind(99, 0), RESUME_EXPIRED);
    assert_answer(place, "a", at(100, 0, 0, 0), RESUME_EXPIRED);
    assert_answer(place, "a", behind(100, 0), RESUME_RECOVERED);
}

static void the_same_place_with_another_xid_is_unknown(void **state)
{
    struct place *place = *state;
    struct event_id start = behind(100, 40), passed = behind(130, 7);

    history_start(place->history, &start);
    put(place, at(110, 5, 0, 0), "a", 0);
    put(place, at(120, 6, 0, 0), "b", 0);
    history_commit(place->history, &passed);
    assert_answer(place, "a", at(110, 5, 0, 0), RESUME_RECOVERED);
    assert_answer(place, "a", at(110, 6, 0, 0), RESUME_UNKNOWN_ID);
    assert_answer(place, "a", at(110, 0, 0, 0), RESUME_RECOVERED); // not known: fits any
    assert_answer(place, "a", behind(120, 5), RESUME_UNKNOWN_ID);  // also by another topic's event
    assert_answer(place, "a", behind(130, 6), RESUME_UNKNOWN_ID);  // the position
    assert_answer(place, "a", behind(130, 7), RESUME_RECOVERED);
    assert_answer(place, "a", behind(100, 41), RESUME_UNKNOWN_ID); // the start
    assert_answer(place, "a", behind(100, 40), RESUME_RECOVERED);
}

// A log that was set back and written anew has other transactions at the old places, or none.
static void an_event_of_no_transaction_is_unknown(void **state)
{
    struct place *place = *state;
    struct event_id stamped = at(130, 7, 0, 0), silent = behind(140, 8);

    put(place, at(110, 5, 0, 0), "a", 0);
    put(place, at(120, 6, 0, 0), "a", 0);
    stamped.stamp = 1;
    put(place, stamped, "b", 0);
    history_commit(place->history, &silent);
    assert_answer(place, "a", at(105, 5, 0, 0), RESUME_UNKNOWN_ID);
    assert_answer(place, "a", at(115, 5, 0, 0), RESUME_UNKNOWN_ID);
    assert_answer(place, "a", at(130, 7, 0, 0), RESUME_UNKNOWN_ID); // the xid came again, later
    assert_answer(place, "a", stamped, RESUME_RECOVERED);
    assert_answer(place, "a", at(140, 8, 3, 0),
                  RESUME_RECOVERED); // other scripts made an event of it
    assert_answer(place, "a", at(140, 9, 3, 0), RESUME_UNKNOWN_ID);
    history_evict(place->history, 2000);
    assert_answer(place, "a", at(125, 6, 0, 0), RESUME_UNKNOWN_ID); // known beyond the events
    assert_answer(place, "a", at(120, 6, 0, 0), RESUME_RECOVERED);
}

static void a_position_names_the_newest_transaction_before_it(void **state)
{
    struct place *place = *state;

    assert_answer(place, "a", behind(100, 3),
                  RESUME_RECOVERED); // what was before the start is not known
    put(place, at(110, 5, 0, 0), "a", 0);
    history_advance(place->history, 118);
    assert_int_equal(history_position(place->history)->lsn, 118);
    assert_int_equal(history_position(place->history)->xid, 5);
    assert_true(event_id_is_position(history_position(place->history)));
    history_advance(place->history, 117); // never back
    assert_int_equal(history_position(place->history)->lsn, 118);
    put(place, at(120, 6, 0, 0), "a", 0);
    assert_answer(place, "a", behind(105, 4), RESUME_RECOVERED);
    assert_missed(place, "a", behind(118, 5), LSNS(120));
    assert_missed(place, "a", behind(115, 5), LSNS(120)); // another instance's
    assert_missed(place, "a", behind(118, 0), LSNS(120)); // of one that knew of none
    assert_answer(place, "a", behind(118, 4), RESUME_UNKNOWN_ID);
    assert_answer(place, "a", behind(119, 6), RESUME_UNKNOWN_ID);
}

static void what_is_older_than_the_marks_is_taken_at_its_word(void **state)
{
    struct place *place = *state;

    put(place, at(110, 5, 0, 0), "a", 0);
    for (uint64_t lsn = 200; lsn < MARKS; lsn++) {
        struct event_id id = behind(lsn * 10, (uint32_t)lsn);
        history_commit(place->history, &id);
    }
    assert_answer(place, "a", at(2001, 9, 0, 0), RESUME_UNKNOWN_ID);
    for (uint64_t lsn = MARKS; lsn < 2 * MARKS; lsn++) {
        struct event_id id = behind(lsn * 10, (uint32_t)lsn);
        history_commit(place->history, &id);
    }
    assert_answer(place, "a", at(2001, 9, 0, 0), RESUME_RECOVERED);
    assert_answer(place, "a", behind(2001, 9), RESUME_RECOVERED);
    assert_answer(place, "a", at(MARKS * 10 + 1, MARKS, 0, 0), RESUME_UNKNOWN_ID);
    assert_answer(place, "a", behind(MARKS * 10 + 1, MARKS), RESUME_RECOVERED);
}

static void ids_of_an_ancestor_are_valid_up_to_its_end(void **state)
{
    static const struct lineage promoted = {TIMELINE + 1, 1, {{TIMELINE, 125}}};
    struct place *place = *state;
    struct event_id next = at(130, 7, 0, 0);

    put(place, at(110, 5, 0, 0), "a", 0);
    put(place, at(120, 6, 0, 0), "a", 0);
    next.timeline++;
    assert_true(history_is_ahead(place->history, &next)); // it may come
    history_follow(place->history, &promoted);
    assert_true(history_is_ahead(place->history, &next));
    put(place, next, "a", 0);
    assert_false(history_is_ahead(place->history, &next));
    assert_missed(place, "a", at(110, 5, 0, 0), LSNS(120, 130));
    assert_missed(place, "a", at(120, 6, 0, 0), LSNS(130));
    assert_missed(place, "a", behind(124, 6), LSNS(130));
    assert_missed(place, "a", next, (const uint64_t[]){0});
    assert_answer(place, "a", behind(125, 6),
                  RESUME_STREAM_RESET); // its timeline went on without us
    assert_answer(place, "a", at(130, 7, 0, 0), RESUME_STREAM_RESET);
    next.lsn = 120, next.xid = 6;
    assert_answer(place, "a", next, RESUME_STREAM_RESET); // that was before this timeline
    history_advance(place->history, 140);
    assert_int_equal(history_position(place->history)->timeline, TIMELINE + 1);
}

static void positions_behind_an_ancestors_end_are_taken_back(void **state)
{
    static const struct lineage promoted = {TIMELINE + 1, 1, {{TIMELINE, 125}}};
    struct place *place = *state;
    struct event_id next = at(126, 7, 0, 0), start = behind(150, 0);

    put(place, at(110, 5, 0, 0), "a", 0);
    history_advance(place->history, 160);
    history_follow(place->history, &promoted);
    assert_int_equal(history_position(place->history)->lsn, 124);
    next.timeline++;
    put(place, next, "a", 0);
    assert_missed(place, "a", at(110, 5, 0, 0), LSNS(126));
    assert_missed(place, "a", next, (const uint64_t[]){0});

    history_start(place->history, &start); // nothing at all was committed since
    history_follow(place->history, &promoted);
    put(place, next, "a", 0);
    assert_missed(place, "a", next, (const uint64_t[]){0});
}

static void a_stream_without_xids_compares_none(void **state)
{
    struct place *place = *state;

    put(place, at(110, 0, 0, 0), "a", 0);
    assert_answer(place, "a", at(110, 77, 0, 0), RESUME_RECOVERED);
}

static void what_is_too_old_goes(void **state)
{
    struct place *place = *state;

    put(place, at(110, 1, 0, 0), "a", 5000);
    put(place, at(120, 2, 0, 0), "a", 5500);
    put(place, at(130, 3, 0, 0), "b", 5600);
    history_evict(place->history, 6000);
    assert_int_equal(history_events(place->history), 3); // exactly as old as allowed
    history_evict(place->history, 6001);
    assert_int_equal(history_events(place->history), 2);
    assert_answer(place, "a", behind(100, 0), RESUME_EXPIRED);
    assert_missed(place, "a", at(110, 1, 0, 0), LSNS(120)); // has seen what went
    assert_missed(place, "b", behind(100, 0), LSNS(130));   // a quiet topic is not disturbed
    put(place, at(140, 4, 0, 0), "c", 9000);                // appending evicts, too
    assert_int_equal(history_events(place->history), 1);
}

static void a_clock_that_jumps_back_evicts_nothing(void **state)
{
    struct place *place = *state;

    put(place, at(110, 1, 0, 0), "a", 5000);
    put(place, at(120, 2, 0, 0), "a", 100);
    history_evict(place->history, 0);
    assert_int_equal(history_events(place->history), 2);
}

static void an_evicted_topic_is_expired_until_it_is_caught_up(void **state)
{
    struct place *place = *state;

    put(place, at(110, 1, 0, 0), "a", 0);
    history_evict(place->history, 2000);
    assert_int_equal(place->topics.live, 0); // its number is free
    assert_int_equal(history_bytes(place->history), 0);
    put(place, at(120, 2, 0, 0), "other", 2000); // and given to another
    assert_answer(place, "a", behind(100, 0), RESUME_EXPIRED);
    assert_missed(place, "a", at(110, 1, 0, 0), (const uint64_t[]){0});
    assert_missed(place, "other", behind(100, 0), LSNS(120));
}

static void bytes_are_bounded(void **state)
{
    struct topics topics;
    struct event_id start = behind(100, 0);
    size_t most = 0;

    (void)state;
    topics_init(&topics);
    struct history *history = history_new(&topics, 100000, 1000);
    history_start(history, &start);
    for (uint64_t lsn = 101; lsn < 3000; lsn++) {
        append(history, &topics, at(lsn, 1, 0, 0), (const char *const[]){"a"}, 1, lsn % 900, 0);
        assert_true(history_bytes(history) <= 100000);
        most = history_bytes(history) > most ? history_bytes(history) : most;
    }
    assert_true(most > 98000);
    assert_true(history_events(history) > 50);
    history_free(history);
    topics_release(&topics);
}

static void an_event_larger_than_the_bound_is_gone_at_once(void **state)
{
    struct topics topics;
    struct event_id start = behind(100, 0), since = start;
    struct history_cursor cursor;

    (void)state;
    topics_init(&topics);
    struct history *history = history_new(&topics, 1000, 1000);
    uint32_t topic = topics_take(&topics, "a", 1);
    history_start(history, &start);
    append(history, &topics, at(110, 1, 0, 0), (const char *const[]){"a"}, 1, 1000, 0);
    assert_int_equal(history_events(history), 0);
    assert_int_equal(history_position(history)->lsn, 110);
    assert_int_equal(history_resume(history, topic, &since, &cursor), RESUME_EXPIRED);
    since = at(110, 1, 0, 0);
    assert_int_equal(history_resume(history, topic, &since, &cursor), RESUME_RECOVERED);
    topics_unref(&topics, topic);
    history_free(history);
    topics_release(&topics);
}

static void a_new_start_forgets_everything(void **state)
{
    struct place *place = *state;
    struct event_id start = behind(50, 0); // also backwards

    put(place, at(110, 1, 0, 0), "a", 0);
    history_evict(place->history, 2000);
    put(place, at(120, 1, 0, 0), "b", 2000);
    start.timeline++;
    history_start(place->history, &start);
    assert_int_equal(history_events(place->history), 0);
    assert_int_equal(history_bytes(place->history), 0);
    assert_int_equal(place->topics.live, 0);
    assert_answer(place, "a", behind(100, 0), RESUME_STREAM_RESET);
    assert_answer(place, "a", start, RESUME_RECOVERED); // what was evicted was another stream's
    struct event_id next = at(60, 1, 0, 0);
    next.timeline++;
    put(place, next, "a", 2000);
    assert_missed(place, "a", start, LSNS(60));
}

// Two names that meet in the table of evicted ids, found by trying: the hash is of this process.
static void find_colliding(char one[16], char other[16])
{
    static int seen[65536];

    memset(seen, 0, sizeof seen);
    for (int i = 1;; i++) {
        size_t size = (size_t)snprintf(one, 16, "m%d", i);
        int *known = &seen[map_hash(one, size) % 65536]; // as good for any smaller power of two
        if (*known != 0) {
            snprintf(other, 16, "m%d", *known);
            return;
        }
        *known = i;
    }
}

static void topics_that_share_a_slot_err_towards_expired(void **state)
{
    struct place *place = *state;
    char one[16], other[16];

    find_colliding(one, other);
    put(place, at(110, 1, 0, 0), one, 0);
    put(place, at(120, 2, 0, 0), other, 900);
    history_evict(place->history, 1500); // drops what `one` had
    assert_answer(place, other, behind(100, 0), RESUME_EXPIRED);
    assert_missed(place, other, at(110, 1, 0, 0), LSNS(120));
    assert_answer(place, one, behind(100, 0), RESUME_EXPIRED);
}

// Which ids are still good where the oldest events have gone: 110 a, 120 b, 130 a have; 140 b, 150 a are kept.
static void the_boundary_is_exact(void **state)
{
    struct place *place = *state;

    for (uint64_t lsn = 110; lsn <= 150; lsn += 10)
        put(place, at(lsn, 5, 0, 0), lsn % 20 == 0 ? "b" : "a",
            lsn == 140 || lsn == 150 ? 2000 : 0);
    history_evict(place->history, 1001 + 500);
    assert_int_equal(history_events(place->history), 2);
    assert_answer(place, "a", behind(100, 0), RESUME_EXPIRED);
    assert_answer(place, "a", at(110, 5, 0, 0), RESUME_EXPIRED); // 130 is gone, too
    assert_answer(place, "a", at(120, 5, 0, 0), RESUME_EXPIRED); // another topic's id, before 130
    assert_answer(place, "a", behind(125, 0), RESUME_EXPIRED);   // between events
    assert_answer(place, "a", at(129, 5, 9, 9), RESUME_EXPIRED);
    assert_missed(place, "a", at(130, 5, 0, 0), LSNS(150)); // just evicted, and it was seen
    assert_missed(place, "a", behind(135, 0), LSNS(150));
    assert_missed(place, "a", at(140, 5, 0, 0), LSNS(150)); // the oldest kept, of another topic
    assert_missed(place, "a", behind(149, 0), LSNS(150));
    assert_missed(place, "a", at(150, 5, 0, 0), (const uint64_t[]){0}); // the newest
    assert_answer(place, "a", at(150, 5, 0, 1), RESUME_UNKNOWN_ID);
    assert_answer(place, "b", at(110, 5, 0, 0), RESUME_EXPIRED);
    assert_missed(place, "b", at(120, 5, 0, 0), LSNS(140));
    assert_missed(place, "b", at(130, 5, 0, 0), LSNS(140)); // of another topic, and evicted
    assert_missed(place, "b", at(140, 5, 0, 0), (const uint64_t[]){0});
    assert_missed(place, "quiet", behind(100, 0), (const uint64_t[]){0});
}

static void places_count_events_for_ever(void **state)
{
    struct place *place = *state;
    struct event_id start = behind(500, 0);
    struct history_cursor cursor;

    assert_int_equal(history_end(place->history), 1);
    put(place, at(110, 1, 0, 0), "a", 0);
    put(place, at(120, 2, 0, 0), "b", 0);
    put(place, at(130, 3, 0, 0), "a", 0);
    uint32_t topic = topics_take(&place->topics, "a", 1);
    assert_int_equal(history_end(place->history), 4);
    assert_true(history_seek(place->history, topic, 2, &cursor));
    assert_int_equal(history_place(place->history, &cursor), 3);
    assert_true(history_seek(place->history, topic, 4, &cursor));
    assert_int_equal(history_place(place->history, &cursor), UINT64_MAX);
    assert_true(history_holds(place->history, &cursor));
    assert_null(history_next(place->history, &cursor));
    assert_true(history_seek(place->history, topic, 1, &cursor));
    assert_int_equal(history_place(place->history, &cursor), 1);
    history_evict(place->history, 5000);
    assert_false(history_holds(place->history, &cursor));
    assert_false(history_seek(place->history, topic, 3, &cursor));
    assert_true(history_seek(place->history, topic, 4, &cursor));
    assert_int_equal(history_end(place->history), 4); // dropping gives none back
    history_start(place->history, &start);
    assert_false(history_seek(place->history, topic, 3, &cursor));
    assert_true(history_seek(place->history, topic, 4, &cursor));
    put(place, at(510, 3, 0, 0), "a", 0);
    assert_int_equal(history_end(place->history), 5); // nor does beginning anew
    topics_unref(&place->topics, topic);
}

static void frames_are_shared_not_copied(void **state)
{
    struct place *place = *state;
    struct event event = {.id = at(110, 1, 0, 0)};
    struct frame *frame = frame_new(FRAME_TEXT, "x", 1);

    event.frames[FORMAT_JSON] = frame_ref(frame);
    history_append(place->history, &event, 0);
    assert_int_equal(frame->references, 2);
    history_evict(place->history, 5000);
    assert_int_equal(frame->references, 1);
    frame_unref(frame);
}

// ---- against a model that keeps everything for ever, in arrays ----

#define STEPS 2000000
#define NAMES 40
#define MAX_EVENTS 3000 // the stream begins anew when the model is full
#define MAX_COMMITS 4000
#define MARKS_KEPT 1024 // the least there are
#define MAX_BYTES 20000
#define MAX_AGE 300

struct model_event {
    struct event_id id;
    uint64_t topics; // a bit for each name
    size_t bytes;
    int64_t time;
};

struct model {
    struct topics topics;
    struct history *history;
    size_t event_bytes, topic_bytes; // what the history counts beside frames
    char names[NAMES][16];

    struct event_id start, position;
    struct lineage lineage;
    struct event_id commits[MAX_COMMITS]; // the start among them
    size_t commit_count;
    struct model_event events[MAX_EVENTS];
    size_t count, oldest;        // events before `oldest` are evicted
    struct event_id gone[NAMES]; // the newest evicted one of the topic, or zeros
    size_t bytes;
    int64_t now;
    bool with_xids;

    unsigned seed;
    long step;
    size_t answers[4], missed;
};

#define CHECK(model, condition)                                                                    \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("seed %u, step %ld: not %s", (model)->seed, (model)->step, #condition);       \
    } while (0)

static uint32_t below(uint32_t bound)
{
    return (uint32_t)rand() % bound;
}

// Names of different slots, or the model would have to know of collisions.
static void model_name_topics(struct model *model)
{
    static bool taken[1024];
    int count = 0;

    memset(taken, 0, sizeof taken);
    for (int i = 0; count < NAMES; i++) {
        size_t size = (size_t)snprintf(model->names[count], 16, "market-%d", i);
        bool *slot = &taken[map_hash(model->names[count], size) % 1024];
        count += !*slot;
        *slot = true;
    }
}

static void model_learn_overhead(struct model *model)
{
    static const char *const name[] = {"x"};
    struct history *history = history_new(&model->topics, 1 << 20, 1);
    size_t frame_bytes = sizeof(struct frame) + 2;

    append(history, &model->topics, at(1, 0, 0, 0), name, 0, 0, 0);
    model->event_bytes = history_bytes(history) - frame_bytes;
    append(history, &model->topics, at(2, 0, 0, 0), name, 1, 0, 0);
    model->topic_bytes = history_bytes(history) - 2 * (model->event_bytes + frame_bytes);
    history_free(history);
}

static void model_start(struct model *model)
{
    model->start = behind(below(1000), below(3));
    model->start.timeline = 1 + below(3);
    if (below(4) == 0) // a start is not always the end of a transaction
        model->start.change = below(5), model->start.emit = 0;
    model->position = model->commits[0] = model->start;
    model->commit_count = 1;
    model->lineage = (struct lineage){.timeline = model->start.timeline};
    model->count = model->oldest = model->bytes = 0;
    memset(model->gone, 0, sizeof model->gone);
    model->with_xids = below(4) != 0;
    history_start(model->history, &model->start);
}

static void model_evict(struct model *model)
{
    for (; model->oldest < model->count; model->oldest++) {
        const struct model_event *event = &model->events[model->oldest];
        if (model->bytes <= MAX_BYTES && model->now - event->time <= MAX_AGE)
            return;
        model->bytes -= event->bytes;
        for (uint64_t left = event->topics; left != 0; left &= left - 1)
            model->gone[__builtin_ctzll(left)] = event->id;
    }
}

static void model_append(struct model *model, struct event_id id)
{
    struct model_event *event = &model->events[model->count++];
    const char *names[4];
    uint32_t name_count = 0;
    size_t payload_size = below(20) == 0 ? below(3000) : below(120);

    *event = (struct model_event){.id = id, .time = model->now};
    for (uint32_t tries = below(5); tries > 0; tries--) {
        uint32_t name = below(below(2) == 0 ? 4 : NAMES); // a few busy topics, many quiet ones
        if (event->topics & 1ull << name)
            continue;
        event->topics |= 1ull << name;
        names[name_count++] = model->names[name];
    }
    event->bytes = model->event_bytes + name_count * model->topic_bytes + sizeof(struct frame) +
                   payload_size + (payload_size < 126 ? 2 : 4);
    model->bytes += event->bytes;
    model->position = id;
    append(model->history, &model->topics, id, names, name_count, payload_size, model->now);
    model_evict(model);
}

static struct event_id model_next(const struct model *model)
{
    struct event_id id = model->position;

    id.lsn += 1 + below(5);
    id.xid = model->with_xids ? 1 + below(3) : 0; // few, so that wrong ones are right at times
    id.stamp = model->with_xids ? below(3) : 0;
    id.timeline = lineage_at(&model->lineage, id.lsn);
    return id;
}

// Positions pass without a transaction.
static void model_pass(struct model *model)
{
    uint32_t count = below(5);

    history_advance(model->history, model->position.lsn + count);
    if (count == 0) // a transaction that is not at its end is not ended by that
        return;
    model->position.lsn += count;
    model->position.change = EVENT_ID_LAST_CHANGE, model->position.emit = EVENT_ID_LAST_EMIT;
    model->position.timeline = lineage_at(&model->lineage, model->position.lsn);
}

// Another server goes on, which has all transactions but perhaps not all positions.
static void model_promote(struct model *model)
{
    struct lineage *lineage = &model->lineage;
    uint64_t newest = model->commits[model->commit_count - 1].lsn;
    uint64_t end = newest + 1 + below((uint32_t)(model->position.lsn - newest) + 3);

    if (lineage->count == LINEAGE_MAX ||
        (lineage->count > 0 && end < lineage->ancestors[lineage->count - 1].end))
        return;
    lineage->ancestors[lineage->count++] = (struct ancestor){lineage->timeline, end};
    lineage->timeline += 1 + below(2);
    if (model->position.lsn >= end)
        model->position.lsn = end - 1;
    history_follow(model->history, lineage);
}

static void model_transaction(struct model *model)
{
    if (model->count + 12 > MAX_EVENTS || model->commit_count == MAX_COMMITS)
        model_start(model);

    struct event_id id = model_next(model);
    model->commits[model->commit_count++] = id;
    for (uint32_t changes = below(4), change = 0; change < changes; change++) {
        for (uint16_t emits = (uint16_t)below(4), emit = 0; emit < emits; emit++) {
            id.change = change, id.emit = emit;
            model_append(model, id);
        }
    }
    id.change = EVENT_ID_LAST_CHANGE, id.emit = EVENT_ID_LAST_EMIT;
    history_commit(model->history, &id);
    model->position = id;
}

// Mostly ids that were given out once, often with something wrong about them.
static struct event_id model_some_id(struct model *model)
{
    struct event_id id = model->position;
    uint32_t count = (uint32_t)model->count, recent = count < 60 ? count : 60;

    if (count > 0 && below(8) != 0)
        id = model->events[count - 1 - below(below(2) == 0 ? count : recent)].id;
    if (below(3) == 0)
        id.change = EVENT_ID_LAST_CHANGE, id.emit = EVENT_ID_LAST_EMIT;
    switch (below(15)) {
    case 0:
        id.xid = below(4);
        break;
    case 1:
        id.lsn += below(7) - 3u;
        break;
    case 2:
        id.change += below(3) - 1u;
        break;
    case 3:
        id.emit = (uint16_t)(id.emit + below(3) - 1u);
        break;
    case 4:
        id = model->start;
        break;
    case 5:
        id.timeline += below(3) - 1u;
        break;
    case 6:
        id.epoch += below(3) - 1u;
        break;
    case 7:
        id.lsn = below(3000);
        break;
    case 8:
        id.stamp = below(3);
        break;
    default:
        break;
    }
    return id;
}

static bool model_contradicts(const struct model *model, const struct event_id *since)
{
    size_t i = model->commit_count;

    while (i > 0 && model->commits[i - 1].lsn > since->lsn)
        i--;
    if (i == 0 || model->commit_count - i >= MARKS_KEPT)
        return false;
    const struct event_id *newest = &model->commits[i - 1];
    if (newest->lsn < since->lsn && !event_id_is_position(since))
        return true;
    return newest->xid != 0 && since->xid != 0 &&
           (newest->xid != since->xid || newest->stamp != since->stamp);
}

static enum resume model_resume(const struct model *model, uint32_t name,
                                const struct event_id *since)
{
    if (since->epoch != EPOCH || since->timeline != lineage_at(&model->lineage, since->lsn))
        return RESUME_STREAM_RESET;
    if (event_id_compare(since, &model->position) > 0)
        return RESUME_UNKNOWN_ID;
    if (event_id_compare(since, &model->start) < 0)
        return RESUME_EXPIRED;
    if (model->gone[name].epoch != 0 && event_id_compare(&model->gone[name], since) > 0)
        return RESUME_EXPIRED;
    if (model_contradicts(model, since))
        return RESUME_UNKNOWN_ID;
    return RESUME_RECOVERED;
}

// The promise itself: every event of the topic behind the id that ever was, once, in order.
static void model_check_missed(struct model *model, uint32_t name, const struct event_id *since,
                               struct history_cursor *cursor)
{
    size_t first = model->count;

    while (first > 0 && event_id_compare(&model->events[first - 1].id, since) > 0)
        first--;
    for (size_t i = first; i < model->count; i++) {
        const struct model_event *expected = &model->events[i];
        if (!(expected->topics & 1ull << name))
            continue;
        const struct event *event = history_next(model->history, cursor);
        CHECK(model, event != NULL);
        CHECK(model, event_id_compare(&event->id, &expected->id) == 0);
        CHECK(model, event->id.xid == expected->id.xid);
        CHECK(model, event->frames[FORMAT_JSON]->references == 1);
        model->missed++;
    }
    CHECK(model, history_next(model->history, cursor) == NULL);
}

static void model_check_resume(struct model *model)
{
    struct event_id since = model_some_id(model);
    uint32_t name = below(NAMES);
    uint32_t topic = topics_take(&model->topics, model->names[name], strlen(model->names[name]));
    struct history_cursor cursor;
    enum resume answer = history_resume(model->history, topic, &since, &cursor);

    CHECK(model, answer == model_resume(model, name, &since));
    model->answers[answer]++;
    if (answer == RESUME_RECOVERED)
        model_check_missed(model, name, &since, &cursor);
    topics_unref(&model->topics, topic);
}

static void model_step(struct model *model)
{
    uint32_t dice = below(1000);

    if (dice < 450) {
        model_check_resume(model);
    } else if (dice < 880) {
        model_transaction(model);
    } else if (dice < 897) {
        model_pass(model);
    } else if (dice < 900) {
        model_promote(model);
    } else if (dice < 998) {
        model->now += below(dice < 910 ? 400 : 10);
        history_evict(model->history, model->now);
        model_evict(model);
    } else {
        model_start(model);
    }
    CHECK(model, history_events(model->history) == model->count - model->oldest);
    CHECK(model, history_bytes(model->history) == model->bytes);
    CHECK(model, event_id_compare(history_position(model->history), &model->position) == 0);
}

static void random_histories_do_what_the_model_does(void **state)
{
    struct model *model = calloc(1, sizeof *model);
    const char *given = getenv("ROWCAST_TEST_SEED");

    (void)state;
    model->seed = given != NULL ? (unsigned)atol(given) : (unsigned)time(NULL);
    srand(model->seed);
    topics_init(&model->topics);
    model->history = history_new(&model->topics, MAX_BYTES, MAX_AGE);
    model_name_topics(model);
    model_learn_overhead(model);
    model_start(model);
    for (model->step = 0; model->step < STEPS; model->step++)
        model_step(model);

    // Every kind of answer was met often enough to mean something.
    for (int i = 0; i < 4; i++)
        CHECK(model, model->answers[i] > STEPS / 200);
    CHECK(model, model->missed > STEPS / 20);
    history_free(model->history);
    CHECK(model, model->topics.live == 0);
    topics_release(&model->topics);
    free(model);
}

#define TEST_AT_A_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_before_the_start),
        TEST_AT_A_PLACE(what_is_behind_an_id_is_found_whatever_its_topic),
        TEST_AT_A_PLACE(an_event_is_found_by_its_very_id),
        TEST_AT_A_PLACE(a_topic_is_walked_from_the_id_to_the_newest),
        TEST_AT_A_PLACE(an_event_of_many_topics_stands_in_each),
        TEST_AT_A_PLACE(a_position_lies_behind_its_transaction),
        TEST_AT_A_PLACE(a_transaction_without_events_moves_the_position),
        TEST_AT_A_PLACE(another_database_or_timeline_is_a_reset),
        TEST_AT_A_PLACE(ids_ahead_of_the_stream_are_unknown),
        TEST_AT_A_PLACE(ids_before_the_start_are_expired),
        TEST_AT_A_PLACE(the_same_place_with_another_xid_is_unknown),
        TEST_AT_A_PLACE(an_event_of_no_transaction_is_unknown),
        TEST_AT_A_PLACE(a_position_names_the_newest_transaction_before_it),
        TEST_AT_A_PLACE(what_is_older_than_the_marks_is_taken_at_its_word),
        TEST_AT_A_PLACE(ids_of_an_ancestor_are_valid_up_to_its_end),
        TEST_AT_A_PLACE(positions_behind_an_ancestors_end_are_taken_back),
        TEST_AT_A_PLACE(a_stream_without_xids_compares_none),
        TEST_AT_A_PLACE(what_is_too_old_goes),
        TEST_AT_A_PLACE(a_clock_that_jumps_back_evicts_nothing),
        TEST_AT_A_PLACE(an_evicted_topic_is_expired_until_it_is_caught_up),
        cmocka_unit_test(bytes_are_bounded),
        cmocka_unit_test(an_event_larger_than_the_bound_is_gone_at_once),
        TEST_AT_A_PLACE(a_new_start_forgets_everything),
        TEST_AT_A_PLACE(topics_that_share_a_slot_err_towards_expired),
        TEST_AT_A_PLACE(the_boundary_is_exact),
        TEST_AT_A_PLACE(places_count_events_for_ever),
        TEST_AT_A_PLACE(frames_are_shared_not_copied),
        cmocka_unit_test(random_histories_do_what_the_model_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
