// SPDX-License-Identifier: MIT
// Reads the settings, layer by layer.
#include "settings_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rowcast/capacity.h"
#include "rowcast/memory.h"
#include "rowcast/suggest.h"

#define SCRIPT_LAYER "config.lua"
#define CONFIG_FLAG "--config"
#define MAX_LINE 16384 // bytes of the settings file

static void set(struct settings *settings, enum layer layer, int setting, const char *text)
{
    char **place = &settings->layers->texts[layer][setting];
    free(*place);
    *place = memory_text(text);
}

// ---- where values come from ----

static const char *origin_of(const struct settings *settings, size_t i, enum layer layer)
{
    switch (layer) {
    case LAYER_FLAG:
        return settings->layers->flag_names[i];
    case LAYER_ENVIRONMENT:
        return setting_at(i)->environment;
    case LAYER_FILE:
        return settings->layers->places[i];
    case LAYER_SCRIPT:
        return SCRIPT_LAYER;
    default:
        return "default";
    }
}

static const char *value_of(const struct settings *settings, size_t i, enum layer *layer)
{
    for (int at = LAYER_COUNT - 1; at >= 0; at--)
        if (settings->layers->texts[at][i]) {
            *layer = (enum layer)at;
            return settings->layers->texts[at][i];
        }
    *layer = LAYER_DEFAULT;
    return NULL;
}

static int refuse_unknown(const char *word, const char *where, enum layer layer,
                          const struct settings *settings, const struct settings_flag *flags,
                          struct fault *fault)
{
    const char *names[SETTING_MAX + 16];
    bool flag = layer == LAYER_FLAG;
    size_t count = 0;
    for (size_t i = 0; i < setting_count(); i++)
        if (setting_at(i)->kind != SETTING_LIST || layer == LAYER_SCRIPT)
            names[count++] = flag ? settings->layers->flag_names[i] : setting_at(i)->key;
    if (flag)
        names[count++] = CONFIG_FLAG;
    for (; flags && flags->name && count < SETTING_MAX + 16; flags++)
        names[count++] = flags->name;
    const char *near = suggest(word, names, count);
    return fault_set(fault, flag ? EXIT_WRONG_USAGE : EXIT_CONFIGURATION,
                     "%s: there is no %s '%s'%s%s%s; 'rowcast --help' lists them all.", where,
                     flag ? "flag" : "setting", word, near ? "; did you mean '" : "",
                     near ? near : "", near ? "'?" : "");
}

// A list in config.lua comes element by element.
static void set_or_join(struct settings *settings, int setting, const char *value)
{
    const char *before = settings->layers->texts[LAYER_SCRIPT][setting];
    bool lists = setting_at((size_t)setting)->kind == SETTING_ORIGINS ||
                 setting_at((size_t)setting)->kind == SETTING_NETWORKS;
    char *joined = lists && before ? memory_format("%s,%s", before, value) : memory_text(value);
    set(settings, LAYER_SCRIPT, setting, joined);
    free(joined);
}

static int refuse_script_setting(struct settings *settings, const char *key, int line)
{
    enum layer layer; // the folder's
    char *where = memory_format("%s/config.lua:%d",
                                value_of(settings, (size_t)setting_find("scripts"), &layer), line);
    int result = refuse_unknown(key, where, LAYER_SCRIPT, settings, NULL, &settings->layers->fault);
    free(where);
    return result;
}

static void take_script_setting(void *user, const char *key, const char *value, int line)
{
    struct settings *settings = user;
    struct settings_layers *layers = settings->layers;
    if (layers->failed)
        return;
    int setting = setting_find(key);
    if (setting < 0)
        layers->failed = refuse_script_setting(settings, key, line) != 0;
    else if (setting_at((size_t)setting)->kind != SETTING_LIST)
        set_or_join(settings, setting, value);
    else if (settings_add(settings, setting_at((size_t)setting), value) != 0)
        layers->failed =
            fault_set(&layers->fault, EXIT_CONFIGURATION,
                      "config.lua: '%s' has more than %d entries.", key, SETTINGS_MAX_LIST) != 0;
}

static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t size = strlen(text);
    while (size > 0 && strchr(" \t\r\n", text[size - 1]))
        text[--size] = '\0';
    return text;
}

// A # begins a comment where a word could begin: not within a URI or a password.
static void cut_comment(char *line)
{
    for (char *at = strchr(line, '#'); at; at = strchr(at + 1, '#'))
        if (at == line || at[-1] == ' ' || at[-1] == '\t') {
            *at = '\0';
            return;
        }
}

