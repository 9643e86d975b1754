// SPDX-License-Identifier: MIT
// The patterns of Lua 5.1, by backtracking.
#include "rowcast/pattern.h"

#include <string.h>

void pattern_init(struct pattern *pattern, const char *subject, size_t subject_size,
                  const char *text, size_t text_size, size_t limit)
{
    // Not set as a whole: the captures are large, and written before they are read.
    pattern->subject = subject;
    pattern->subject_end = subject + subject_size;
    pattern->text = text;
    pattern->text_end = text + strnlen(text, text_size);
    pattern->steps = 0;
    pattern->limit = limit;
    pattern->wrong = NULL;
    pattern->stopped = false;
    pattern->depth = 0;
    pattern->capture_count = 0;
}

bool pattern_take_anchor(struct pattern *pattern)
{
    bool anchor = pattern->text < pattern->text_end && *pattern->text == '^';
    pattern->text += anchor;
    return anchor;
}

bool pattern_is_plain(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] && strchr("^$*+?.([%-", text[i]))
            return false;
    return true;
}

// ---- giving up: NULL all the way up, as if nothing matched; pattern_match tells which it was ----

static const char *refuse(struct pattern *pattern, const char *sentence)
{
    if (!pattern->wrong)
        pattern->wrong = sentence;
    return NULL;
}

static bool has_given_up(const struct pattern *pattern)
{
    return pattern->wrong || pattern->stopped;
}

static bool spend(struct pattern *pattern, size_t steps)
{
    pattern->steps += steps;
    if (pattern->steps > pattern->limit)
        pattern->stopped = true;
    return !pattern->stopped;
}

// ---- one byte ----

static bool is_between(unsigned char byte, unsigned char low, unsigned char high)
{
    return byte >= low && byte <= high;
}

static bool is_letter(unsigned char byte)
{
    return is_between(byte | 32, 'a', 'z');
}

static bool is_digit(unsigned char byte)
{
    return is_between(byte, '0', '9');
}

// %a and the like; a name of no class stands for itself.
static bool class_has(unsigned char name, unsigned char byte)
{
    bool has;
    switch (name | 32) {
    case 'a':
        has = is_letter(byte);
        break;
    case 'c':
        has = byte < 32 || byte == 127;
        break;
    case 'd':
        has = is_digit(byte);
        break;
    case 'g':
        has = is_between(byte, 33, 126);
        break;
    case 'l':
        has = is_between(byte, 'a', 'z');
        break;
    case 'p':
        has = is_between(byte, 33, 126) && !is_letter(byte) && !is_digit(byte);
        break;
    case 's':
        has = byte == ' ' || is_between(byte, 9, 13);
        break;
    case 'u':
        has = is_between(byte, 'A', 'Z');
        break;
    case 'w':
        has = is_letter(byte) || is_digit(byte);
        break;
    case 'x':
        has = is_digit(byte) || is_between(byte | 32, 'a', 'f');
        break;
    case 'z':
        has = byte == 0;
        break;
    default:
        return name == byte;
    }
    return has != is_between(name, 'A', 'Z');
}

// `at` is behind the [, `close` at the ].
static bool set_has(const char *at, const char *close, unsigned char byte)
{
    bool negated = *at == '^';
    for (at += negated; at < close; at++) {
        if (*at == '%') {
            if (class_has((unsigned char)*++at, byte))
                return !negated;
        } else if (at[1] == '-' && at + 2 < close) {
            if (is_between(byte, (unsigned char)at[0], (unsigned char)at[2]))
                return !negated;
            at += 2;
        } else if ((unsigned char)*at == byte) {
            return !negated;
        }
    }
    return negated;
}

// Behind the item for one byte that begins at `at`: a byte, a class, a set.
static const char *item_end(struct pattern *pattern, const char *at)
{
    const char *end = pattern->text_end;
    char kind = *at++;
    if (kind == '%')
        return at < end ? at + 1 : refuse(pattern, "malformed pattern (ends with '%')");
    if (kind != '[')
        return at;
    if (at < end && *at == '^')
        at++;
    const char *first = at; // a ] here is one of the set
    while (at < end && (at == first || *at != ']'))
        at += *at == '%' && at + 1 < end ? 2 : 1;
    return at < end ? at + 1 : refuse(pattern, "malformed pattern (missing ']')");
}

