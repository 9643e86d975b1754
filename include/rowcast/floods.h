// SPDX-License-Identifier: MIT
// Floods (flood.h) told apart by a kind and a place: the same kind of line from two places is two floods. Bounded: of more
// than FLOODS_MAX_PLACES places the further ones are one flood of their kind. Kinds are the caller's to bound. Pure.
#ifndef ROWCAST_FLOODS_H
#define ROWCAST_FLOODS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOODS_MAX_PLACES 256

// Ready when zeroed.
struct floods {
    struct named_flood *items;
    size_t count;
};

void floods_release(struct floods *floods);

// How much of "path:line: message" is the place; 0: it names none.
size_t floods_place(const char *message);

// It happened there: true if it is to be said in full, as so many `lines` of an interval are. `size` 0: at no place. `now`
// in milliseconds.
bool floods_say(struct floods *floods, const char *kind, const char *place, size_t size,
                uint32_t lines, int64_t now);

// To be called now and then. Calls `tell` with what was counted in intervals that have ended, and how long those were;
// `place` is "" where there is none.
typedef void floods_teller(void *user, const char *kind, const char *place, uint64_t count,
                           int64_t milliseconds);
void floods_tick(struct floods *floods, int64_t now, floods_teller *tell, void *user);

#endif
