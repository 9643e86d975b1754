// SPDX-License-Identifier: MIT
// Makes values of the settings' texts, or sentences that refuse them.
#include "settings_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/address.h"
#include "rowcast/amount.h"
#include "rowcast/memory.h"
#include "rowcast/upgrade.h"

static int parse_number(const struct setting *setting, const char *text, int64_t *number)
{
    int result = setting->kind == SETTING_SIZE       ? amount_parse_size(text, number)
                 : setting->kind == SETTING_DURATION ? amount_parse_duration(text, number)
                                                     : amount_parse_number(text, number);
    return result < 0 || *number < setting->minimum || *number > setting->maximum ? -1 : 0;
}

static int parse_switch(const char *text, int64_t *number)
{
    *number = strcmp(text, "on") == 0 || strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    return *number || strcmp(text, "off") == 0 || strcmp(text, "false") == 0 ||
                   strcmp(text, "0") == 0
               ? 0
               : -1;
}

// "skip or hold": which word it is.
static int parse_choice(const char *words, const char *text, int64_t *number)
{
    size_t size = strlen(text);
    *number = 0;
    while (*words) {
        size_t word = strcspn(words, ", ");
        if (word == size && memcmp(words, text, size) == 0)
            return 0;
        words += word;
        words += strncmp(words, " or ", 4) == 0 ? 4 : strspn(words, ", ");
        ++*number;
    }
    return -1;
}

// ---- comma lists ----

// Keeps a text for as long as the settings live.
static const char *keep(struct settings *settings, char *text)
{
    struct settings_layers *layers = settings->layers;
    layers->lists[layers->list_count++] = text;
    return text;
}

static int add_origin(struct settings *settings, size_t count, const char *text)
{
    if (!upgrade_is_origin(text))
        return -1;
    settings->origins[count] = keep(settings, memory_text(text));
    return 0;
}

static int add_network(struct settings *settings, size_t count, const char *text)
{
    settings->trusted_proxies.count = count + 1;
    return network_parse(text, &settings->trusted_proxies.items[count]);
}

// Calls `add` for each element, of which there is at least one; for none where the text is the default.
static int parse_list(struct settings *settings, const struct setting *setting, const char *text,
                      int (*add)(struct settings *settings, size_t count, const char *text))
{
    if (strcmp(text, setting->initial) == 0)
        return 0;
    char *copy = memory_text(text), *rest = NULL;
    size_t count = 0;
    int result = 0;
    for (char *one = strtok_r(copy, ", \t", &rest); one && result == 0;
         one = strtok_r(NULL, ", \t", &rest))
        result = count < SETTINGS_MAX_LIST ? add(settings, count++, one) : -1;
    free(copy);
    return count > 0 ? result : -1;
}

static int refuse(const struct setting *setting, const char *text, const char *origin,
                  struct fault *fault)
{
    char values[SETTING_TEXT];
    setting_values(setting, values);
    return fault_set(fault, EXIT_CONFIGURATION, "%s = %s (%s): %s is expected.", setting->key, text,
                     origin, values);
}

int settings_take(struct settings *settings, const struct setting *setting, const char *text,
                  const char *origin, struct fault *fault)
{
    void *place = (char *)settings + setting->offset;
    struct address address;
    int result = 0;
    if (setting->secret && strcmp(text, SETTINGS_HIDDEN) == 0)
        return fault_set(fault, EXIT_CONFIGURATION,
                         "%s (%s): %s stands for a value that --print-config does not show; write "
                         "the value itself.",
                         setting->key, origin, text);
    switch (setting->kind) {
    case SETTING_TEXT_VALUE:
        *(const char **)place = *text ? text : NULL;
        break;
    case SETTING_ADDRESS:
        *(const char **)place = text;
        result = address_parse(text, &address);
        break;
    case SETTING_RATE:
        result = rate_parse(text, place);
        break;
    case SETTING_ORIGINS:
        result = parse_list(settings, setting, text, add_origin);
        break;
    case SETTING_NETWORKS:
        result = parse_list(settings, setting, text, add_network);
        break;
    case SETTING_CHOICE:
        result = parse_choice(setting->words, text, place);
        break;
    case SETTING_SWITCH:
        result = parse_switch(text, place);
        break;
    default:
        if (setting->may_be_off && strcmp(text, "off") == 0)
            *(int64_t *)place = 0;
        else
            result = parse_number(setting, text, place);
    }
    return result == 0 ? 0 : refuse(setting, text, origin, fault);
}

int settings_add(struct settings *settings, const struct setting *setting, const char *text)
{
    const char **list = (const char **)((char *)settings + setting->offset);
    int count = 0;
    while (list[count])
        count++;
    if (count == SETTINGS_MAX_LIST)
        return -1;
    list[count] = keep(settings, memory_text(text));
    return 0;
}
