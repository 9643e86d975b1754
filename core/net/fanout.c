// SPDX-License-Identifier: MIT
// Events on their way to the subscribers of their topics.
#include "rowcast/fanout.h"

#include <stdlib.h>
#include <string.h>

#include "rowcast/conn.h"
#include "rowcast/hall.h"
#include "rowcast/memory.h"

#define ALL UINT32_MAX // as `left`: the step has not begun
#define AHEAD 2        // subscriptions

// One topic's subscribers and what they may get: a piece, or one event of it.
struct walk {
    uint32_t topic;
    struct fanout_piece *piece; // NULL: an event
    struct publication *event;  // the piece's first
    uint64_t last;              // place
    enum fanout_mode mode;
    bool alone; // nothing else is in the whole walk
};

// ---- the plan ----

static int by_topic(const void *left, const void *right)
{
    const struct publication *a = *(struct publication *const *)left;
    const struct publication *b = *(struct publication *const *)right;

    if (a->topic != b->topic)
        return a->topic < b->topic ? -1 : 1;
    return a < b ? -1 : a > b;
}

static int by_receivers(const void *left, const void *right)
{
    const struct fanout_piece *a = left, *b = right;

    if (a->receivers != b->receivers)
        return a->receivers < b->receivers ? -1 : 1;
    return a->events < b->events ? -1 : a->events > b->events;
}

static struct frame *join(const struct fanout_piece *piece)
{
    struct frame *frames[FANOUT_PART];

    for (uint32_t i = 0; i < piece->count; i++)
        frames[i] = piece->events[i]->frame;
    return piece->count == 1 ? frame_ref(frames[0]) : frame_join(frames, piece->count);
}

static void add_piece(struct fanout *fanout, const struct subscribers *subscribers,
                      struct publication **events, uint32_t count)
{
    struct fanout_piece *piece = &fanout->pieces[fanout->piece_count];

    *piece = (struct fanout_piece){.events = events, .count = count};
    subscribers_of(subscribers, events[0]->topic, &piece->receivers);
    if (piece->receivers == 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        if (piece->largest < events[i]->frame->size)
            piece->largest = events[i]->frame->size;
    }
    piece->frame = join(piece);
    fanout->piece_count++;
}

static void plan(struct fanout *fanout, const struct subscribers *subscribers)
{
    struct publication **sorted = fanout->sorted;
    uint32_t count = (uint32_t)(fanout->to - fanout->from);

    for (uint32_t i = 0; i < count; i++) {
        sorted[i] = &fanout->publications[fanout->from + i];
        sorted[i]->rest = false;
    }
    qsort(sorted, count, sizeof *sorted, by_topic);
    for (uint32_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && sorted[to]->topic == sorted[from]->topic; to++)
            ;
        add_piece(fanout, subscribers, sorted + from, to - from);
    }
    qsort(fanout->pieces, fanout->piece_count, sizeof *fanout->pieces, by_receivers);
}

// ---- one subscriber ----

// Nothing of another topic belongs in between of what it gets of this walk.
static bool has_one_topic(const struct conn *conn, const struct walk *walk)
{
    return conn->subscriber.count == 1 || walk->alone;
}

// The whole piece in the form for this connection, or NULL: it must have the events one by one.
static struct frame *whole_for(const struct conn *conn, const struct walk *walk)
{
    struct fanout_piece *piece = walk->piece;

    if (piece->count == 1 || conn->window_bits == 0)
        return piece->frame;
    if (piece->largest > (uint32_t)1 << conn->window_bits)
        return NULL;
    if (piece->deflated_frame == NULL) {
        struct frame *frames[FANOUT_PART];
        for (uint32_t i = 0; i < piece->count; i++)
            frames[i] = conn_form(conn, piece->events[i]->frame);
        piece->deflated_frame = frame_join(frames, piece->count);
        frame_keep_deflated(piece->deflated_frame, NULL); // it is that already
    }
    return piece->deflated_frame;
}

// How many events it got, and what that cost.
struct gift {
    uint32_t events, cost;
};

static struct gift give_piece(struct conn *conn, const struct filter *filter,
                              const struct walk *walk)
{
    struct fanout_piece *piece = walk->piece;
    uint64_t first = walk->event->place;
    bool one = piece->count == 1, at_once = walk->mode == FANOUT_WRITE && conn_is_idle(conn);
    struct frame *whole = NULL;

    if (conn->place >= walk->last || (one && !filter_wants(filter, walk->event->type)))
        return (struct gift){0, 1};
    if (has_one_topic(conn, walk) && (one || filter == NULL) && conn->place < first)
        whole = whole_for(conn, walk);
    if (whole == NULL) {
        piece->rest = true;
        return (struct gift){0, 1};
    }
    bool given = at_once ? conn_publish_at_once(conn, whole, walk->last)
                         : conn_publish(conn, whole, first, walk->last);
    return (struct gift){given ? piece->count : 0, at_once ? FANOUT_WRITE_COST : 1};
}

