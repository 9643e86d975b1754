// SPDX-License-Identifier: MIT
// Tests of core/app/setting.c: the table is complete, and its names go together.
#include "rowcast/setting.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void every_setting_is_explained(void **state)
{
    (void)state;
    for (size_t i = 0; i < setting_count(); i++) {
        const struct setting *setting = setting_at(i);
        size_t size = strlen(setting->help);
        assert_true(size > 0 && setting->help[size - 1] != '.');
        if (setting->kind == SETTING_LIST)
            continue;
        size = strlen(setting->more);
        assert_true(size > 0 && setting->more[size - 1] == '.');
        assert_true(setting->initial || setting->example);
    }
}

static void a_variable_has_the_words_of_its_key(void **state)
{
    static const char *const others[] = {"WS_PORT", "WS_HOST", "LOG_LEVEL", "DATABASE_URL"};
    char name[64];
    (void)state;
    for (size_t i = 0; i < setting_count(); i++) {
        const struct setting *setting = setting_at(i);
        bool other = setting->kind == SETTING_LIST;
        for (size_t j = 0; !other && j < sizeof others / sizeof *others; j++)
            other = strcmp(setting->environment, others[j]) == 0;
        snprintf(name, sizeof name, "ROWCAST_%s", setting->key);
        for (char *at = name; *at; at++)
            *at = (char)toupper((unsigned char)*at);
        if (!other)
            assert_string_equal(setting->environment, name);
    }
}

static void settings_of_a_group_stand_together(void **state)
{
    (void)state;
    for (size_t i = 1; i < setting_count(); i++)
        assert_true(setting_at(i)->group >= setting_at(i - 1)->group);
}

static void flags_and_values_are_spelled(void **state)
{
    char flag[SETTING_FLAG], values[SETTING_TEXT];
    (void)state;
    const struct setting *heartbeat = setting_at((size_t)setting_find("heartbeat"));
    const struct setting *history = setting_at((size_t)setting_find("history_time"));
    setting_flag(history, flag);
    assert_string_equal(flag, "--history-time");
    setting_values(heartbeat, values);
    assert_string_equal(values, "a duration with its unit (ms, s, m, h) from 100ms to 24h, or off");
    assert_int_equal(setting_find("histroy"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_is_explained),
        cmocka_unit_test(a_variable_has_the_words_of_its_key),
        cmocka_unit_test(settings_of_a_group_stand_together),
        cmocka_unit_test(flags_and_values_are_spelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
