// SPDX-License-Identifier: MIT
// The patterns of Lua 5.1 (its manual, section 5.4.1) with a count of the work done: bytes and a pattern in, captures
// out. Knows no Lua, allocates nothing, and gives up at a limit, so that no pattern runs away.
//
// Same results and sentences as LuaJIT's own matcher. So a pattern ends at its first NUL (%z stands for one), and what
// would need more than PATTERN_MAX_DEPTH matches within each other is too complex.
#ifndef ROWCAST_PATTERN_H
#define ROWCAST_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATTERN_MAX_CAPTURES 32
#define PATTERN_MAX_DEPTH 200

enum pattern_result {
    PATTERN_NONE,    // it does not match here
    PATTERN_FOUND,   // it does
    PATTERN_WRONG,   // it is no pattern: `wrong` says why
    PATTERN_STOPPED, // the limit is reached
};

// Sizes that are none.
#define PATTERN_OPEN (-1)  // the capture has not ended
#define PATTERN_PLACE (-2) // "()": the position is what it captures

struct pattern_capture {
    const char *at;
    ptrdiff_t size;
};

struct pattern {
    const char *subject, *subject_end;
    const char *text, *text_end; // of the pattern; none of the four is owned
    size_t steps, limit;         // bytes compared and items looked at, over all matches
    const char *wrong;
    bool stopped;
    unsigned depth;
    unsigned capture_count;
    struct pattern_capture captures[PATTERN_MAX_CAPTURES];
};

void pattern_init(struct pattern *pattern, const char *subject, size_t subject_size,
                  const char *text, size_t text_size, size_t limit);

// Takes a ^ from the front of the pattern; true if there was one. Else ^ stands for itself.
bool pattern_take_anchor(struct pattern *pattern);

// Tries to match at `from`, a place in the subject or its end, and there only. If found, `end` is behind the match.
enum pattern_result pattern_match(struct pattern *pattern, const char *from, const char **end);

// The first place at or behind `from` where it matches: *from is moved there.
enum pattern_result pattern_find(struct pattern *pattern, const char **from, const char **end);

// Whether the text is more than the bytes it consists of.
bool pattern_is_plain(const char *text, size_t size);

#endif