static struct gift give_event(struct conn *conn, const struct filter *filter,
                              const struct walk *walk)
{
    const struct publication *event = walk->event;

    if (conn->place >= event->place || !filter_wants(filter, event->type))
        return (struct gift){0, 1};
    return (struct gift){conn_publish(conn, event->frame, event->place, event->place), 1};
}

// ---- all subscribers ----

// Connections lie scattered; a write takes longer than memory does.
static void fetch(const struct subscription *subscription)
{
    const struct conn *conn = container_of(subscription->subscriber, struct conn, subscriber);

    __builtin_prefetch(&conn->transport);
    __builtin_prefetch(&conn->queue);
    __builtin_prefetch(&conn->subscriber);
    __builtin_prefetch(&conn->dirty);
}

// From the end: who leaves because its socket is broken is replaced by the last one, which has been
// served. Returns what is left of the budget; with 0 there may be more to do.
static uint32_t go(struct fanout *fanout, struct hall *hall, const struct walk *walk,
                   uint32_t budget)
{
    uint32_t count, events = 0;
    const struct subscription *all = subscribers_of(&hall->subscribers, walk->topic, &count);

    for (; budget > 0 && (fanout->left = fanout->left < count ? fanout->left : count) > 0;) {
        const struct subscription *subscription = &all[--fanout->left];
        struct conn *conn = container_of(subscription->subscriber, struct conn, subscriber);
        if (fanout->left >= AHEAD)
            fetch(subscription - AHEAD);
        struct gift gift = walk->piece != NULL ? give_piece(conn, subscription->filter, walk)
                                               : give_event(conn, subscription->filter, walk);
        events += gift.events;
        budget -= gift.cost < budget ? gift.cost : budget;
        if (conn->state != CONN_OPEN)
            all = subscribers_of(&hall->subscribers, walk->topic, &count);
    }
    counter_add(&hall->config.traffic->deliveries, events);
    return budget;
}

// ---- the steps ----

static struct walk step_of(struct fanout *fanout, enum fanout_mode mode)
{
    struct walk walk = {.mode = mode, .alone = fanout->count == 1};

    if (fanout->step < fanout->piece_count) {
        walk.piece = &fanout->pieces[fanout->step];
        walk.event = walk.piece->events[0];
        walk.last = walk.piece->events[walk.piece->count - 1]->place;
    } else {
        walk.event = &fanout->publications[fanout->from + fanout->step - fanout->piece_count];
    }
    walk.topic = walk.event->topic;
    return walk;
}

static void end_step(struct fanout *fanout, const struct walk *walk)
{
    for (uint32_t i = 0; walk->piece != NULL && i < walk->piece->count; i++)
        walk->piece->events[i]->rest = walk->piece->rest;
    fanout->step++;
    fanout->left = ALL;
}

static void end_part(struct fanout *fanout)
{
    while (fanout->piece_count > 0) {
        struct fanout_piece *piece = &fanout->pieces[--fanout->piece_count];
        frame_unref(piece->frame);
        frame_unref(piece->deflated_frame);
    }
    fanout->from = fanout->to;
}

static void begin_part(struct fanout *fanout, const struct subscribers *subscribers)
{
    size_t left = fanout->count - fanout->from;

    fanout->to = fanout->from + (left < FANOUT_PART ? left : FANOUT_PART);
    fanout->step = 0;
    fanout->left = ALL;
    plan(fanout, subscribers);
}

static bool part_ended(const struct fanout *fanout)
{
    return fanout->step == fanout->piece_count + (fanout->to - fanout->from);
}

bool fanout_continue(struct fanout *fanout, struct hall *hall, enum fanout_mode mode,
                     uint32_t budget)
{
    while (!fanout_ended(fanout)) {
        if (fanout->from == fanout->to)
            begin_part(fanout, &hall->subscribers);
        while (!part_ended(fanout)) {
            struct walk walk = step_of(fanout, mode);
            if (walk.piece != NULL || walk.event->rest)
                budget = go(fanout, hall, &walk, budget);
            if (budget == 0)
                return false;
            end_step(fanout, &walk);
        }
        end_part(fanout);
    }
    return true;
}

// ---- life ----

void fanout_init(struct fanout *fanout)
{
    memset(fanout, 0, sizeof *fanout);
}

void fanout_release(struct fanout *fanout)
{
    end_part(fanout);
    fanout_init(fanout);
}

void fanout_begin(struct fanout *fanout, struct publication *publications, size_t count)
{
    fanout->publications = publications;
    fanout->count = count;
    fanout->from = fanout->to = 0;
}

bool fanout_ended(const struct fanout *fanout)
{
    return fanout->from == fanout->count;
}
