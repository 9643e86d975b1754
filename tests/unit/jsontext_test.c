// SPDX-License-Identifier: MIT
// Tests of core/base/jsontext.c
#include "rowcast/jsontext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct jsontext whole(const char *text)
{
    return jsontext_value(text, text + strlen(text));
}

// The members as "key=value;", elements as "value;".
static void expect(const char *text, const char *expected)
{
    char seen[512] = "";
    struct jsontext_walk walk;
    jsontext_walk(&walk, whole(text));
    while (jsontext_next(&walk)) {
        size_t size = strlen(seen);
        snprintf(seen + size, sizeof seen - size, "%.*s%s%.*s;", (int)walk.key.size,
                 walk.key.size ? walk.key.at : "", walk.object ? "=" : "", (int)walk.value.size,
                 walk.value.at);
    }
    assert_string_equal(seen, expected);
}

static void it_walks_objects(void **state)
{
    (void)state;
    expect("{}", "");
    expect("{\"a\":1}", "\"a\"=1;");
    expect("{\"a\":1,\"b\":\"x\",\"c\":null}", "\"a\"=1;\"b\"=\"x\";\"c\"=null;");
    expect(" { \"a\" : -1.5e3 ,\n\"b\"\t:[ 1, {\"c\":2} ] } ",
           "\"a\"=-1.5e3;\"b\"=[ 1, {\"c\":2} ];");
}

static void it_walks_arrays(void **state)
{
    (void)state;
    expect("[]", "");
    expect("[ ]", "");
    expect("[1,[2,3],{},\"\"]", "1;[2,3];{};\"\";");
}

static void it_knows_what_is_inside_strings(void **state)
{
    (void)state;
    expect("{\"a\\\"]}\":\"}\\\\\",\"b\":\"[\\\"\"}", "\"a\\\"]}\"=\"}\\\\\";\"b\"=\"[\\\"\";");
    expect("[[\"]\\\"]\"],1]", "[\"]\\\"]\"];1;");
}

static void it_finds_members(void **state)
{
    (void)state;
    struct jsontext value;
    struct jsontext object = whole("{\"a\":{\"b\":1},\"b\":2}");
    assert_true(jsontext_member(object, whole("\"b\""), &value));
    assert_true(jsontext_equal(value, whole("2")));
    assert_false(jsontext_member(object, whole("\"c\""), &value));
    assert_true(jsontext_is_object(object));
    assert_true(jsontext_is_array(whole(" []")));
    assert_false(jsontext_is_array(whole("7")));
}

// What is cut short is walked up to there.
static void it_stays_inside(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,\"\\";
    struct jsontext_walk walk;
    for (size_t size = 1; size < sizeof text; size++) {
        jsontext_walk(&walk, jsontext_value(text, text + size));
        for (int i = 0; i < 8 && jsontext_next(&walk); i++)
            assert_true(walk.value.at + walk.value.size <= text + size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_walks_objects),
        cmocka_unit_test(it_walks_arrays),
        cmocka_unit_test(it_knows_what_is_inside_strings),
        cmocka_unit_test(it_finds_members),
        cmocka_unit_test(it_stays_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
