// SPDX-License-Identifier: MIT
// Times: microseconds since 1970-01-01 UTC, and how they are written.
#include "rowcast/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define SECOND 1000000LL
#define DAY (86400 * SECOND)
#define EARLIEST (-719528 * DAY)   // 0000-01-01T00:00:00
#define LATEST (2932897 * DAY - 1) // 9999-12-31T23:59:59.999999
#define ERA_DAYS 146097            // 400 years
#define MARCH_0 719468             // days from 0000-03-01 to 1970-01-01

struct civil {
    int year, month, day;
};

int64_t clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * SECOND + now.tv_nsec / 1000;
}

int64_t clock_steady(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int64_t clock_thread(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

// Both count years from March, so that the leap day comes last
// (Howard Hinnant, "chrono-compatible low-level date algorithms"). `days` are since 1970-01-01.
static struct civil civil_from_days(int64_t days)
{
    int64_t shifted = days + MARCH_0;
    int64_t era = (shifted >= 0 ? shifted : shifted - (ERA_DAYS - 1)) / ERA_DAYS;
    int of_era = (int)(shifted - era * ERA_DAYS);
    int year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (ERA_DAYS - 1)) / 365;
    int of_year = of_era - (365 * year + year / 4 - year / 100);
    int month = (5 * of_year + 2) / 153; // 0 is March

    return (struct civil){
        .year = (int)(era * 400) + year + (month >= 10),
        .month = month < 10 ? month + 3 : month - 9,
        .day = of_year - (153 * month + 2) / 5 + 1,
    };
}

static int64_t days_from_civil(struct civil date)
{
    int year = date.year - (date.month <= 2);
    int era = (year >= 0 ? year : year - 399) / 400;
    int year_of_era = year - era * 400;
    int month = date.month > 2 ? date.month - 3 : date.month + 9;
    int of_year = (153 * month + 2) / 5 + date.day - 1;
    int of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;

    return (int64_t)era * ERA_DAYS + of_era - MARCH_0;
}

// ---- writing ----

static char *put(char *at, int digits, int64_t value, char behind)
{
    for (int i = digits - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    at[digits] = behind;
    return at + digits + 1;
}

// Writes the date and time up to and with the dot; returns where the fraction goes.
static char *put_seconds(char *at, int64_t microseconds)
{
    int64_t days = (microseconds - EARLIEST) / DAY + EARLIEST / DAY; // rounds down
    int64_t second = (microseconds - days * DAY) / SECOND;
    struct civil date = civil_from_days(days);

    at = put(at, 4, date.year, '-');
    at = put(at, 2, date.month, '-');
    at = put(at, 2, date.day, 'T');
    at = put(at, 2, second / 3600, ':');
    at = put(at, 2, second / 60 % 60, ':');
    return put(at, 2, second % 60, '.');
}

static int64_t clamp(int64_t microseconds)
{
    if (microseconds < EARLIEST)
        return EARLIEST;
    return microseconds > LATEST ? LATEST : microseconds;
}

static int write_text(int64_t microseconds, bool milliseconds_only, char *text)
{
    int64_t time = clamp(microseconds);
    int64_t fraction = (time - EARLIEST) % SECOND;
    char *end = put_seconds(text, time);

    if (milliseconds_only || fraction % 1000 == 0)
        end = put(end, 3, fraction / 1000, 'Z');
    else
        end = put(end, 6, fraction, 'Z');
    *end = '\0';
    return (int)(end - text);
}

int clock_text(int64_t microseconds, char text[CLOCK_TEXT_SIZE])
{
    return write_text(microseconds, false, text);
}

int clock_text_milliseconds(int64_t microseconds, char text[CLOCK_TEXT_SIZE])
{
    return write_text(microseconds, true, text);
}

// ---- reading ----

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

// Reads exactly `digits` digits and `behind` (NUL: nothing), and moves `at` behind them.
static bool take(const char **at, int digits, char behind, int *value)
{
    *value = 0;
    for (int i = 0; i < digits; i++) {
        if (!is_digit((*at)[i]))
            return false;
        *value = *value * 10 + ((*at)[i] - '0');
    }
    *at += digits;
    if (behind == '\0')
        return true;
    return *(*at)++ == behind;
}

static bool take_fraction(const char **at, int *microseconds)
{
    int digits = 0;

    *microseconds = 0;
    if (**at != '.')
        return true;
    for ((*at)++; is_digit(**at); (*at)++, digits++) {
        if (digits == 6)
            return false;
        *microseconds = *microseconds * 10 + (**at - '0');
    }
    for (int i = digits; i < 6; i++)
        *microseconds *= 10;
    return digits > 0;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap);
}

static bool is_date(struct civil date)
{
    return date.month >= 1 && date.month <= 12 && date.day >= 1 &&
           date.day <= days_of_month(date.year, date.month);
}

int clock_parse(const char *text, int64_t *microseconds)
{
    struct civil date;
    int hour, minute, second, fraction;

    if (!take(&text, 4, '-', &date.year) || !take(&text, 2, '-', &date.month) ||
        !take(&text, 2, 'T', &date.day) || !take(&text, 2, ':', &hour) ||
        !take(&text, 2, ':', &minute) || !take(&text, 2, '\0', &second) ||
        !take_fraction(&text, &fraction))
        return -EINVAL;
    if (!is_date(date) || hour > 23 || minute > 59 || second > 59)
        return -EINVAL;
    if (strcmp(text, "") != 0 && strcmp(text, "Z") != 0)
        return -EINVAL;

    int seconds = hour * 3600 + minute * 60 + second;
    *microseconds = days_from_civil(date) * DAY + seconds * SECOND + fraction;
    return 0;
}
