// SPDX-License-Identifier: MIT
// Sizes and durations as people write them.
#include "rowcast/amount.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// Beyond this, factors and doubles would lose what was written.
#define AMOUNT_MAX 9007199254740992.0

struct unit {
    const char *name;
    int64_t factor;
};

// Ascending.
static const struct unit sizes[] = {{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
static const struct unit times[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};

int amount_parse_number(const char *text, int64_t *number)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0)
        return -EINVAL;
    *number = value;
    return 0;
}

static int parse(const char *text, const struct unit *units, int64_t *amount)
{
    size_t digits = strspn(text, "0123456789.");
    char *end;
    double value = strtod(text, &end);
    if (digits == 0 || end != text + digits)
        return -EINVAL;
    for (int i = 0; i < 4; i++) {
        if (strcasecmp(end, units[i].name) != 0)
            continue;
        value *= (double)units[i].factor;
        if (value > AMOUNT_MAX)
            return -EINVAL;
        *amount = (int64_t)value;
        return 0;
    }
    return -EINVAL;
}

int amount_parse_size(const char *text, int64_t *bytes)
{
    if (*text >= '0' && *text <= '9' && amount_parse_number(text, bytes) == 0)
        return 0;
    return parse(text, sizes, bytes);
}

int amount_parse_duration(const char *text, int64_t *milliseconds)
{
    return parse(text, times, milliseconds);
}

static void format(int64_t amount, const struct unit *units, char text[AMOUNT_TEXT_SIZE])
{
    int i = 3;
    while (i > 0 && (amount < units[i].factor || amount % units[i].factor != 0))
        i--;
    snprintf(text, AMOUNT_TEXT_SIZE, "%lld%s", (long long)(amount / units[i].factor),
             units[i].name);
}

void amount_format_size(int64_t bytes, char text[AMOUNT_TEXT_SIZE])
{
    format(bytes, sizes, text);
}

void amount_format_duration(int64_t milliseconds, char text[AMOUNT_TEXT_SIZE])
{
    format(milliseconds, times, text);
}

void amount_round_size(int64_t bytes, char text[AMOUNT_TEXT_SIZE])
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double number = (double)bytes;
    int i = 0;
    for (; number >= 1024 && i < 4; i++)
        number /= 1024;
    snprintf(text, AMOUNT_TEXT_SIZE, i ? "%.1f %s" : "%.0f %s", number, names[i]);
}
