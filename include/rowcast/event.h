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
    uint32_t change; // index in the transaction
    uint16_t emit;   // index in the list its handler returned
};

// The position behind everything of a transaction: what confirmations and pongs carry.
#define EVENT_ID_LAST_CHANGE UINT32_MAX
#define EVENT_ID_LAST_EMIT UINT16_MAX

// "eeeeeeee-tttttttt-llllllllllllllll-xxxxxxxx-cccccccc-iiii" in lower-case hex, and its NUL: within
// one epoch and timeline, ids sort bytewise in commit order.
#define EVENT_ID_TEXT_SIZE 58
#define EVENT_ID_TEXT_LENGTH (EVENT_ID_TEXT_SIZE - 1)

void event_id_text(const struct event_id *id, char text[EVENT_ID_TEXT_SIZE]);
int event_id_parse(const char *text, size_t size, struct event_id *id); // 0, or -EINVAL
int event_id_compare(const struct event_id *a,
                     const struct event_id *b); // <0, 0, >0; epoch and xid ignored
bool event_id_same_stream(const struct event_id *a, const struct event_id *b); // epoch and timeline

// The representations an event can go out in; each is framed once, lazily, and shared.
enum event_format { FORMAT_JSON, FORMAT_COUNT };

#define EVENT_MAX_TOPICS 16
#define EVENT_MAX_TOPIC_SIZE 255

struct event {
    struct event_id id;
    uint64_t type; // event_type_hash of its name: what type filters compare
    uint32_t topic_count;
    uint32_t topics[EVENT_MAX_TOPICS];  // numbers of topics.h, without repetition
    struct frame *frames[FORMAT_COUNT]; // owned; NULL where not made yet
};

uint64_t event_type_hash(const char *name, size_t size); // the same in every process

#endif
