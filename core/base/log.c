// SPDX-License-Identifier: MIT
// The log: one line an event on standard error.
#include "rowcast/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rowcast/buffer.h"
#include "rowcast/clock.h"
#include "rowcast/flood.h"
#include "rowcast/floods.h"
#include "rowcast/outlet.h"
#include "rowcast/utf8.h"

#define LINE_MAX_SIZE (8u << 10)
#define LINE_TAIL_SIZE 32 // kept free for what ends a line
#define MESSAGE_MAX_SIZE (2u << 10)
#define DRAIN_TIME 1000 // milliseconds

static atomic_int least_level = LOG_INFO;
static bool as_json = true;
static bool in_colour = false;

static pthread_mutex_t lock =
    PTHREAD_MUTEX_INITIALIZER; // of what follows; never held while waiting
static struct outlet outlet;
static struct floods floods;
static bool limited = false; // somebody calls log_tick

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const level_colours[] = {"\033[2m", "\033[32m", "\033[33m", "\033[31m"};

void log_setup(enum log_level level, bool json)
{
    const char *no_colour = getenv("NO_COLOR"); // https://no-color.org

    log_set_level(level);
    as_json = json;
    in_colour = !json && isatty(STDERR_FILENO) && (no_colour == NULL || *no_colour == '\0');
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&least_level, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed);
}

// ---- values that fit, in the two spellings ----

typedef void spell(struct buffer *line, const char *text, size_t size);

// Goes back to `mark`, as if nothing had been appended since.
static void undo(struct buffer *line, size_t mark)
{
    line->size = mark;
    line->overflowed = false;
}

// Appends as much of the text as fits in its spelling; false: not all of it.
static bool append_fitting(struct buffer *line, spell *as, const char *text)
{
    size_t size = strlen(text);

    for (size_t part = size; part > 0; part = utf8_cut(text, size, part / 2)) {
        size_t mark = line->size;
        as(line, text, part);
        if (!line->overflowed)
            return part == size;
        undo(line, mark);
    }
    as(line, "", 0);
    return size == 0;
}

// A character that could end a line or steer a terminal: C0, DEL and C1 controls, or no UTF-8.
static bool is_control(const char *bytes, size_t length)
{
    unsigned char first = (unsigned char)bytes[0];

    return length == 0 || first < 0x20 || first == 0x7f ||
           (first == 0xc2 && (unsigned char)bytes[1] < 0xa0);
}

static void spell_plain(struct buffer *line, const char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t length = utf8_length(text + at, size - at);

        if (!is_control(text + at, length)) {
            buffer_append(line, text + at, length);
        } else {
            length = 1;
            buffer_append_format(line, "\\x%02x", (unsigned char)text[at]);
        }
        at += length;
    }
}

// Values with something in them that would blur where they end stand in quotes.
static void spell_word(struct buffer *line, const char *text, size_t size)
{
    bool quoted = size == 0;

    for (size_t i = 0; i < size; i++)
        quoted = quoted || text[i] == ' ' || text[i] == '"' || text[i] == '=';
    if (quoted)
        buffer_append_byte(line, '"');
    spell_plain(line, text, size);
    if (quoted)
        buffer_append_byte(line, '"');
}

// ---- the two forms of a line ----

static bool append_json_text(struct buffer *line, const char *key, const char *text)
{
    buffer_append_byte(line, ',');
    buffer_append_json_string(line, key, strlen(key));
    buffer_append_byte(line, ':');
    return append_fitting(line, buffer_append_json_string, text);
}

static bool append_json_field(struct buffer *line, const struct log_field *field)
{
    if (field->text != NULL)
        return append_json_text(line, field->key, field->text);
    buffer_append_byte(line, ',');
    buffer_append_json_string(line, field->key, strlen(field->key));
    buffer_append_format(line, ":%lld", (long long)field->number);
    return true;
}

static bool append_human_field(struct buffer *line, const struct log_field *field)
{
    buffer_append_format(line, "  %s=", field->key);
    if (field->text != NULL)
        return append_fitting(line, spell_word, field->text);
    buffer_append_format(line, "%lld", (long long)field->number);
    return true;
}

// Appends fields while they fit; false: something is missing.
static bool append_fields(struct buffer *line, const struct log_field *field)
{
    bool whole = true;

    for (; field != NULL && field->key != NULL; field++) {
        size_t mark = line->size;
        whole &= as_json ? append_json_field(line, field) : append_human_field(line, field);
        if (line->overflowed) {
            undo(line, mark);
            return false;
        }
    }
    return whole;
}