static int read_line(struct settings *settings, char *line, int number, struct fault *fault)
{
    char where[600];
    cut_comment(line);
    char *key = trim(line);
    if (*key == '\0')
        return 0;
    snprintf(where, sizeof where, "%s:%d", settings->layers->file, number);
    char *equals = strchr(key, '=');
    if (!equals)
        return fault_set(fault, EXIT_CONFIGURATION, "%s: 'key = value' is expected.", where);
    *equals = '\0';
    key = trim(key);
    int setting = setting_find(key);
    if (setting < 0 || setting_at((size_t)setting)->kind == SETTING_LIST)
        return refuse_unknown(key, where, LAYER_FILE, settings, NULL, fault);
    set(settings, LAYER_FILE, setting, trim(equals + 1));
    free(settings->layers->places[setting]);
    settings->layers->places[setting] = memory_text(where);
    return 0;
}

static int read_lines(struct settings *settings, FILE *file, struct fault *fault)
{
    char line[MAX_LINE];
    int result = 0, number = 0;
    while (result == 0 && fgets(line, sizeof line, file)) {
        number++;
        if (strlen(line) == sizeof line - 1)
            return fault_set(fault, EXIT_CONFIGURATION, "%s:%d: the line is longer than %d bytes.",
                             settings->layers->file, number, MAX_LINE - 2);
        result = read_line(settings, line, number, fault);
    }
    if (result == 0 && ferror(file))
        result = fault_set(fault, EXIT_CONFIGURATION, "The settings file '%s' cannot be read: %s.",
                           settings->layers->file, strerror(errno));
    return result;
}

static int read_file(struct settings *settings, struct fault *fault)
{
    FILE *file = fopen(settings->layers->file, "re");
    if (!file)
        return fault_set(fault, EXIT_CONFIGURATION, "The settings file '%s' cannot be read: %s.",
                         settings->layers->file, strerror(errno));
    int result = read_lines(settings, file, fault);
    fclose(file);
    return result;
}

static int find_flag(const struct settings *settings, const char *argument, size_t size)
{
    for (size_t i = 0; i < setting_count(); i++)
        if (setting_at(i)->kind != SETTING_LIST &&
            strlen(settings->layers->flag_names[i]) == size &&
            memcmp(settings->layers->flag_names[i], argument, size) == 0)
            return (int)i;
    return -1;
}

static const struct settings_flag *find_own_flag(const struct settings_flag *flags,
                                                 const char *argument, size_t size)
{
    for (; flags && flags->name; flags++)
        if (strlen(flags->name) == size && memcmp(flags->name, argument, size) == 0)
            return flags;
    return NULL;
}

static void take_value(struct settings *settings, int setting, const struct settings_flag *own,
                       const char *value)
{
    if (own) {
        *own->value = value;
    } else if (setting >= 0) {
        set(settings, LAYER_FLAG, setting, value);
    } else {
        free(settings->layers->file);
        settings->layers->file = memory_text(value);
    }
}

// One flag, "--port=1" or "--port" "1". Returns how many arguments it took, or -1.
static int take_flag(struct settings *settings, char **arguments, int left,
                     const struct settings_flag *flags, struct fault *fault)
{
    const char *argument = arguments[0], *equals = strchr(argument, '=');
    size_t size = equals ? (size_t)(equals - argument) : strlen(argument);
    bool is_config = size == strlen(CONFIG_FLAG) && memcmp(argument, CONFIG_FLAG, size) == 0;
    int setting = find_flag(settings, argument, size);
    const struct settings_flag *own = find_own_flag(flags, argument, size);
    if (own && own->given && !equals) {
        *own->given = true;
        return 1;
    }
    if (setting < 0 && !is_config && !(own && own->value)) {
        char *word = memory_copy(argument, size);
        refuse_unknown(word, "command line", LAYER_FLAG, settings, flags, fault);
        free(word);
        return -1;
    }
    const char *value = equals ? equals + 1 : NULL;
    if (!value && setting >= 0 && setting_at((size_t)setting)->kind == SETTING_SWITCH) {
        set(settings, LAYER_FLAG, setting, "on");
        return 1;
    }
    if (!value && left < 2)
        return fault_set(fault, EXIT_WRONG_USAGE, "%s needs a value: %s VALUE.", argument,
                         argument);
    take_value(settings, setting, own, value ? value : arguments[1]);
    return value ? 1 : 2;
}