// Whether the byte at `from` is what the item says; false at the end of the subject.
static bool item_has(struct pattern *pattern, const char *item, const char *end, const char *from)
{
    if (from == pattern->subject_end)
        return false;
    unsigned char byte = (unsigned char)*from;
    switch (*item) {
    case '.':
        return true;
    case '%':
        return class_has((unsigned char)item[1], byte);
    case '[':
        return spend(pattern, (size_t)(end - item) / 2) && set_has(item + 1, end - 1, byte);
    default:
        return (unsigned char)*item == byte;
    }
}

// ---- the rest of the pattern at a place: behind the match, or NULL ----

static const char *match(struct pattern *pattern, const char *from, const char *text);

// As often as it goes, then less and less often.
static const char *match_most(struct pattern *pattern, const char *from, const char *item,
                              const char *end)
{
    const char *most = from;
    while (item_has(pattern, item, end, most))
        most++;
    if (!spend(pattern, (size_t)(most - from)))
        return NULL;
    for (; most >= from && !has_given_up(pattern); most--) {
        const char *found = match(pattern, most, end + 1);
        if (found)
            return found;
    }
    return NULL;
}

// As seldom as it goes, then more and more often.
static const char *match_least(struct pattern *pattern, const char *from, const char *item,
                               const char *end)
{
    for (; !has_given_up(pattern); from++) {
        const char *found = match(pattern, from, end + 1);
        if (found)
            return found;
        if (!item_has(pattern, item, end, from))
            break;
    }
    return NULL;
}

static const char *match_open(struct pattern *pattern, const char *from, const char *text)
{
    bool place = text < pattern->text_end && *text == ')';
    if (pattern->capture_count == PATTERN_MAX_CAPTURES)
        return refuse(pattern, "too many captures");
    pattern->captures[pattern->capture_count++] =
        (struct pattern_capture){from, place ? PATTERN_PLACE : PATTERN_OPEN};
    const char *found = match(pattern, from, text + place);
    if (!found)
        pattern->capture_count--;
    return found;
}

static const char *match_close(struct pattern *pattern, const char *from, const char *text)
{
    unsigned at = pattern->capture_count;
    while (at > 0 && pattern->captures[at - 1].size != PATTERN_OPEN)
        at--;
    if (at == 0)
        return refuse(pattern, "invalid pattern capture");
    struct pattern_capture *capture = &pattern->captures[at - 1];
    capture->size = from - capture->at;
    const char *found = match(pattern, from, text);
    if (!found)
        capture->size = PATTERN_OPEN;
    return found;
}

// %b(): behind the byte that balances the one at `from`.
static const char *skip_balanced(struct pattern *pattern, const char *from, const char *text)
{
    if (pattern->text_end - text < 2)
        return refuse(pattern, "unbalanced pattern");
    if (from == pattern->subject_end || *from != text[0])
        return NULL;
    const char *at = from + 1;
    for (size_t open = 1; at < pattern->subject_end; at++) {
        if (*at == text[1]) {
            if (--open == 0)
                break;
        } else if (*at == text[0]) {
            open++;
        }
    }
    if (!spend(pattern, (size_t)(at - from)) || at == pattern->subject_end)
        return NULL;
    return at + 1;
}

// %1: behind the same bytes again.
static const char *skip_capture(struct pattern *pattern, const char *from, char digit)
{
    unsigned number = (unsigned)(digit - '1'); // of %0 a large one
    if (number >= pattern->capture_count || pattern->captures[number].size == PATTERN_OPEN)
        return refuse(pattern, "invalid capture index");
    const struct pattern_capture *capture = &pattern->captures[number];
    if (capture->size == PATTERN_PLACE || pattern->subject_end - from < capture->size ||
        !spend(pattern, (size_t)capture->size) ||
        memcmp(from, capture->at, (size_t)capture->size) != 0)
        return NULL;
    return from + capture->size;
}