static void write_json(struct buffer *line, enum log_level level, const char *event,
                       const struct log_field *fields, const char *message)
{
    char time[CLOCK_TEXT_SIZE];

    clock_text_milliseconds(clock_now(), time);
    buffer_append_format(line, "{\"time\":\"%s\",\"level\":\"%s\"", time, level_names[level]);
    bool whole = append_json_text(line, "event", event);
    whole &= append_json_text(line, "message", message);
    whole &= append_fields(line, fields);
    line->maximum = LINE_MAX_SIZE;
    buffer_append_text(line, whole ? "}\n" : ",\"truncated\":true}\n");
}

static void write_human(struct buffer *line, enum log_level level, const struct log_field *fields,
                        const char *message)
{
    char time[CLOCK_TEXT_SIZE];

    clock_text_milliseconds(clock_now(), time);
    buffer_append_format(line, "%.12s %s%-5s%s ", time + strlen("2025-11-09T"),
                         in_colour ? level_colours[level] : "", level_names[level],
                         in_colour ? "\033[0m" : "");
    bool whole = append_fitting(line, spell_plain, message);
    whole &= append_fields(line, fields);
    line->maximum = LINE_MAX_SIZE;
    buffer_append_text(line, whole ? "\n" : "  ...\n");
}

static void compose(struct buffer *line, enum log_level level, const char *event,
                    const struct log_field *fields, const char *message)
{
    buffer_init(line, LINE_MAX_SIZE - LINE_TAIL_SIZE);
    if (as_json)
        write_json(line, level, event, fields, message);
    else
        write_human(line, level, fields, message);
}

// ---- getting them out ----

// Where lines were lost, says how many. Under the lock.
static void tell_loss(void)
{
    char message[120];
    struct buffer line;
    outlet_flush(&outlet, STDERR_FILENO);
    uint64_t lost = outlet_lost(&outlet);
    if (lost == 0)
        return;
    snprintf(message, sizeof message,
             "%llu log lines were lost: who reads the log was slower than they came",
             (unsigned long long)lost);
    compose(&line, LOG_WARN, "log_lost", LOG_FIELDS(LOG_NUMBER("count", (int64_t)lost)), message);
    outlet_write(&outlet, STDERR_FILENO, line.bytes, line.size);
    buffer_release(&line);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields,
               const char *format, ...)
{
    char message[MESSAGE_MAX_SIZE];
    struct buffer line;
    va_list arguments;

    if (!log_enabled(level))
        return;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);

    compose(&line, level, event, fields, message);
    pthread_mutex_lock(&lock);
    tell_loss();
    outlet_write(&outlet, STDERR_FILENO, line.bytes, line.size);
    pthread_mutex_unlock(&lock);
    buffer_release(&line);
}

void log_drain(void)
{
    pthread_mutex_lock(&lock);
    outlet_drain(&outlet, STDERR_FILENO, DRAIN_TIME);
    tell_loss();
    pthread_mutex_unlock(&lock);
}

// ---- what repeats itself ----

static int64_t now_milliseconds(void)
{
    return clock_steady() / 1000000;
}

bool log_says_lines(enum log_level level, const char *event, const char *place, uint32_t lines)
{
    if (!log_enabled(level))
        return false;
    if (!place)
        place = "";
    size_t size = floods_place(place);
    pthread_mutex_lock(&lock);
    bool says = !limited || floods_say(&floods, event, place, size, lines, now_milliseconds());
    pthread_mutex_unlock(&lock);
    return says;
}

bool log_says(enum log_level level, const char *event, const char *place)
{
    return log_says_lines(level, event, place, FLOOD_LINES);
}

static void append_repeated(void *user, const char *event, const char *place, uint64_t count,
                            int64_t milliseconds)
{
    char message[MESSAGE_MAX_SIZE];
    struct buffer line;
    snprintf(message, sizeof message, "%s%s%s: %llu more within %lld s", event,
             *place ? " at " : "", place, (unsigned long long)count,
             (long long)((milliseconds + 500) / 1000));
    compose(&line, LOG_WARN, "repeated",
            LOG_FIELDS(LOG_TEXT("of", event), LOG_TEXT("place", place),
                       LOG_NUMBER("count", (int64_t)count)),
            message);
    outlet_write(user, STDERR_FILENO, line.bytes, line.size);
    buffer_release(&line);
}

void log_tick(void)
{
    pthread_mutex_lock(&lock);
    limited = true;
    tell_loss();
    floods_tick(&floods, now_milliseconds(), append_repeated, &outlet);
    pthread_mutex_unlock(&lock);
}
