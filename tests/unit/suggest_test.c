// SPDX-License-Identifier: MIT
// Tests of suggest.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rowcast/suggest.h"

static const char *const words[] = {"port",    "host",    "history", "history-time", "database",
                                    "origins", "scripts", "slot",    "rate",         "market_id"};

static const char *near(const char *word)
{
    return suggest(word, words, sizeof words / sizeof *words);
}

static void slips_are_recognised(void **state)
{
    (void)state;
    assert_string_equal(near("prot"), "port");                 // swapped
    assert_string_equal(near("pot"), "port");                  // left out
    assert_string_equal(near("portt"), "port");                // put in
    assert_string_equal(near("scripps"), "scripts");           // changed
    assert_string_equal(near("databse"), "database");          // left out
    assert_string_equal(near("hsitory"), "history");           // swapped
    assert_string_equal(near("histroy_time"), "history-time"); // two slips
    assert_string_equal(near("marketId"), "market_id");
}

static void case_does_not_count(void **state)
{
    (void)state;
    assert_string_equal(near("DATABASE"), "database");
    assert_string_equal(near("Histry"), "history");
    assert_string_equal(near("port"), "port");
}

static void what_is_far_is_not_suggested(void **state)
{
    (void)state;
    assert_null(near("xyz"));
    assert_null(near("colour"));
    assert_null(near("data"));
    assert_null(near(""));
    assert_null(near("p"));
}

static void one_letter_is_never_replaced_by_another(void **state)
{
    (void)state;
    assert_null(suggest("x", (const char *const[]){"y"}, 1));
    assert_null(suggest("x", (const char *const[]){""}, 1));
    assert_string_equal(suggest("xy", (const char *const[]){"xz"}, 1), "xz");
}

static void the_nearest_wins_and_the_first_of_equals(void **state)
{
    const char *const trades[] = {"tirades", "trades", "traders"};
    const char *const equals[] = {"cart", "card"};

    (void)state;
    assert_string_equal(suggest("trade", trades, 3), "trades");
    assert_string_equal(suggest("carx", equals, 2), "cart");
}

static void no_candidates_no_suggestion(void **state)
{
    (void)state;
    assert_null(suggest("port", NULL, 0));
}

static void very_long_words_are_left_alone(void **state)
{
    char word[5000];
    const char *const candidates[] = {word, "port"};

    (void)state;
    memset(word, 'p', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    assert_null(suggest(word, candidates, 2));
    assert_string_equal(suggest("porz", candidates, 2), "port");
    word[64] = '\0';
    assert_ptr_equal(suggest(word, candidates, 2), word);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slips_are_recognised),
        cmocka_unit_test(case_does_not_count),
        cmocka_unit_test(what_is_far_is_not_suggested),
        cmocka_unit_test(one_letter_is_never_replaced_by_another),
        cmocka_unit_test(the_nearest_wins_and_the_first_of_equals),
        cmocka_unit_test(no_candidates_no_suggestion),
        cmocka_unit_test(very_long_words_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
