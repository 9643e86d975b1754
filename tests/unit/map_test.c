// SPDX-License-Identifier: MIT
// Tests of map.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rowcast/map.h"

static void an_empty_map_has_nothing(void **state)
{
    struct map map;

    (void)state;
    map_init(&map);
    assert_null(map_get(&map, "a", 1));
    assert_null(map_get(&map, NULL, 0));
    assert_false(map_remove(&map, "a", 1));
    map_release(&map);
    map_release(&map);
}

static void keys_are_bytes_and_copied(void **state)
{
    struct map map;
    char key[] = "a\0b";

    (void)state;
    map_init(&map);
    map_put(&map, key, 3, 1);
    map_put(&map, key, 1, 2);
    map_put(&map, NULL, 0, 3);
    memset(key, 'x', sizeof key);
    assert_int_equal(map.count, 3);
    assert_int_equal(*map_get(&map, "a\0b", 3), 1);
    assert_int_equal(*map_get(&map, "a", 1), 2);
    assert_int_equal(*map_get(&map, "", 0), 3);
    assert_null(map_get(&map, "a\0c", 3));
    map_release(&map);
}

static void a_second_put_replaces_and_the_pointer_writes(void **state)
{
    struct map map;

    (void)state;
    map_init(&map);
    map_put(&map, "k", 1, 1);
    map_put(&map, "k", 1, UINT64_MAX);
    assert_int_equal(map.count, 1);
    assert_true(*map_get(&map, "k", 1) == UINT64_MAX);
    *map_get(&map, "k", 1) = 7;
    assert_int_equal(*map_get(&map, "k", 1), 7);
    assert_true(map_remove(&map, "k", 1));
    assert_false(map_remove(&map, "k", 1));
    assert_int_equal(map.count, 0);
    map_release(&map);
}

static void a_walk_meets_every_value_once(void **state)
{
    bool seen[1000] = {false};
    size_t position = 0, met = 0;
    struct map map;

    (void)state;
    map_init(&map);
    assert_null(map_next(&map, &position));
    for (int i = 0; i < 1000; i++)
        map_put(&map, &i, sizeof i, (uint64_t)i);
    for (uint64_t *value; (value = map_next(&map, &position)) != NULL; met++) {
        assert_false(seen[*value]);
        seen[*value] = true;
    }
    assert_int_equal(met, 1000);
    assert_null(map_next(&map, &position));
    map_release(&map);
}

static void hashes_are_the_same_within_the_process_and_spread(void **state)
{
    int buckets[256] = {0};

    (void)state;
    for (int i = 0; i < 256 * 100; i++) {
        char key[16];
        int size = snprintf(key, sizeof key, "market-%d", i);

        assert_true(map_hash(key, (size_t)size) == map_hash(key, (size_t)size));
        buckets[map_hash(key, (size_t)size) & 255]++;
    }
    for (int i = 0; i < 256; i++)
        assert_in_range(buckets[i], 40, 180); // 100 on average, 10 its deviation
    assert_true(map_hash("a", 1) != map_hash("a\0", 2));
    assert_true(map_hash("12345678", 8) != map_hash("12345678\0", 9));
}

// ---- against a list that is searched from end to end ----

#define KEYS 400

static void it_does_what_a_naive_map_does(void **state)
{
    static struct {
        bool there;
        uint64_t value;
    } naive[KEYS];
    unsigned seed = (unsigned)time(NULL);
    size_t count = 0;
    struct map map;

    (void)state;
    srand(seed);
    map_init(&map);
    for (int step = 0; step < 300000; step++) {
        // The share of removals swings, so that the map fills and empties.
        bool removing = rand() % 100 < (step / 10000 % 2 == 0 ? 30 : 70);
        int at = rand() % KEYS;
        char key[16];
        size_t size = (size_t)snprintf(key, sizeof key, "%x", at * 7919);
        uint64_t *value = map_get(&map, key, size);

        if ((value != NULL) != naive[at].there || (value != NULL && *value != naive[at].value))
            fail_msg("seed %u, step %d: key %s differs", seed, step, key);
        if (removing) {
            assert_int_equal(map_remove(&map, key, size), naive[at].there);
            count -= naive[at].there;
            naive[at].there = false;
        } else {
            uint64_t fresh = (uint64_t)rand();
            map_put(&map, key, size, fresh);
            count += !naive[at].there;
            naive[at].there = true;
            naive[at].value = fresh;
        }
        if (map.count != count || map.count * 4 > map.capacity * 3)
            fail_msg("seed %u, step %d: count %zu, expected %zu", seed, step, map.count, count);
    }
    map_release(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_has_nothing),
        cmocka_unit_test(keys_are_bytes_and_copied),
        cmocka_unit_test(a_second_put_replaces_and_the_pointer_writes),
        cmocka_unit_test(a_walk_meets_every_value_once),
        cmocka_unit_test(hashes_are_the_same_within_the_process_and_spread),
        cmocka_unit_test(it_does_what_a_naive_map_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
