// SPDX-License-Identifier: MIT
// The settings while they are read. settings.c collects texts, settings_values.c makes values of them. Private to this room.
#ifndef ROWCAST_APP_SETTINGS_STATE_H
#define ROWCAST_APP_SETTINGS_STATE_H

#include "rowcast/setting.h"
#include "rowcast/settings.h"

#define SETTINGS_HIDDEN "(hidden)" // what --print-config shows of a secret

enum layer { LAYER_DEFAULT, LAYER_SCRIPT, LAYER_FILE, LAYER_ENVIRONMENT, LAYER_FLAG, LAYER_COUNT };

struct settings_layers {
    char *texts[LAYER_COUNT][SETTING_MAX];
    char flag_names[SETTING_MAX][SETTING_FLAG];
    int argument_count; // what they were read from
    char **arguments;
    const struct settings_flag *flags;
    char *file;                // of --config
    char *places[SETTING_MAX]; // where in it: "rowcast.conf:3"
    struct fault fault;        // the first failure inside a callback
    bool failed;
    char *lists[4 * SETTINGS_MAX_LIST]; // elements of lists
    int list_count;
};

// Makes a value of the text. -1 with a sentence that names `origin`.
int settings_take(struct settings *settings, const struct setting *setting, const char *text,
                  const char *origin, struct fault *fault);

// Adds to a list of config.lua; the first call replaces the default. -1: it is full.
int settings_add(struct settings *settings, const struct setting *setting, const char *text);

#endif