static int read_arguments(struct settings *settings, int count, char **arguments,
                          const struct settings_flag *flags, const char **operands, int limit,
                          struct fault *fault)
{
    int operand = 0;
    for (int i = 0; i < count;) {
        bool is_flag = arguments[i][0] == '-' && arguments[i][1] != '\0';
        if (!is_flag && operand == limit)
            return fault_set(fault, EXIT_WRONG_USAGE, "'%s' is one argument too many.",
                             arguments[i]);
        if (!is_flag) {
            operands[operand++] = arguments[i++];
            continue;
        }
        int taken = take_flag(settings, arguments + i, count - i, flags, fault);
        if (taken < 0)
            return -1;
        i += taken;
    }
    return 0;
}

static void read_environment(struct settings *settings)
{
    for (size_t i = 0; i < setting_count(); i++) {
        const char *value = setting_at(i)->environment ? getenv(setting_at(i)->environment) : NULL;
        if (value && *value)
            set(settings, LAYER_ENVIRONMENT, (int)i, value);
    }
}

void settings_each_unknown(void (*each)(void *user, const char *name, const char *near), void *user)
{
    const char *names[SETTING_MAX];
    size_t count = 0;
    for (size_t i = 0; i < setting_count(); i++)
        if (setting_at(i)->environment)
            names[count++] = setting_at(i)->environment;
    for (char **at = environ; *at; at++) {
        if (strncmp(*at, "ROWCAST_", strlen("ROWCAST_")) != 0)
            continue;
        char *name = memory_copy(*at, strcspn(*at, "="));
        bool known = false;
        for (size_t i = 0; i < count; i++)
            known |= strcmp(names[i], name) == 0;
        if (!known)
            each(user, name, suggest(name, names, count));
        free(name);
    }
}

// ---- defaults that depend on the machine ----

static void set_format(struct settings *settings, const char *key, long long value)
{
    char *text = memory_format("%lld", value);
    set(settings, LAYER_DEFAULT, setting_find(key), text);
    free(text);
}

// systemd names a folder that outlives the process; there may be several, with colons between them.
static void set_skip(struct settings *settings)
{
    const char *folders = getenv("STATE_DIRECTORY");
    char *path = folders && *folders
                     ? memory_format("%.*s/rowcast.skip", (int)strcspn(folders, ":"), folders)
                     : memory_text("rowcast.skip");
    set(settings, LAYER_DEFAULT, setting_find("skip"), path);
    free(path);
}

static void set_defaults(struct settings *settings)
{
    struct rlimit files = {.rlim_cur = 1024};
    struct stat status;
    for (size_t i = 0; i < setting_count(); i++)
        if (setting_at(i)->initial)
            set(settings, LAYER_DEFAULT, (int)i, setting_at(i)->initial);
    getrlimit(RLIMIT_NOFILE, &files);
    long long descriptors = files.rlim_cur > 10000000 ? 10000000 : (long long)files.rlim_cur;
    set_format(settings, "max_connections",
               descriptors > 128 ? descriptors - CAPACITY_SPARE_FILES : descriptors / 2);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    long long most = setting_at((size_t)setting_find("workers"))->maximum;
    set_format(settings, "workers", cores > most ? most : cores);
    set_skip(settings);
    bool here = stat("scripts", &status) == 0 || stat(ROWCAST_SCRIPTS_INSTALLED, &status) != 0;
    set(settings, LAYER_DEFAULT, setting_find("scripts"),
        here ? "scripts" : ROWCAST_SCRIPTS_INSTALLED);
}

static int parse_all(struct settings *settings, struct fault *fault)
{
    for (size_t i = 0; i < setting_count(); i++) {
        enum layer layer;
        const char *text = value_of(settings, i, &layer);
        if (text && setting_at(i)->kind != SETTING_LIST &&
            settings_take(settings, setting_at(i), text, origin_of(settings, i, layer), fault) != 0)
            return -1;
    }
    return 0;
}

static int read_script_layer(struct settings *settings, struct fault *fault)
{
    enum layer layer;
    const char *folder = value_of(settings, (size_t)setting_find("scripts"), &layer);
    if (access(folder, R_OK) == 0 &&
        script_config(folder, take_script_setting, settings, fault) != 0)
        return -1;
    if (settings->layers->failed) {
        *fault = settings->layers->fault;
        return -1;
    }
    if (!settings->paths[0]) {
        settings->paths[0] = "/";
        settings->paths[1] = "/ws";
    }
    return 0;
}

