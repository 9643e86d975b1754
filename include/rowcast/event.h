// SPDX-License-Identifier: MIT
// An event and its id. With change.h and frame.h the common currency of the rooms.
#ifndef ROWCAST_EVENT_H
#define ROWCAST_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowcast/frame.h"

// Where an event stands in the order of all events. Every reader of the same WAL computes the same.
// Ordered by timeline, lsn, change, emit within one epoch.
struct event_id {
    uint32_t epoch; // hash of system id, database and publication names
    uint32_t timeline;
    uint64_t lsn; // of the commit
    uint32_t xid;
    uint32_t
        stamp; // EVENT_ID_STAMP_BITS of the commit's time: xids come again in a log written anew
    uint32_t change; // index in the transaction
    uint16_t emit;   // index in the list its handler returned
};

#define EVENT_ID_STAMP_BITS 20

// The position behind everything of a transaction: what confirmations and pongs carry. Its lsn may lie
// behind the commit, at a place where nothing is committed; xid and stamp are those of the newest
// transaction up to there (0: of none that is known).
#define EVENT_ID_LAST_CHANGE UINT32_MAX
#define EVENT_ID_LAST_EMIT UINT16_MAX

// "eeeeeeee-tttttttt-llllllllllllllll-xxxxxxxx-sssss-cccccccc-iiii" in lower-case hex, and its NUL: within
// one epoch, ids of one log sort bytewise in commit order.
#define EVENT_ID_TEXT_SIZE 64
#define EVENT_ID_TEXT_LENGTH (EVENT_ID_TEXT_SIZE - 1)

void event_id_text(const struct event_id *id, char text[EVENT_ID_TEXT_SIZE]);
int event_id_parse(const char *text, size_t size, struct event_id *id); // 0, or -EINVAL
int event_id_compare(const struct event_id *a,
                     const struct event_id *b);       // <0, 0, >0; epoch, xid and stamp ignored
bool event_id_is_position(const struct event_id *id); // of no event, but behind a transaction

// The timelines of a server's log, which begins anew with each promotion: its own, and those it descends
// from with the position where each was left, the oldest first. Invariant: both ascend.
#define LINEAGE_MAX 32

struct lineage {
    uint32_t timeline;
    uint32_t count;
    struct ancestor {
        uint32_t timeline;
        uint64_t end; // what is committed from here on is not part of the log
    } ancestors[LINEAGE_MAX];
};

// On which timeline a transaction was committed. Ids whose timeline is another one are of no transaction
// of this log.
uint32_t lineage_at(const struct lineage *lineage, uint64_t lsn);

// The representations an event can go out in; each is framed once, lazily, and shared.
enum event_format { FORMAT_JSON, FORMAT_COUNT };

#define EVENT_MAX_TOPICS 16
#define EVENT_MAX_TOPIC_SIZE 255

struct event {
    struct event_id id;
    uint64_t type; // event_type_hash of its name: what type filters compare
    uint32_t topic_count;
    uint32_t topics[EVENT_MAX_TOPICS];  // numbers of topics.h, without repetition
    uint16_t script;                    // a number that whoever made it knows: which one
    uint16_t op;                        // of the row: enum change_op
    struct frame *frames[FORMAT_COUNT]; // owned; NULL where not made yet
};

uint64_t event_type_hash(const char *name, size_t size); // the same in every process

#endif
