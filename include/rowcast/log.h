// SPDX-License-Identifier: MIT
// The log: one line an event on standard error, JSON off a terminal, for people on one.
#ifndef ROWCAST_LOG_H
#define ROWCAST_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *key;  // NULL ends the list
    const char *text; // NULL: the field is the number
    int64_t number;
};

#define LOG_TEXT(key, value) ((struct log_field){(key), (value), 0})
#define LOG_NUMBER(key, value) ((struct log_field){(key), 0, (value)})
#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__, {0}})

// Process-wide, set once at start (the level also at a reload): the log is the process's standard
// error. A terminal gets coloured levels, unless NO_COLOR is set.
void log_setup(enum log_level level, bool json);
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level); // for facts that are costly to gather

// Writes one line. `event` is a stable word for machines (docs/OPERATIONS.md lists them all), the format makes the sentence
// for people, `fields` (may be NULL) the facts. Messages end at 2 KiB; a line that would pass 8 KiB is cut and says so.
// No control byte of a value gets out raw. Any thread; waits for nobody: what a full pipe does not take waits, and beyond
// 256 KiB is lost, which `log_lost` tells when the pipe flows again (outlet.h).
void log_write(enum log_level level, const char *event, const struct log_field *fields,
               const char *format, ...) __attribute__((format(printf, 4, 5)));

// True if a line that clients, rows, scripts or the network can cause again and again is to be written: the first ones of
// an event from one `place`, which is what stands before ": " in "path:line: message" (a text without one, or NULL, is no
// place). The others are counted, and told as `repeated` by log_tick. Before the first log_tick every line is written.
// Any thread.
bool log_says(enum log_level level, const char *event, const char *place);
// The same with a number of lines of its own: for lines that somebody asked for.
bool log_says_lines(enum log_level level, const char *event, const char *place, uint32_t lines);

void log_tick(void); // about once a second: tells what was counted or lost, and writes what waits

// Waits up to a second for what waits: before the process ends.
void log_drain(void);

#endif
