// SPDX-License-Identifier: MIT
// Tests of arena.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/arena.h"

static void an_empty_arena_is_released_as_often_as_one_likes(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena);
    arena_release(&arena);
    arena_release(&arena);
    assert_null(arena.blocks);
    assert_int_equal(arena.size, 0);
}

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    struct piece {
        unsigned char *bytes;
        size_t size;
    } pieces[3000];
    struct arena arena;
    size_t sum = 0;

    (void)state;
    srand(2);
    arena_init(&arena);
    for (int i = 0; i < 3000; i++) {
        size_t size = (size_t)(rand() % 20 == 0 ? rand() % 100000 : rand() % 100);
        unsigned char *bytes = arena_new(&arena, size);

        assert_non_null(bytes);
        assert_int_equal((uintptr_t)bytes % _Alignof(max_align_t), 0);
        for (size_t at = 0; at < size; at++)
            assert_true(bytes[at] == 0);
        memset(bytes, i & 0xff, size);
        pieces[i] = (struct piece){bytes, size};
        sum += size;
    }
    for (int i = 0; i < 3000; i++)
        for (size_t at = 0; at < pieces[i].size; at++)
            assert_true(pieces[i].bytes[at] == (i & 0xff));
    assert_int_equal(arena.size, sum);
    arena_release(&arena);
}

static void copies_end_with_a_nul(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena);
    for (int i = 0; i < 1000; i++) {
        assert_string_equal(arena_copy(&arena, "abcdef", 3), "abc");
        assert_string_equal(arena_copy(&arena, NULL, 0), "");
    }
    arena_release(&arena);
}

static void an_arena_can_be_used_again(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena);
    arena_new(&arena, 100000);
    arena_release(&arena);
    assert_int_equal(arena.size, 0);
    assert_string_equal(arena_copy(&arena, "again", 5), "again");
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_arena_is_released_as_often_as_one_likes),
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(copies_end_with_a_nul),
        cmocka_unit_test(an_arena_can_be_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
