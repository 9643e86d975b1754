// SPDX-License-Identifier: MIT
// Tests of catchup.c: its rules one by one, then clients that fall behind and catch up at random against a
// model that keeps everything for ever.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rowcast/catchup.h"

#define TRADE 11
#define STATE 22
#define NEVER 1000000

static const struct conflation EVERYTHING = {NULL, 0};
static const struct conflation NEWEST_STATE = {(const uint64_t[]){STATE}, 1};

// A history with topics a, b, c, and one client that has chosen some of them.
struct place {
    struct topics topics;
    struct history *history;
    uint32_t names[3];
    uint64_t lsn;
    int64_t now;
    struct choices choices;
    struct catchup catchup;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    struct event_id start = {.epoch = 1, .timeline = 1};

    topics_init(&place->topics);
    place->history = history_new(&place->topics, 1 << 20, NEVER);
    history_start(place->history, &start);
    for (int i = 0; i < 3; i++)
        place->names[i] = topics_take(&place->topics, (char[]){(char)('a' + i)}, 1);
    choices_init(&place->choices);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    catchup_release(&place->catchup);
    choices_release(&place->choices);
    history_free(place->history);
    for (int i = 0; i < 3; i++)
        topics_unref(&place->topics, place->names[i]);
    uint32_t live = place->topics.live;
    topics_release(&place->topics);
    free(place);
    return live == 0 ? 0 : -1;
}

// `topics` as "ab". Returns its place.
static uint64_t put(struct place *place, const char *topics, uint64_t type)
{
    struct event event = {.type = type};

    place->lsn++;
    event.id = (struct event_id){
        .epoch = 1, .timeline = 1, .lsn = place->lsn, .xid = (uint32_t)place->lsn};

    for (; *topics != '\0'; topics++)
        event.topics[event.topic_count++] = place->names[*topics - 'a'];
    event.frames[FORMAT_JSON] = frame_new(FRAME_TEXT, "x", 1);
    return history_append(place->history, &event, place->now);
}

static void choose(struct place *place, const char *topics, uint64_t type)
{
    for (; *topics != '\0'; topics++)
        choices_add(&place->choices, place->names[*topics - 'a'],
                    type != 0 ? filter_new(&type, 1) : NULL);
}

static enum catchup_step step(struct place *place, const struct event **event)
{
    uint32_t steps = 1000;

    return catchup_next(&place->catchup, &place->choices, &steps, event);
}

// The next events are those with these lsns (0 ends them), then it is done.
static void assert_given(struct place *place, const uint64_t *lsns)
{
    const struct event *event;

    for (; *lsns != 0; lsns++) {
        assert_int_equal(step(place, &event), CATCHUP_EVENT);
        assert_int_equal(event->id.lsn, *lsns);
    }
    assert_int_equal(step(place, &event), CATCHUP_DONE);
}

#define LSNS(...) ((const uint64_t[]){__VA_ARGS__, 0})
#define NOTHING ((const uint64_t[]){0})

static void behind(struct place *place, uint64_t from, struct conflation conflation)
{
    catchup_init(&place->catchup, place->history, from, conflation);
}

static void who_has_everything_is_done_at_once(void **state)
{
    struct place *place = *state;

    choose(place, "ab", 0);
    put(place, "a", TRADE);
    behind(place, history_end(place->history), EVERYTHING);
    assert_given(place, NOTHING);
}

static void topics_are_merged_in_the_order_of_all(void **state)
{
    struct place *place = *state;

    choose(place, "cab", 0);
    for (const char *topics = "abcbacab"; *topics; topics++)
        put(place, (char[]){*topics, '\0'}, TRADE);
    behind(place, 3, EVERYTHING);
    assert_given(place, LSNS(3, 4, 5, 6, 7, 8));
    put(place, "b", TRADE);
    put(place, "a", TRADE);
    assert_given(place, LSNS(9, 10)); // what came since is one round more
    assert_given(place, NOTHING);
}

static void others_are_passed_over(void **state)
{
    struct place *place = *state;

    choose(place, "b", 0);
    put(place, "a", TRADE);
    put(place, "b", TRADE);
    put(place, "ac", TRADE);
    put(place, "", TRADE);
    behind(place, 1, EVERYTHING);
    assert_given(place, LSNS(2));
}

