// SPDX-License-Identifier: MIT
// Tests of handshake.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rowcast/handshake.h"

static void the_key_of_the_rfc(void **state) // RFC 6455 section 1.3
{
    char accept[HANDSHAKE_ACCEPT_SIZE];

    (void)state;
    handshake_accept("dGhlIHNhbXBsZSBub25jZQ==", accept);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void the_key_need_not_end(void **state)
{
    const char key[] = {'x', '3', 'J', 'J', 'H', 'M', 'b', 'D', 'L', '1', 'E', 'z',
                        'L', 'k', 'h', '9', 'G', 'B', 'h', 'X', 'D', 'w', '=', '='};
    char accept[HANDSHAKE_ACCEPT_SIZE];

    (void)state;
    handshake_accept(key, accept);
    assert_string_equal(accept, "HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_of_the_rfc),
        cmocka_unit_test(the_key_need_not_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
