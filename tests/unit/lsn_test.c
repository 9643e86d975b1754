// SPDX-License-Identifier: MIT
// Tests of core/base/lsn.c.
#include "rowcast/lsn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void reads_positions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t lsn;
    } cases[] = {{"0/0", 0},
                 {"0/16B3748", 0x16B3748},
                 {"0/16b3748", 0x16B3748},
                 {"1/10", 0x100000010},
                 {"00000001/00000010", 0x100000010},
                 {"FFFFFFFF/FFFFFFFF", UINT64_MAX}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t lsn = 7;
        assert_int_equal(lsn_parse(cases[i].text, &lsn), 0);
        assert_true(lsn == cases[i].lsn);
    }
}

static void refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",      "0",    "/",           "0/",          "/0",   "0/G",  "0/1 ",  " 0/1",
        "0x1/2", "-1/0", "0/123456789", "123456789/0", "0/1/", "0//1", "0/1\n", "+0/1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint64_t lsn;
        assert_true(lsn_parse(texts[i], &lsn) < 0);
    }
}

static void a_page_begins_with_its_head(void **state)
{
    (void)state;
    assert_true(lsn_before_page_head(0x2000, 8192) == 0x2000);
    assert_true(lsn_before_page_head(0x2018, 8192) == 0x2000);
    assert_true(lsn_before_page_head(0x1000028, 8192) == 0x1000000); // a segment's first page
    assert_true(lsn_before_page_head(0x2030, 8192) == 0x2030);
    assert_true(lsn_before_page_head(0x3FFF, 8192) == 0x3FFF);
    assert_true(lsn_before_page_head(0x2018, 0) == 0x2018);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_positions),
        cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(a_page_begins_with_its_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
