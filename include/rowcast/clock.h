// SPDX-License-Identifier: MIT
// Times: microseconds since 1970-01-01 UTC, and how they are written.
#ifndef ROWCAST_CLOCK_H
#define ROWCAST_CLOCK_H

#include <stdint.h>

#define CLOCK_TEXT_SIZE 28 // "2025-11-09T12:00:00.000000Z" and its NUL

int64_t clock_now(void);    // wall clock, microseconds
int64_t clock_steady(void); // nanoseconds of a clock that never goes back
int64_t clock_thread(void); // nanoseconds that this thread has run

// Writes ISO 8601 in UTC with 3 fraction digits (6 where the microseconds need them) and Z.
// Returns the length. Years outside 0..9999 are clamped.
int clock_text(int64_t microseconds, char text[CLOCK_TEXT_SIZE]);

// The same, cut to milliseconds.
int clock_text_milliseconds(int64_t microseconds, char text[CLOCK_TEXT_SIZE]);

// Reads what clock_text writes (0 to 6 fraction digits, Z or nothing behind). 0, or -EINVAL.
int clock_parse(const char *text, int64_t *microseconds);

#endif
