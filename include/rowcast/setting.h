// SPDX-License-Identifier: MIT
// One setting: all there is to say of it. Help, manual, example file, completion and the reading of values come from
// this one table. Everything in it lives for ever.
#ifndef ROWCAST_SETTING_H
#define ROWCAST_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETTING_MAX 96 // more than there are
#define SETTING_TEXT 160
#define SETTING_FLAG 48

enum setting_kind {
    SETTING_TEXT_VALUE,
    SETTING_ADDRESS,
    SETTING_NUMBER,
    SETTING_SIZE,
    SETTING_DURATION,
    SETTING_SWITCH,
    SETTING_CHOICE,
    SETTING_RATE,
    SETTING_ORIGINS,
    SETTING_NETWORKS,
    SETTING_LIST, // of config.lua alone
};

enum setting_group {
    SETTING_LISTENING,
    SETTING_SOURCE,
    SETTING_SCRIPTS,
    SETTING_HISTORY,
    SETTING_CLIENTS,
    SETTING_OPERATING,
};

struct setting {
    const char *key;
    const char *environment; // NULL: none
    enum setting_kind kind;
    enum setting_group group;
    const char *initial;      // NULL: none, or worked out at start
    const char *worked_out;   // the default for people, where `initial` is NULL; NULL: none
    size_t offset;            // in struct settings
    int64_t minimum, maximum; // of numbers, in the unit that is stored
    const char *words;        // of a choice: "a, b or c"; the value is the word's number
    bool secret, may_be_off;
    const char *example; // where the default is no value that could be written
    const char *help;    // one line, without its end
    const char *more;    // sentences: what it is for, and when to change it
};

size_t setting_count(void);
const struct setting *setting_at(size_t index);
int setting_find(const char *key); // its index, or -1

// "--log-level"
void setting_flag(const struct setting *setting, char flag[SETTING_FLAG]);

// What its values look like, as in "a size from 64KiB to 1TiB, or off"; "" where any text is one.
void setting_values(const struct setting *setting, char text[SETTING_TEXT]);

// Its default for people, or NULL.
const char *setting_default(const struct setting *setting);

const char *setting_group_name(enum setting_group group);

#endif