static void an_event_of_several_topics_is_given_once(void **state)
{
    struct place *place = *state;

    choose(place, "a", STATE);
    choose(place, "bc", 0);
    put(place, "abc", TRADE);
    put(place, "ab", TRADE); // for b's sake
    put(place, "a", TRADE);
    put(place, "ca", STATE);
    behind(place, 1, EVERYTHING);
    assert_given(place, LSNS(1, 2, 4));
}

static void steps_are_bounded(void **state)
{
    struct place *place = *state;
    const struct event *event;
    uint32_t steps = 5;

    choose(place, "a", STATE);
    for (int i = 0; i < 7; i++)
        put(place, "a", TRADE);
    put(place, "a", STATE);
    behind(place, 1, EVERYTHING);
    assert_int_equal(catchup_next(&place->catchup, &place->choices, &steps, &event), CATCHUP_LATER);
    assert_int_equal(steps, 0);
    assert_given(place, LSNS(8));
}

static void what_a_resume_missed_comes_first(void **state)
{
    struct place *place = *state;
    struct event_id since = {.epoch = 1, .timeline = 1, .lsn = 1};
    struct history_cursor cursor;

    choose(place, "ab", 0);
    for (int i = 0; i < 4; i++)
        put(place, "ab", TRADE);
    uint64_t end = history_end(place->history);
    assert_int_equal(history_resume(place->history, place->names[1], &since, &cursor),
                     RESUME_RECOVERED);
    behind(place, end, EVERYTHING);
    catchup_add(&place->catchup, cursor, end, NULL, NULL);
    put(place, "a", TRADE); // meanwhile
    put(place, "b", TRADE);
    assert_given(place, LSNS(2, 3, 4, 5, 6)); // not 2 to 4 of `a`, and none twice
}

static void what_a_resume_missed_has_its_own_filter(void **state)
{
    struct place *place = *state;
    struct history_cursor cursor;
    uint64_t type = STATE;

    choose(place, "a", STATE);
    put(place, "a", TRADE);
    put(place, "a", STATE);
    assert_true(history_seek(place->history, place->names[0], 1, &cursor));
    behind(place, 3, NEWEST_STATE);
    catchup_add(&place->catchup, cursor, 2, filter_new(&type, 1), NULL); // nothing is left before 2
    assert_true(history_seek(place->history, place->names[0], 3, &cursor));
    catchup_add(&place->catchup, cursor, 3, NULL, NULL); // nothing at all
    assert_given(place, NOTHING);
}

// The transactions 1 and 3 were in the rows: what is left of them is what other topics want.
static void what_a_snapshot_contains_is_left_out(void **state)
{
    struct place *place = *state;
    struct visibility seen;
    struct history_cursor cursor;

    assert_int_equal(visibility_parse(&seen, "2:4:2"), 0);
    choose(place, "ab", 0);
    put(place, "a", TRADE);
    put(place, "a", TRADE);
    assert_true(history_seek(place->history, place->names[0], 1, &cursor));
    behind(place, 3, EVERYTHING);
    catchup_leave_out(&place->catchup, place->names[0], &seen);
    catchup_add(&place->catchup, cursor, 3, NULL, &seen);
    put(place, "ab", TRADE);
    put(place, "a", TRADE);
    assert_given(place, LSNS(2, 3, 4));
    visibility_release(&seen);
}

static void what_was_dropped_is_noticed(void **state)
{
    struct place *place = *state;
    const struct event *event;

    choose(place, "ab", 0);
    put(place, "a", TRADE);
    put(place, "b", TRADE);
    behind(place, 1, EVERYTHING);
    assert_int_equal(step(place, &event), CATCHUP_EVENT);
    history_evict(place->history, NEVER + 1); // in the middle of a round
    assert_int_equal(step(place, &event), CATCHUP_LOST);
    catchup_release(&place->catchup);
    behind(place, 2, EVERYTHING); // before one
    assert_int_equal(step(place, &event), CATCHUP_LOST);
    catchup_release(&place->catchup);
    behind(place, 3, EVERYTHING); // had it
    assert_given(place, NOTHING);
}

