// SPDX-License-Identifier: MIT
// Events on their way to the subscribers of their topics: a walk that can be left and taken up again.
//
// What waits in one topic is a piece. Who has no other topic and wants all of a piece gets it in one
// frame that is made once for all, in one write; everybody else gets references to the single events, in
// the order of all. Pieces with few receivers go first: they do not wait for those with many.
#ifndef ROWCAST_FANOUT_H
#define ROWCAST_FANOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowcast/frame.h"

struct hall;

// An event of one topic. With several topics it is as many publications, of one place.
struct publication {
    uint32_t topic;
    bool rest; // the fanout's own: not all of the topic's subscribers have got it yet
    uint64_t type, place;
    struct frame *frame; // borrowed
};

// The fanout's own: the events of one topic.
struct fanout_piece {
    struct publication **events; // in order
    uint32_t count;
    uint32_t receivers;  // at most
    uint32_t largest;    // bytes of an event's frame
    bool rest;           // some receivers must have the events one by one
    struct frame *frame; // all of them
    struct frame
        *deflated_frame; // the same for who agreed to compression, or NULL: nobody has asked yet
};

#define FANOUT_PART 512 // publications that are joined at once, at most

struct fanout {
    struct publication *publications; // borrowed until the walk has ended
    size_t count, from, to;           // from..to: the part that is walked
    struct publication *sorted[FANOUT_PART];
    struct fanout_piece pieces[FANOUT_PART];
    uint32_t piece_count;
    uint32_t step; // of the part: its pieces, then its publications
    uint32_t left; // subscriptions of the step's topic that are still to come
};

enum fanout_mode {
    FANOUT_QUEUE, // only queued: more follows before anything shall be written
    FANOUT_WRITE, // written at once to who has nothing queued and gets nothing more in this walk
};

#define FANOUT_WRITE_COST 256 // of a budget; a queued reference costs 1

void fanout_init(struct fanout *fanout);
void fanout_release(struct fanout *fanout);

// Begins with `count` publications, whose places do not fall. The walk before must have ended. Nobody may
// join a topic until it has ended; leaving is fine.
void fanout_begin(struct fanout *fanout, struct publication *publications, size_t count);

// Hands on until `budget` is used up (one for each subscription, FANOUT_WRITE_COST for each write). Who is
// parked, does not want the type, or has had the event with another topic gets nothing. True: it has
// ended.
bool fanout_continue(struct fanout *fanout, struct hall *hall, enum fanout_mode mode,
                     uint32_t budget);

bool fanout_ended(const struct fanout *fanout);

#endif
