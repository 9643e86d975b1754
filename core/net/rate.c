// SPDX-License-Identifier: MIT
// How much a client may say.
#include "rowcast/rate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000000) // in nanoseconds
#define MILLISECOND INT64_C(1000000)
#define BURST_SECONDS 20 // where only the rate is given
#define TELL_AFTER 1000  // milliseconds
#define CLOSE_AFTER 4000 // further ones
#define FRAME_MIN 6      // bytes of an empty frame
#define ROOM_MIN 512u    // so that large messages of a slowed client do not come in crumbs

// ---- as people write it ----

static int take_number(const char **text, int64_t *number)
{
    char *end;

    if (**text < '0' || **text > '9')
        return -EINVAL;
    errno = 0;
    *number = strtoll(*text, &end, 10);
    *text = end;
    return errno != 0 || *number < 1 || *number > RATE_MAX ? -EINVAL : 0;
}

static bool take_word(const char **text, const char *word)
{
    size_t size = strlen(word);

    if (strncmp(*text, word, size) != 0)
        return false;
    *text += size;
    return true;
}

int rate_parse(const char *text, struct rate *rate)
{
    *rate = (struct rate){0};
    if (strcmp(text, "off") == 0)
        return 0;
    if (take_number(&text, &rate->per_second) < 0 || !take_word(&text, "/s"))
        return -EINVAL;
    rate->burst = rate->per_second * BURST_SECONDS;
    if (rate->burst > RATE_MAX)
        rate->burst = RATE_MAX;
    if (*text == '\0')
        return 0;
    if (!take_word(&text, " burst ") || take_number(&text, &rate->burst) < 0 || *text != '\0')
        return -EINVAL;
    return 0;
}

// ---- the bucket ----

static int64_t cost(const struct rate *rate)
{
    return SECOND / rate->per_second;
}

// How many messages it lacks, in their time.
static int64_t missing(const struct rate_bucket *bucket, int64_t now)
{
    int64_t lacks = bucket->full_at - now * MILLISECOND;

    return lacks > 0 ? lacks : 0;
}

// How many whole messages are in it.
static int64_t left(const struct rate *rate, const struct rate_bucket *bucket, int64_t now)
{
    return rate->burst - (missing(bucket, now) + cost(rate) - 1) / cost(rate);
}

// The last one in the bucket is taken.
static enum rate_verdict judge(struct rate_bucket *bucket, int64_t now)
{
    if (bucket->mood == RATE_CALM) {
        bucket->mood = RATE_EMPTIED;
        bucket->since = now;
    }
    if (bucket->mood == RATE_TOLD)
        return now - bucket->since >= CLOSE_AFTER ? RATE_CLOSE : RATE_FINE;
    if (now - bucket->since < TELL_AFTER)
        return RATE_FINE;
    bucket->mood = RATE_TOLD;
    bucket->since = now;
    return RATE_TELL;
}

enum rate_verdict rate_take(const struct rate *rate, struct rate_bucket *bucket, int64_t now)
{
    if (rate->per_second == 0)
        return RATE_FINE;
    int64_t before = left(rate, bucket, now);
    bucket->full_at = now * MILLISECOND + missing(bucket, now) + cost(rate);
    if (before > 1 && before >= rate->burst / 2)
        bucket->mood = RATE_CALM;
    return before <= 1 ? judge(bucket, now) : RATE_FINE;
}

bool rate_allows(const struct rate *rate, const struct rate_bucket *bucket, int64_t now)
{
    return rate->per_second == 0 || left(rate, bucket, now) > 0;
}

size_t rate_room(const struct rate *rate, const struct rate_bucket *bucket, int64_t now,
                 size_t most)
{
    if (rate->per_second == 0)
        return most;
    int64_t messages = left(rate, bucket, now);
    size_t room = messages > 0 ? (size_t)messages * FRAME_MIN : 0;
    if (room < ROOM_MIN)
        room = ROOM_MIN;
    return room < most ? room : most;
}