static void what_others_lost_is_nobody_elses(void **state)
{
    struct place *place = *state;

    choose(place, "b", 0);
    put(place, "a", TRADE);
    place->now = 10;
    put(place, "b", TRADE);
    history_evict(place->history, NEVER + 5);
    assert_int_equal(history_events(place->history), 1);
    behind(place, 1, EVERYTHING);
    assert_given(place, LSNS(2));
}

static void a_stream_that_begins_anew_leaves_nobody_as_if_nothing_was(void **state)
{
    struct place *place = *state;
    struct event_id start = {.epoch = 2, .timeline = 1};
    const struct event *event;

    choose(place, "a", 0);
    put(place, "b", TRADE);
    history_start(place->history, &start);
    put(place, "a", TRADE);
    behind(place, 1, EVERYTHING);
    assert_int_equal(step(place, &event), CATCHUP_LOST);
    catchup_release(&place->catchup);
    behind(place, 2, EVERYTHING);
    assert_given(place, LSNS(2));
}

static void the_newest_state_of_each_topic_is_enough_for_the_slow(void **state)
{
    struct place *place = *state;

    choose(place, "abc", 0);
    put(place, "a", STATE);
    put(place, "a", TRADE);
    put(place, "b", STATE);
    put(place, "a", STATE);  // 4: a's newest
    put(place, "ab", STATE); // 5: the newest of both
    put(place, "a", TRADE);
    put(place, "c", STATE);
    behind(place, 1, NEWEST_STATE);
    assert_given(place, LSNS(2, 5, 6, 7));
    put(place, "c", STATE);
    put(place, "cb", STATE);
    put(place, "c", STATE);
    assert_given(place, LSNS(9, 10)); // 9 is b's newest
}

static void a_replay_is_never_conflated(void **state)
{
    struct place *place = *state;
    struct history_cursor cursor;

    choose(place, "a", 0);
    for (int i = 0; i < 3; i++)
        put(place, "a", STATE);
    assert_true(history_seek(place->history, place->names[0], 1, &cursor));
    behind(place, 4, NEWEST_STATE);
    catchup_add(&place->catchup, cursor, 4, NULL, NULL);
    assert_given(place, LSNS(1, 2, 3));
}

// ---- against a model ----

#define STEPS 2000000
#define NAMES 24
#define CLIENTS 6
#define MAX_EVENTS 4000 // the stream begins anew when the model is full
#define MAX_BYTES 30000
#define MAX_AGE 900

struct model_event {
    uint32_t topics; // bits
    uint64_t type;
    uint64_t place;
    int64_t time;
    size_t bytes;
};

// A client behind: the model goes through all events there ever were, from `next` on.
struct model_client {
    struct choices choices;
    struct catchup catchup;
    uint32_t wants[NAMES]; // bits of types 1 to 3, 0: not subscribed
    size_t next;           // in the model's events
    bool is_behind;
};

struct model {
    struct topics topics;
    struct history *history;
    uint32_t numbers[NAMES];
    struct model_event events[MAX_EVENTS];
    size_t count, oldest; // events before `oldest` are evicted
    size_t bytes, event_bytes, topic_bytes;
    int64_t now;
    uint64_t lsn;
    struct model_client clients[CLIENTS];

