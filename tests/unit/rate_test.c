// SPDX-License-Identifier: MIT
// Tests of core/net/rate.c: what is written, what a bucket holds, and what follows when it is empty.
#include "rowcast/rate.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define T0 INT64_C(5000000) // milliseconds: any clock

static const struct rate ten = {.per_second = 10, .burst = 20};

static void reads_what_people_write(void **state)
{
    struct rate rate;

    (void)state;
    assert_int_equal(rate_parse("100/s burst 2000", &rate), 0);
    assert_int_equal(rate.per_second, 100);
    assert_int_equal(rate.burst, 2000);
    assert_int_equal(rate_parse("7/s", &rate), 0);
    assert_int_equal(rate.burst, 140);
    assert_int_equal(rate_parse("1000000/s", &rate), 0);
    assert_int_equal(rate.burst, RATE_MAX);
    assert_int_equal(rate_parse("off", &rate), 0);
    assert_int_equal(rate.per_second, 0);
    static const char *const wrong[] = {"",          "100",
                                        "/s",        "0/s",
                                        "-1/s",      "1.5/s",
                                        "100/m",     "100/s burst",
                                        "100/s x",   "100/s burst 0",
                                        "100/s 20",  "100/s burst 9x",
                                        "1000001/s", "99999999999999999999/s"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(rate_parse(wrong[i], &rate), -EINVAL);
}

static void take(struct rate_bucket *bucket, int count, int64_t now)
{
    while (count-- > 0)
        assert_int_equal(rate_take(&ten, bucket, now), RATE_FINE);
}

static void a_bucket_holds_its_burst(void **state)
{
    struct rate_bucket bucket = {0};

    (void)state;
    take(&bucket, 19, T0);
    assert_true(rate_allows(&ten, &bucket, T0));
    take(&bucket, 1, T0);
    assert_false(rate_allows(&ten, &bucket, T0));
}

static void an_empty_one_refills_at_the_rate(void **state)
{
    struct rate_bucket bucket = {0};

    (void)state;
    take(&bucket, 20, T0);
    assert_false(rate_allows(&ten, &bucket, T0 + 99));
    assert_true(rate_allows(&ten, &bucket, T0 + 100));
    take(&bucket, 1, T0 + 100);
    assert_false(rate_allows(&ten, &bucket, T0 + 199));
    take(&bucket, 20, T0 + 1000000); // never fuller than full
    assert_false(rate_allows(&ten, &bucket, T0 + 1000000));
}

// What comes out of an empty one, in one read, is paid later.
static void debt_is_paid(void **state)
{
    struct rate_bucket bucket = {0};

    (void)state;
    take(&bucket, 25, T0);
    assert_false(rate_allows(&ten, &bucket, T0 + 599));
    assert_true(rate_allows(&ten, &bucket, T0 + 600));
}

static void who_goes_on_is_told_and_closed(void **state)
{
    struct rate_bucket bucket = {0};

    (void)state;
    take(&bucket, 30, T0);
    take(&bucket, 1, T0 + 999);
    for (int64_t now = T0 + 1000; now < T0 + 5000; now += 100)
        assert_int_equal(rate_take(&ten, &bucket, now), now == T0 + 1000 ? RATE_TELL : RATE_FINE);
    assert_int_equal(rate_take(&ten, &bucket, T0 + 5000), RATE_CLOSE);
}

static void who_stops_in_time_is_forgiven(void **state)
{
    struct rate_bucket bucket = {0};

    (void)state;
    take(&bucket, 30, T0);
    take(&bucket, 1, T0 + 4000);
    take(&bucket, 30, T0 + 6000); // empty again, but it was calm in between
    assert_int_equal(rate_take(&ten, &bucket, T0 + 6999), RATE_FINE);
    assert_int_equal(rate_take(&ten, &bucket, T0 + 7000), RATE_TELL);
}

static void little_is_read_where_little_is_left(void **state)
{
    struct rate wide = {.per_second = 100, .burst = 2000};
    struct rate_bucket bucket = {0};
    struct rate off = {0};

    (void)state;
    assert_int_equal(rate_room(&off, &bucket, T0, 65536), 65536);
    assert_int_equal(rate_room(&wide, &bucket, T0, 65536), 12000);
    assert_int_equal(rate_room(&wide, &bucket, T0, 4096), 4096);
    for (int i = 0; i < 2500; i++)
        rate_take(&wide, &bucket, T0);
    assert_int_equal(rate_room(&wide, &bucket, T0, 65536), 512);
}

static void off_is_off(void **state)
{
    struct rate off = {0};
    struct rate_bucket bucket = {0};

    (void)state;
    for (int i = 0; i < 100000; i++)
        assert_int_equal(rate_take(&off, &bucket, T0), RATE_FINE);
    assert_true(rate_allows(&off, &bucket, T0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_people_write),
        cmocka_unit_test(a_bucket_holds_its_burst),
        cmocka_unit_test(an_empty_one_refills_at_the_rate),
        cmocka_unit_test(debt_is_paid),
        cmocka_unit_test(who_goes_on_is_told_and_closed),
        cmocka_unit_test(who_stops_in_time_is_forgiven),
        cmocka_unit_test(little_is_read_where_little_is_left),
        cmocka_unit_test(off_is_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