static void begin(struct settings *settings, int argument_count, char **arguments,
                  const struct settings_flag *flags)
{
    memset(settings, 0, sizeof *settings);
    settings->layers = memory_new(sizeof *settings->layers);
    settings->layers->argument_count = argument_count;
    settings->layers->arguments = arguments;
    settings->layers->flags = flags;
    for (size_t i = 0; i < setting_count(); i++)
        setting_flag(setting_at(i), settings->layers->flag_names[i]);
}

// All layers above the defaults.
static int read_layers(struct settings *settings, const char **operands, int operand_limit,
                       struct fault *fault)
{
    const struct settings_layers *layers = settings->layers;
    read_environment(settings);
    if (read_arguments(settings, layers->argument_count, layers->arguments, layers->flags, operands,
                       operand_limit, fault) != 0)
        return -1;
    if (settings->layers->file && read_file(settings, fault) != 0)
        return -1;
    if (read_script_layer(settings, fault) != 0)
        return -1;
    return parse_all(settings, fault);
}

int settings_read(struct settings *settings, int argument_count, char **arguments,
                  const struct settings_flag *flags, const char **operands, int operand_limit,
                  struct fault *fault)
{
    begin(settings, argument_count, arguments, flags);
    set_defaults(settings);
    return read_layers(settings, operands, operand_limit, fault);
}

// What depends on the machine stays as it was.
int settings_reread(struct settings *settings, const struct settings *old, struct fault *fault)
{
    const struct settings_layers *layers = old->layers;
    begin(settings, layers->argument_count, layers->arguments, layers->flags);
    for (size_t i = 0; i < setting_count(); i++)
        if (layers->texts[LAYER_DEFAULT][i])
            set(settings, LAYER_DEFAULT, (int)i, layers->texts[LAYER_DEFAULT][i]);
    return read_layers(settings, NULL, 0, fault);
}

static bool same_list(const char *const *one, const char *const *other)
{
    while (*one && *other && strcmp(*one, *other) == 0)
        one++, other++;
    return !*one && !*other;
}

static bool same_value(const struct settings *one, const struct settings *other, size_t i)
{
    enum layer layer;
    if (setting_at(i)->kind == SETTING_LIST)
        return same_list((const char *const *)((const char *)one + setting_at(i)->offset),
                         (const char *const *)((const char *)other + setting_at(i)->offset));
    const char *left = value_of(one, i, &layer), *right = value_of(other, i, &layer);
    return strcmp(left ? left : "", right ? right : "") == 0;
}

void settings_each_changed(const struct settings *settings, const struct settings *old,
                           void (*each)(void *user, const char *key, const char *origin),
                           void *user)
{
    for (size_t i = 0; i < setting_count(); i++) {
        enum layer layer = LAYER_SCRIPT; // of lists
        if (same_value(settings, old, i))
            continue;
        if (setting_at(i)->kind != SETTING_LIST)
            value_of(settings, i, &layer);
        each(user, setting_at(i)->key, origin_of(settings, i, layer));
    }
}

void settings_release(struct settings *settings)
{
    struct settings_layers *layers = settings->layers;
    if (!layers)
        return;
    for (size_t i = 0; i < setting_count(); i++) {
        free(layers->places[i]);
        for (int layer = 0; layer < LAYER_COUNT; layer++)
            free(layers->texts[layer][i]);
    }
    for (int i = 0; i < layers->list_count; i++)
        free(layers->lists[i]);
    free(layers->file);
    free(layers);
    settings->layers = NULL;
}

struct script_limits settings_script_limits(const struct settings *settings)
{
    return (struct script_limits){
        .memory = (size_t)(settings->lua_memory + 4 * settings->max_message),
        .max_event = (size_t)settings->max_event,
        .timeout = settings->script_timeout,
    };
}

void settings_print(const struct settings *settings, FILE *out)
{
    for (size_t i = 0; i < setting_count(); i++) {
        enum layer layer;
        const char *text = value_of(settings, i, &layer);
        if (setting_at(i)->kind == SETTING_LIST)
            continue;
        fprintf(out, "%-27s = %-24s # %s\n", setting_at(i)->key,
                text && setting_at(i)->secret ? SETTINGS_HIDDEN
                : text                        ? text
                                              : "",
                origin_of(settings, i, layer));
    }
}

bool settings_given(const struct settings *settings, const char *key)
{
    enum layer layer;
    value_of(settings, (size_t)setting_find(key), &layer);
    return layer != LAYER_DEFAULT;
}