// %f[set]: `text` is behind the f. The end of the set if `from` is where it begins to hold.
static const char *cross_frontier(struct pattern *pattern, const char *from, const char *text)
{
    if (text == pattern->text_end || *text != '[')
        return refuse(pattern, "missing '[' after '%f' in pattern");
    const char *end = item_end(pattern, text);
    if (!end || !spend(pattern, (size_t)(end - text)))
        return NULL;
    unsigned char before = from == pattern->subject ? 0 : (unsigned char)from[-1];
    unsigned char behind = from == pattern->subject_end ? 0 : (unsigned char)*from;
    return !set_has(text + 1, end - 1, before) && set_has(text + 1, end - 1, behind) ? end : NULL;
}

// An item for one byte and how often it may come. True: goes on at *from and *text. False: *from is what came of it.
static bool pass_item(struct pattern *pattern, const char **from, const char **text)
{
    const char *item = *text, *end = item_end(pattern, item), *at = *from;
    if (!end) {
        *from = NULL;
        return false;
    }
    switch (end < pattern->text_end ? *end : '\0') {
    case '*':
        *from = match_most(pattern, at, item, end);
        return false;
    case '+':
        *from = item_has(pattern, item, end, at) ? match_most(pattern, at + 1, item, end) : NULL;
        return false;
    case '-':
        *from = match_least(pattern, at, item, end);
        return false;
    case '?':
        *text = end + 1;
        *from = item_has(pattern, item, end, at) ? match(pattern, at + 1, end + 1) : NULL;
        if (*from || has_given_up(pattern))
            return false;
        *from = at;
        return true;
    default:
        *text = end;
        *from = item_has(pattern, item, end, at) ? at + 1 : NULL;
        return *from != NULL;
    }
}

// What begins with % and is no item for one byte: as pass_item. `known` is false if it is one.
static bool pass_escape(struct pattern *pattern, const char **from, const char **text, bool *known)
{
    char name = *text + 1 < pattern->text_end ? (*text)[1] : '\0';
    *known = true;
    switch (name) {
    case 'b':
        *from = skip_balanced(pattern, *from, *text + 2);
        *text += 4;
        return *from != NULL;
    case 'f':
        *text = cross_frontier(pattern, *from, *text + 2);
        if (!*text)
            *from = NULL;
        return *from != NULL;
    default:
        *known = is_digit((unsigned char)name);
        if (!*known)
            return true;
        *from = skip_capture(pattern, *from, name);
        *text += 2;
        return *from != NULL;
    }
}

static const char *match_here(struct pattern *pattern, const char *from, const char *text)
{
    bool goes_on = true, known;
    while (goes_on && text < pattern->text_end) {
        if (!spend(pattern, 1))
            return NULL;
        switch (*text) {
        case '(':
            return match_open(pattern, from, text + 1);
        case ')':
            return match_close(pattern, from, text + 1);
        case '$':
            if (text + 1 == pattern->text_end)
                return from == pattern->subject_end ? from : NULL;
            goes_on = pass_item(pattern, &from, &text);
            break;
        case '%':
            goes_on = pass_escape(pattern, &from, &text, &known);
            if (!known)
                goes_on = pass_item(pattern, &from, &text);
            break;
        default:
            goes_on = pass_item(pattern, &from, &text);
        }
    }
    return from;
}

static const char *match(struct pattern *pattern, const char *from, const char *text)
{
    if (pattern->depth == PATTERN_MAX_DEPTH)
        return refuse(pattern, "pattern too complex");
    pattern->depth++;
    from = match_here(pattern, from, text);
    pattern->depth--;
    return from;
}

enum pattern_result pattern_match(struct pattern *pattern, const char *from, const char **end)
{
    pattern->capture_count = 0;
    const char *found = match(pattern, from, pattern->text);
    if (!spend(pattern, 1))
        return PATTERN_STOPPED;
    if (pattern->wrong)
        return PATTERN_WRONG;
    *end = found;
    return found ? PATTERN_FOUND : PATTERN_NONE;
}

enum pattern_result pattern_find(struct pattern *pattern, const char **from, const char **end)
{
    enum pattern_result result;
    while ((result = pattern_match(pattern, *from, end)) == PATTERN_NONE &&
           *from < pattern->subject_end)
        ++*from;
    return result;
}
