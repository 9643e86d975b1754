// SPDX-License-Identifier: MIT
// The events kept for resuming: one ring in id order, each topic's events linked. Bounded by bytes
// and by age. Pure: time comes in as an argument.
//
// Every event has a place: 1 for the first, then one more each, never given twice while the process
// lives. Brain and workers name events by it.
#ifndef ROWCAST_HISTORY_H
#define ROWCAST_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowcast/event.h"
#include "rowcast/topics.h"

struct history;

// Keeps at most `max_bytes` of frames and entries, and nothing older than `max_age` microseconds; beside
// them the marks of the newest transactions, 16 bytes each, in at most a quarter of `max_bytes`. `topics`
// must outlive it: every event kept holds a reference to its topics.
struct history *history_new(struct topics *topics, size_t max_bytes, int64_t max_age);
void history_free(struct history *history); // NULL is fine

// The stream begins behind `id`: nothing at or before it is known. Forgets all events. The log's timeline
// is that of `id` until history_follow.
void history_start(struct history *history, const struct event_id *id);

// The log that the stream is read from, which has every transaction that is known here: new positions are of
// its timelines, and ids of an ancestor are valid up to where it was left.
void history_follow(struct history *history, const struct lineage *lineage);

// Appends an event (newer than the position), taking over its frames and adding references of its
// own to the topics, and evicts what is beyond the bounds: where the bound is small that may be the
// event itself, so who needs a frame afterwards holds a reference. Returns its place.
uint64_t history_append(struct history *history, const struct event *event, int64_t now);

// A transaction has passed completely, with or without events: the position moves to `id`, behind it.
void history_commit(struct history *history, const struct event_id *id);

// Nothing was committed between the newest transaction and `lsn`, where nothing is committed either.
void history_advance(struct history *history, uint64_t lsn);

void history_evict(struct history *history, int64_t now);

uint32_t history_timeline(const struct history *history); // the stream's, as of now
// The position behind the newest transaction or event; before history_start all zero.
const struct event_id *history_position(const struct history *history);
// The ids of the oldest and the newest event. False: there is none.
bool history_ends(const struct history *history, struct event_id *oldest, struct event_id *newest);
uint64_t history_end(const struct history *history); // the place of the next event
size_t history_events(const struct history *history);
size_t history_bytes(const struct history *history);

enum resume {
    RESUME_RECOVERED,
    RESUME_EXPIRED, // something of the topic behind the id may have been dropped
    RESUME_STREAM_RESET, // an id of another database, publication or timeline, or behind where that was left
    RESUME_UNKNOWN_ID, // not an id, ahead of the stream, or not of the transaction at its place
};

#define RESUME_COUNT (RESUME_UNKNOWN_ID + 1)

const char *resume_word(enum resume resume); // "recovered", ...

// What a topic's events are walked with: stands before one of them, or behind the newest (and then
// stays there, whatever is appended). A number, so it may be kept for as long as one likes, and is
// asked with history_holds before its next use. The topic's number must be held as long.
struct history_cursor {
    uint64_t link;
};

// Decides whether all events of `topic` (to which the caller holds a reference) behind `since` are
// known. If so the cursor stands before the first of them, else behind the newest. O(missed events
// of the topic). An event's id must be of a transaction that passed here, a position must name the newest
// one up to it (xid 0 fits any): a log that was set back and written anew has other ones at the old places.
// Only what is older than the marks is taken at its word.
enum resume history_resume(const struct history *history, uint32_t topic,
                           const struct event_id *since, struct history_cursor *cursor);

// The stream may still come to the id: it is behind the position, or of a timeline that was not seen yet.
bool history_is_ahead(const struct history *history, const struct event_id *id);

// Puts the cursor before the topic's first event at or behind `place`, or behind the newest. False:
// one of those may have been dropped. O(events from there on).
bool history_seek(const struct history *history, uint32_t topic, uint64_t place,
                  struct history_cursor *cursor);

// False: the event that the cursor stood before has been dropped.
bool history_holds(const struct history *history, const struct history_cursor *cursor);

// The place of the event it stands before, or UINT64_MAX behind the newest.
uint64_t history_place(const struct history *history, const struct history_cursor *cursor);

// The next event of the topic, or NULL behind the newest. Lives until the next append or evict.
const struct event *history_next(const struct history *history, struct history_cursor *cursor);

// All events, of every topic: the first one kept at or behind *place, which is then put behind it. NULL:
// there is none. Lives until the next append or evict.
const struct event *history_walk(const struct history *history, uint64_t *place);

// The place of the first event behind `id`, of any topic; history_end: there is none. *whole: every event
// behind it is known.
uint64_t history_behind(const struct history *history, const struct event_id *id, bool *whole);

// The event with this very id, and its place; NULL: it is not here. Lives until the next append or evict.
const struct event *history_find(const struct history *history, const struct event_id *id,
                                 uint64_t *place);

// The newest event of the topic that may have been dropped; all zero: none was. It may be another topic's.
const struct event_id *history_dropped(const struct history *history, uint32_t topic);

#endif