    unsigned seed;
    long step;
    size_t given, done, lost;
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

static void model_start(struct model *model)
{
    struct event_id start = {.epoch = 1, .timeline = 1, .lsn = model->lsn};

    history_start(model->history, &start);
    model->count = model->oldest = model->bytes = 0;
    for (int i = 0; i < CLIENTS; i++) {
        catchup_release(&model->clients[i].catchup);
        model->clients[i].is_behind = false;
    }
}

static void model_evict(struct model *model)
{
    for (; model->oldest < model->count; model->oldest++) {
        const struct model_event *event = &model->events[model->oldest];
        if (model->bytes <= MAX_BYTES && model->now - event->time <= MAX_AGE)
            return;
        model->bytes -= event->bytes;
    }
}

static void model_append(struct model *model)
{
    static const char payload[2000];
    struct event event = {.id = {1, 1, ++model->lsn, 0, 0, 0}, .type = 1 + below(3)};
    uint32_t size = below(20) == 0 ? below(2000) : below(120), topics = 0;

    for (uint32_t tries = below(4); tries > 0; tries--)
        topics |= 1u << below(below(2) == 0 ? 3 : NAMES); // a few busy ones
    for (uint32_t i = 0; i < NAMES; i++)
        if (topics & 1u << i)
            event.topics[event.topic_count++] = model->numbers[i];
    event.frames[FORMAT_JSON] = frame_new(FRAME_TEXT, payload, size);
    uint64_t place = history_append(model->history, &event, model->now);
    struct model_event *noted = &model->events[model->count++];
    *noted = (struct model_event){topics, event.type, place, model->now, 0};
    noted->bytes = model->event_bytes + event.topic_count * model->topic_bytes +
                   sizeof(struct frame) + size + (size < 126 ? 2 : 4);
    model->bytes += noted->bytes;
    model_evict(model);
}

static void model_learn_overhead(struct model *model)
{
    struct event event = {.id = {1, 1, ++model->lsn, 0, 0, 0}};

    event.frames[FORMAT_JSON] = frame_new(FRAME_TEXT, "", 0);
    size_t frame = sizeof(struct frame) + 2;
    history_append(model->history, &event, 0);
    model->event_bytes = history_bytes(model->history) - frame;
    event.id.lsn = ++model->lsn;
    event.topics[event.topic_count++] = model->numbers[0];
    event.frames[FORMAT_JSON] = frame_new(FRAME_TEXT, "", 0);
    history_append(model->history, &event, 0);
    model->topic_bytes = history_bytes(model->history) - 2 * (model->event_bytes + frame);
}

static void model_choose(struct model_client *client, uint32_t topic, uint32_t number)
{
    struct choice *known = choices_find(&client->choices, number);
    uint64_t types[3];
    uint32_t count = 0;

    if (known != NULL)
        choices_remove(&client->choices, known);
    client->wants[topic] = below(8);
    for (uint32_t type = 1; type <= 3; type++)
        if (client->wants[topic] & 1u << type >> 1)
            types[count++] = type;
    if (count > 0)
        choices_add(&client->choices, number, count < 3 ? filter_new(types, count) : NULL);
}

static bool model_wants(const struct model_client *client, const struct model_event *event)
{
    for (uint32_t i = 0; i < NAMES; i++)
        if (event->topics & 1u << i && client->wants[i] & 1u << event->type >> 1)
            return true;
    return false;
}

// Whether something of its topics, wanted or not, that it has not passed yet is evicted.
static bool model_has_lost(const struct model *model, const struct model_client *client)
{
    for (size_t i = client->next; i < model->oldest; i++)
        for (uint32_t topic = 0; topic < NAMES; topic++)
            if (model->events[i].topics & 1u << topic && client->wants[topic] != 0)
                return true;
    return false;
}

// It falls behind now, or did some time ago.
static void model_fall_behind(struct model *model, struct model_client *client)
{
    for (int changes = 0; changes < 3; changes++) {
        uint32_t topic = below(NAMES);
        model_choose(client, topic, model->numbers[topic]);
    }
    client->next = model->count - (model->count > 0 ? below((uint32_t)model->count) % 200 : 0);
    uint64_t from = client->next < model->count ? model->events[client->next].place
                                                : history_end(model->history);
    catchup_init(&client->catchup, model->history, from, EVERYTHING);
    client->is_behind = true;
}

static void model_end(struct model_client *client)
{
    catchup_release(&client->catchup);
    client->is_behind = false;
}

// The promise: every event it wants, once, in order, or the truth that one is lost.
static void model_feed(struct model *model, struct model_client *client)
{
    const struct event *event;

    for (uint32_t batch = 1 + below(12); batch > 0; batch--) {
        uint32_t steps = 1 + below(30);
        bool has_lost = model_has_lost(model, client);
        enum catchup_step step = catchup_next(&client->catchup, &client->choices, &steps, &event);
        if (step == CATCHUP_LATER)
            continue;
        if (step == CATCHUP_LOST) {
            CHECK(model, has_lost);
            model->lost++;
            model_end(client);
            return;
        }
        while (client->next < model->count && !model_wants(client, &model->events[client->next]))
            client->next++;
        if (step == CATCHUP_DONE) {
            CHECK(model, client->next == model->count);
            model->done++;
            model_end(client);
            return;
        }
        CHECK(model, client->next < model->count);
        CHECK(model, client->next >= model->oldest);
        const struct model_event *expected = &model->events[client->next++];
        CHECK(model, event->type == expected->type);
        CHECK(model, event->id.lsn == model->lsn - (model->count - client->next));
        model->given++;
    }
}

static void model_step(struct model *model)
{
    struct model_client *client = &model->clients[below(CLIENTS)];
    uint32_t dice = below(1000);

    if (model->count == MAX_EVENTS)
        model_start(model);
    if (dice < 500)
        model_append(model);
    else if (dice < 520)
        model->now += below(300);
    else if (dice < 530)
        history_evict(model->history, model->now), model_evict(model);
    else if (client->is_behind)
        model_feed(model, client);
    else
        model_fall_behind(model, client);
    CHECK(model, history_events(model->history) == model->count - model->oldest);
}

static void random_clients_get_what_the_model_says(void **state)
{
    struct model *model = calloc(1, sizeof *model);
    const char *given = getenv("ROWCAST_TEST_SEED");

    (void)state;
    model->seed = given != NULL ? (unsigned)atol(given) : (unsigned)time(NULL);
    srand(model->seed);
    topics_init(&model->topics);
    model->history = history_new(&model->topics, MAX_BYTES, MAX_AGE);
    // Names of different slots, or the model would have to know of collisions.
    bool taken[1024] = {false};
    for (int i = 0, count = 0; count < NAMES; i++) {
        char name[16];
        size_t size = (size_t)snprintf(name, sizeof name, "market-%d", i);
        bool *slot = &taken[map_hash(name, size) % 1024];
        if (!*slot)
            model->numbers[count++] = topics_take(&model->topics, name, size);
        *slot = true;
    }
    for (int i = 0; i < CLIENTS; i++)
        choices_init(&model->clients[i].choices);
    model_learn_overhead(model);
    model_start(model);
    for (model->step = 0; model->step < STEPS; model->step++)
        model_step(model);

    CHECK(model, model->given > STEPS / 2);
    CHECK(model, model->done > STEPS / 100);
    CHECK(model, model->lost > STEPS / 1000);
    printf("%d steps: %zu events given, %zu times done, %zu times lost\n", STEPS, model->given,
           model->done, model->lost);
    model_start(model);
    for (int i = 0; i < CLIENTS; i++)
        choices_release(&model->clients[i].choices);
    history_free(model->history);
    topics_release(&model->topics);
    free(model);
}

#define TEST_AT_A_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_AT_A_PLACE(who_has_everything_is_done_at_once),
        TEST_AT_A_PLACE(topics_are_merged_in_the_order_of_all),
        TEST_AT_A_PLACE(others_are_passed_over),
        TEST_AT_A_PLACE(an_event_of_several_topics_is_given_once),
        TEST_AT_A_PLACE(steps_are_bounded),
        TEST_AT_A_PLACE(what_a_resume_missed_comes_first),
        TEST_AT_A_PLACE(what_a_resume_missed_has_its_own_filter),
        TEST_AT_A_PLACE(what_a_snapshot_contains_is_left_out),
        TEST_AT_A_PLACE(what_was_dropped_is_noticed),
        TEST_AT_A_PLACE(what_others_lost_is_nobody_elses),
        TEST_AT_A_PLACE(a_stream_that_begins_anew_leaves_nobody_as_if_nothing_was),
        TEST_AT_A_PLACE(the_newest_state_of_each_topic_is_enough_for_the_slow),
        TEST_AT_A_PLACE(a_replay_is_never_conflated),
        cmocka_unit_test(random_clients_get_what_the_model_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
