// SPDX-License-Identifier: MIT
// Tests of roster.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rowcast/roster.h"

// The roster never looks inside a client.
static struct client *named(char *letter)
{
    return (struct client *)(void *)letter;
}

static void clients_stand_where_they_were_put(void **state)
{
    struct roster roster;
    char a, b, c;

    (void)state;
    roster_init(&roster);
    assert_null(roster_at(&roster, (struct client_ref){0}));
    roster_put(&roster, (struct client_ref){.worker = 2, .slot = 700}, named(&a));
    roster_put(&roster, (struct client_ref){.worker = 0, .slot = 0}, named(&b));
    roster_put(&roster, (struct client_ref){.worker = 2, .slot = 1}, named(&c));
    assert_ptr_equal(roster_at(&roster, (struct client_ref){.worker = 2, .slot = 700}), &a);
    assert_ptr_equal(roster_at(&roster, (struct client_ref){.worker = 0, .slot = 0}), &b);
    assert_null(roster_at(&roster, (struct client_ref){.worker = 1, .slot = 0}));
    assert_null(roster_at(&roster, (struct client_ref){.worker = 2, .slot = 100000}));
    assert_null(roster_at(&roster, (struct client_ref){.worker = 3, .slot = 0}));
    roster_put(&roster, (struct client_ref){.worker = 2, .slot = 700}, NULL);
    assert_null(roster_at(&roster, (struct client_ref){.worker = 2, .slot = 700}));
    roster_release(&roster);
}

static void a_walk_meets_everybody_once(void **state)
{
    struct roster roster;
    struct client_ref at = {0};
    struct client *client;
    char letters[300] = {0};
    int met = 0;

    (void)state;
    roster_init(&roster);
    assert_null(roster_next(&roster, &at));
    for (uint32_t i = 0; i < 300; i++)
        roster_put(&roster, (struct client_ref){.worker = i % 3, .slot = i}, named(&letters[i]));
    at = (struct client_ref){0};
    while ((client = roster_next(&roster, &at)) != NULL) {
        char *letter = (char *)client;
        assert_int_equal(*letter, 0);
        *letter = 1;
        uint32_t i = (uint32_t)(letter - letters);
        roster_put(&roster, (struct client_ref){.worker = i % 3, .slot = i}, NULL);
        met++;
    }
    assert_int_equal(met, 300);
    roster_release(&roster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_stand_where_they_were_put),
        cmocka_unit_test(a_walk_meets_everybody_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
