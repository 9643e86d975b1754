// SPDX-License-Identifier: MIT
// Reads the settings, layer by layer.
#include "rowcast/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rowcast/address.h"
#include "rowcast/amount.h"
#include "rowcast/memory.h"
#include "rowcast/suggest.h"
#include "rowcast/upgrade.h"

enum kind { TEXT, ADDRESS, NUMBER, SIZE, DURATION, SWITCH, CHOICE, RATE, ORIGINS, NETWORKS, LIST };

enum layer { LAYER_DEFAULT, LAYER_SCRIPT, LAYER_FILE, LAYER_ENVIRONMENT, LAYER_FLAG, LAYER_COUNT };

struct setting {
    const char *key;
    const char *environment; // NULL: none
    enum kind kind;
    bool secret, may_be_off;
    const char *initial; // NULL: none, or worked out at start
    size_t offset;
    int64_t minimum, maximum; // of numbers, in the unit that is stored
    const char *help; // of a choice: the words, as "a, b or c"; the value is the word's number
};

#define AT(member) offsetof(struct settings, member)
#define GIB (1LL << 30)

static const struct setting table[] = {
    {"port", "WS_PORT", NUMBER, 0, 0, "4001", AT(port), 0, 65535,
     "port to listen on; 0 picks a free one"},
    {"host", "WS_HOST", TEXT, 0, 0, NULL, AT(host), 0, 0,
     "address to listen on (default: 0.0.0.0 and ::)"},
    {"log_level", "LOG_LEVEL", CHOICE, 0, 0, "info", AT(log_level), 0, 0,
     "debug, info, warn or error"},
    {"database", "DATABASE_URL", TEXT, 1, 0, NULL, AT(database), 0, 0,
     "PostgreSQL: libpq URI or keywords"},
    {"scripts", "ROWCAST_SCRIPTS", TEXT, 0, 0, NULL, AT(scripts), 0, 0,
     "script folder (default: ./scripts, else the installed ones)"},
    {"shadow", "ROWCAST_SHADOW", TEXT, 0, 0, NULL, AT(shadow), 0, 0,
     "folder of candidate scripts: run beside the live ones, compared, not delivered"},
    {"source", "ROWCAST_SOURCE", TEXT, 0, 0, "postgres", AT(source), 0, 0,
     "postgres, a file of recorded rows, or - for standard input"},
    {"workers", "ROWCAST_WORKERS", NUMBER, 0, 0, NULL, AT(workers), 1, 256,
     "I/O threads (default: cores)"},
    {"admin", "ROWCAST_ADMIN", ADDRESS, 0, 0, "127.0.0.1:4002", AT(admin), 0, 0,
     "HOST:PORT of /status and /metrics, :PORT on every address, or off; port 0: a free one"},
    {"slot", "ROWCAST_SLOT", TEXT, 0, 0, "rowcast", AT(slot), 0, 0, "replication slot"},
    {"publication", "ROWCAST_PUBLICATION", TEXT, 0, 0, "rowcast", AT(publication), 0, 0,
     "publication"},
    {"setup", "ROWCAST_SETUP", SWITCH, 0, 0, "off", AT(setup), 0, 0,
     "do 'db setup' before serving"},
    {"history", "ROWCAST_HISTORY", SIZE, 0, 0, "64MiB", AT(history), 65536, 1024 * GIB,
     "bytes of events kept for resuming"},
    {"history_time", "ROWCAST_HISTORY_TIME", DURATION, 0, 0, "10m", AT(history_time), 1000,
     7 * 86400000LL, "age of events kept for resuming"},
    {"replay_wal", "ROWCAST_REPLAY_WAL", SIZE, 0, 0, "256MiB", AT(replay_wal), 0, 1024 * GIB,
     "WAL kept behind the slot, so that a restart can refill the history"},
    {"slot_limit", "ROWCAST_SLOT_LIMIT", SIZE, 0, 0, "4GiB", AT(slot_limit), 1 << 20, 1024 * GIB,
     "WAL kept for the slot at which the router warns and is degraded"},
    {"recreate_slot", "ROWCAST_RECREATE_SLOT", SWITCH, 0, 0, "off", AT(recreate_slot), 0, 0,
     "make a lost slot anew; clients are told stream_reset"},
    {"snapshot_connections", "ROWCAST_SNAPSHOT_CONNECTIONS", NUMBER, 0, 0, "4",
     AT(snapshot_connections), 1, 100, "connections to the database for snapshots, at most"},
    {"snapshot_timeout", "ROWCAST_SNAPSHOT_TIMEOUT", DURATION, 0, 0, "10s", AT(snapshot_timeout),
     100, 3600000, "time for the queries of one snapshot"},
    {"heartbeat", "ROWCAST_HEARTBEAT", DURATION, 0, 1, "30s", AT(heartbeat), 100, 86400000,
     "ping interval, or off; two silent ones end a connection"},
    {"max_message", "ROWCAST_MAX_MESSAGE", SIZE, 0, 0, "16KiB", AT(max_message), 128, GIB,
     "largest client message"},
    {"max_fragments", "ROWCAST_MAX_FRAGMENTS", NUMBER, 0, 0, "1024", AT(max_fragments), 1, 16777216,
     "frames of one client message"},
    {"max_event", "ROWCAST_MAX_EVENT", SIZE, 0, 0, "256KiB", AT(max_event), 1024, GIB,
     "largest event; of a larger one its size is told"},
    {"max_queue", "ROWCAST_MAX_QUEUE", SIZE, 0, 0, "1MiB", AT(max_queue), 4096, GIB,
     "bytes waiting for one client"},
    {"max_connections", "ROWCAST_MAX_CONNECTIONS", NUMBER, 0, 0, NULL, AT(max_connections), 1,
     10000000, "clients at once, then 503 (default: from RLIMIT_NOFILE)"},
    {"max_connections_per_address", "ROWCAST_MAX_CONNECTIONS_PER_ADDRESS", NUMBER, 0, 1, "off",
     AT(max_connections_per_address), 1, 10000000, "then 429; IPv6 counts by /64"},
    {"max_subscriptions", "ROWCAST_MAX_SUBSCRIPTIONS", NUMBER, 0, 0, "1000", AT(max_subscriptions),
     1, 1000000, "topics of one client"},
    {"rate", "ROWCAST_RATE", RATE, 0, 1, "100/s burst 2000", AT(rate), 0, 0,
     "messages of one client, or off; more are read more slowly, in the end it is closed"},
    {"on_error", "ROWCAST_ON_ERROR", CHOICE, 0, 0, "skip", AT(on_error), 0, 0, "skip or hold"},
    {"failed", "ROWCAST_FAILED", TEXT, 0, 0, NULL, AT(failed), 0, 0,
     "file for the transactions of rows whose script failed"},
    {"drain", "ROWCAST_DRAIN", DURATION, 0, 0, "10s", AT(drain), 0, 3600000,
     "how long SIGTERM spreads its goodbyes"},
    {"take_over", "ROWCAST_TAKE_OVER", SWITCH, 0, 0, "off", AT(take_over), 0, 0,
     "share the port with the rowcast that has it, until that one is ended"},
    {"handshake_timeout", "ROWCAST_HANDSHAKE_TIMEOUT", DURATION, 0, 0, "10s", AT(handshake_timeout),
     100, 3600000, "time for the HTTP upgrade"},
    {"max_header", "ROWCAST_MAX_HEADER", SIZE, 0, 0, "16KiB", AT(max_header), 1024, 1 << 20,
     "bytes of the HTTP request"},
    {"deflate", "ROWCAST_DEFLATE", SWITCH, 0, 0, "off", AT(deflate), 0, 0,
     "permessage-deflate for clients that offer it"},
    {"origins", "ROWCAST_ORIGINS", ORIGINS, 0, 0, "any", AT(origins), 0, 0,
     "comma list of the Origins whose pages may connect"},
    {"trusted_proxies", "ROWCAST_TRUSTED_PROXIES", NETWORKS, 0, 0, "none", AT(trusted_proxies), 0,
     0, "comma list of networks whose X-Forwarded-For is believed"},
    {"lua_memory", "ROWCAST_LUA_MEMORY", SIZE, 0, 0, "16MiB", AT(lua_memory), 1 << 20, 2 * GIB,
     "memory of the script VM, beside four times max_message"},
    {"script_timeout", "ROWCAST_SCRIPT_TIMEOUT", DURATION, 0, 0, "1s", AT(script_timeout), 10,
     3600000, "processor time of one call of a script; half of it is where it is stopped"},
    {"skip", "ROWCAST_SKIP", TEXT, 0, 0, NULL, AT(skip), 0, 0,
     "file for the row whose script had to be ended with the router, or off (default: rowcast.skip)"},
    {"paths", NULL, LIST, 0, 0, NULL, AT(paths), 0, 0, "WebSocket paths (config.lua)"},
    {"protocols", NULL, LIST, 0, 0, NULL, AT(protocols), 0, 0,
     "WebSocket subprotocols (config.lua)"},
    {"conflate", NULL, LIST, 0, 0, NULL, AT(conflate), 0, 0,
     "event types of which a slow client gets the newest only (config.lua)"},
};

#define SETTING_COUNT (sizeof table / sizeof *table)

struct settings_layers {
    int argument_count; // what they were read from
    char **arguments;
    const struct settings_flag *flags;
    char *texts[LAYER_COUNT][SETTING_COUNT];
    char *flag_names[SETTING_COUNT]; // "--log-level"
    char *file;                      // of --config
    struct fault fault;              // the first failure inside a callback
    bool failed;
    char *lists[4 * SETTINGS_MAX_LIST]; // elements of lists
    int list_count;
};

static char *flag_of(const struct setting *setting)
{
    char *flag = memory_format("--%s", setting->key);
    for (char *at = flag; *at; at++)
        if (*at == '_')
            *at = '-';
    return flag;
}

static int find(const char *key)
{
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (strcmp(table[i].key, key) == 0)
            return (int)i;
    return -1;
}

static void set(struct settings *settings, enum layer layer, int setting, const char *text)
{
    char **place = &settings->layers->texts[layer][setting];
    free(*place);
    *place = memory_text(text);
}

// ---- values ----

static int parse_number(const struct setting *setting, const char *text, int64_t *number)
{
    int result = setting->kind == SIZE       ? amount_parse_size(text, number)
                 : setting->kind == DURATION ? amount_parse_duration(text, number)
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

static void write_amount(const struct setting *setting, int64_t value, char text[AMOUNT_TEXT_SIZE])
{
    if (setting->kind == SIZE)
        amount_format_size(value, text);
    else if (setting->kind == DURATION)
        amount_format_duration(value, text);
    else
        snprintf(text, AMOUNT_TEXT_SIZE, "%lld", (long long)value);
}

static int refuse_value(const struct setting *setting, const char *text, const char *origin,
                        struct fault *fault)
{
    static const char *const expected[] = {
        [SWITCH] = "on or off is expected",
        [ADDRESS] = "HOST:PORT (127.0.0.1:4002, [::1]:4002), :PORT, PORT or off is expected",
        [RATE] = "messages a second, such as 100/s burst 2000 (each at most 1000000), or off, are "
                 "expected",
        [ORIGINS] = "any, or at most 64 origins with commas between, such as https://example.com "
                    "(no path), are expected",
        [NETWORKS] = "none, or at most 64 networks with commas between, such as 10.0.0.0/8, are "
                     "expected",
        [LIST] = NULL,
    };
    char low[AMOUNT_TEXT_SIZE], high[AMOUNT_TEXT_SIZE];
    if (setting->kind == CHOICE)
        return fault_set(fault, EXIT_CONFIGURATION, "%s = %s (%s): %s is expected.", setting->key,
                         text, origin, setting->help);
    if (expected[setting->kind])
        return fault_set(fault, EXIT_CONFIGURATION, "%s = %s (%s): %s.", setting->key, text, origin,
                         expected[setting->kind]);
    write_amount(setting, setting->minimum, low);
    write_amount(setting, setting->maximum, high);
    return fault_set(fault, EXIT_CONFIGURATION, "%s = %s (%s): a %s from %s to %s is expected%s.",
                     setting->key, text, origin,
                     setting->kind == SIZE       ? "size (B, KiB, MiB, GiB)"
                     : setting->kind == DURATION ? "duration with its unit (ms, s, m, h)"
                                                 : "whole number",
                     low, high, setting->may_be_off ? ", or off" : "");
}

static int parse(struct settings *settings, const struct setting *setting, const char *text,
                 const char *origin, struct fault *fault)
{
    void *place = (char *)settings + setting->offset;
    struct address address;
    int result = 0;
    switch (setting->kind) {
    case TEXT:
        *(const char **)place = *text ? text : NULL;
        break;
    case ADDRESS:
        *(const char **)place = text;
        result = address_parse(text, &address);
        break;
    case RATE:
        result = rate_parse(text, place);
        break;
    case ORIGINS:
        result = parse_list(settings, setting, text, add_origin);
        break;
    case NETWORKS:
        result = parse_list(settings, setting, text, add_network);
        break;
    case CHOICE:
        result = parse_choice(setting->help, text, place);
        break;
    case SWITCH:
        result = parse_switch(text, place);
        break;
    default:
        if (setting->may_be_off && strcmp(text, "off") == 0)
            *(int64_t *)place = 0;
        else
            result = parse_number(setting, text, place);
    }
    return result == 0 ? 0 : refuse_value(setting, text, origin, fault);
}

// ---- where values come from ----

static const char *origin_of(const struct settings *settings, size_t i, enum layer layer)
{
    switch (layer) {
    case LAYER_FLAG:
        return settings->layers->flag_names[i];
    case LAYER_ENVIRONMENT:
        return table[i].environment;
    case LAYER_FILE:
        return settings->layers->file;
    case LAYER_SCRIPT:
        return "config.lua";
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

static int refuse_unknown(const char *word, const char *where, bool flag,
                          const struct settings *settings, const struct settings_flag *flags,
                          struct fault *fault)
{
    const char *names[SETTING_COUNT + 16];
    size_t count = 0;
    for (size_t i = 0; i < SETTING_COUNT; i++)
        names[count++] = flag ? settings->layers->flag_names[i] : table[i].key;
    for (; flag && flags && flags->name && count < SETTING_COUNT + 16; flags++)
        names[count++] = flags->name;
    const char *near = suggest(word, names, count);
    return fault_set(fault, flag ? EXIT_WRONG_USAGE : EXIT_CONFIGURATION,
                     "%s: there is no %s '%s'%s%s%s; 'rowcast --help' lists them all.", where,
                     flag ? "flag" : "setting", word, near ? "; did you mean '" : "",
                     near ? near : "", near ? "'?" : "");
}

// Adds to a list setting; the first call of a run replaces the default.
static int add_to_list(struct settings *settings, int setting, const char *value)
{
    const char **list = (const char **)((char *)settings + table[setting].offset);
    int count = 0;
    while (list[count])
        count++;
    if (count == SETTINGS_MAX_LIST)
        return -1;
    list[count] = keep(settings, memory_text(value));
    return 0;
}

// A list in config.lua comes element by element.
static void set_or_join(struct settings *settings, int setting, const char *value)
{
    const char *before = settings->layers->texts[LAYER_SCRIPT][setting];
    bool lists = table[setting].kind == ORIGINS || table[setting].kind == NETWORKS;
    char *joined = lists && before ? memory_format("%s,%s", before, value) : memory_text(value);
    set(settings, LAYER_SCRIPT, setting, joined);
    free(joined);
}

static void take_script_setting(void *user, const char *key, const char *value)
{
    struct settings *settings = user;
    struct settings_layers *layers = settings->layers;
    if (layers->failed)
        return;
    int setting = find(key);
    if (setting < 0)
        layers->failed =
            refuse_unknown(key, "config.lua", false, settings, NULL, &layers->fault) != 0;
    else if (table[setting].kind != LIST)
        set_or_join(settings, setting, value);
    else if (add_to_list(settings, setting, value) != 0)
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

static int read_line(struct settings *settings, char *line, int number, struct fault *fault)
{
    char where[600], *key = trim(line);
    if (*key == '\0' || *key == '#')
        return 0;
    snprintf(where, sizeof where, "%s:%d", settings->layers->file, number);
    char *equals = strchr(key, '=');
    if (!equals)
        return fault_set(fault, EXIT_CONFIGURATION, "%s: 'key = value' is expected.", where);
    *equals = '\0';
    key = trim(key);
    int setting = find(key);
    if (setting < 0 || table[setting].kind == LIST)
        return refuse_unknown(key, where, false, settings, NULL, fault);
    set(settings, LAYER_FILE, setting, trim(equals + 1));
    return 0;
}

static int read_file(struct settings *settings, struct fault *fault)
{
    char line[4096];
    int result = 0, number = 0;
    FILE *file = fopen(settings->layers->file, "re");
    if (!file)
        return fault_set(fault, EXIT_CONFIGURATION, "The settings file '%s' cannot be read: %s.",
                         settings->layers->file, strerror(errno));
    while (result == 0 && fgets(line, sizeof line, file))
        result = read_line(settings, line, ++number, fault);
    fclose(file);
    return result;
}

static int find_flag(const struct settings *settings, const char *argument, size_t size)
{
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (strlen(settings->layers->flag_names[i]) == size &&
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
    bool is_config = size == 8 && memcmp(argument, "--config", size) == 0;
    int setting = find_flag(settings, argument, size);
    const struct settings_flag *own = find_own_flag(flags, argument, size);
    if (own && own->given && !equals) {
        *own->given = true;
        return 1;
    }
    if (setting < 0 && !is_config && !(own && own->value)) {
        char *word = memory_copy(argument, size);
        refuse_unknown(word, "command line", true, settings, flags, fault);
        free(word);
        return -1;
    }
    const char *value = equals ? equals + 1 : NULL;
    if (!value && setting >= 0 && table[setting].kind == SWITCH) {
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
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const char *value = table[i].environment ? getenv(table[i].environment) : NULL;
        if (value && *value)
            set(settings, LAYER_ENVIRONMENT, (int)i, value);
    }
}

void settings_each_unknown(void (*each)(void *user, const char *name, const char *near), void *user)
{
    const char *names[SETTING_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (table[i].environment)
            names[count++] = table[i].environment;
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
    set(settings, LAYER_DEFAULT, find(key), text);
    free(text);
}

// systemd names a folder that outlives the process; there may be several, with colons between them.
static void set_skip(struct settings *settings)
{
    const char *folders = getenv("STATE_DIRECTORY");
    char *path = folders && *folders
                     ? memory_format("%.*s/rowcast.skip", (int)strcspn(folders, ":"), folders)
                     : memory_text("rowcast.skip");
    set(settings, LAYER_DEFAULT, find("skip"), path);
    free(path);
}

static void set_defaults(struct settings *settings)
{
    struct rlimit files = {.rlim_cur = 1024};
    struct stat status;
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (table[i].initial)
            set(settings, LAYER_DEFAULT, (int)i, table[i].initial);
    getrlimit(RLIMIT_NOFILE, &files);
    // Room beside the clients for listeners, the database and the script files.
    long long descriptors = files.rlim_cur > 10000000 ? 10000000 : (long long)files.rlim_cur;
    set_format(settings, "max_connections", descriptors > 128 ? descriptors - 64 : descriptors / 2);
    set_format(settings, "workers", sysconf(_SC_NPROCESSORS_ONLN));
    set_skip(settings);
    bool here = stat("scripts", &status) == 0 || stat(ROWCAST_SCRIPTS_INSTALLED, &status) != 0;
    set(settings, LAYER_DEFAULT, find("scripts"), here ? "scripts" : ROWCAST_SCRIPTS_INSTALLED);
}

static int parse_all(struct settings *settings, struct fault *fault)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        enum layer layer;
        const char *text = value_of(settings, i, &layer);
        if (text && table[i].kind != LIST &&
            parse(settings, &table[i], text, origin_of(settings, i, layer), fault) != 0)
            return -1;
    }
    return 0;
}

static int read_script_layer(struct settings *settings, struct fault *fault)
{
    enum layer layer;
    const char *folder = value_of(settings, (size_t)find("scripts"), &layer);
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
    for (size_t i = 0; i < SETTING_COUNT; i++)
        settings->layers->flag_names[i] = flag_of(&table[i]);
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
    for (size_t i = 0; i < SETTING_COUNT; i++)
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
    if (table[i].kind == LIST)
        return same_list((const char *const *)((const char *)one + table[i].offset),
                         (const char *const *)((const char *)other + table[i].offset));
    const char *left = value_of(one, i, &layer), *right = value_of(other, i, &layer);
    return strcmp(left ? left : "", right ? right : "") == 0;
}

void settings_each_changed(const struct settings *settings, const struct settings *old,
                           void (*each)(void *user, const char *key, const char *origin),
                           void *user)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        enum layer layer = LAYER_SCRIPT; // of lists
        if (same_value(settings, old, i))
            continue;
        if (table[i].kind != LIST)
            value_of(settings, i, &layer);
        each(user, table[i].key, origin_of(settings, i, layer));
    }
}

void settings_release(struct settings *settings)
{
    struct settings_layers *layers = settings->layers;
    if (!layers)
        return;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        free(layers->flag_names[i]);
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
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        enum layer layer;
        const char *text = value_of(settings, i, &layer);
        if (table[i].kind == LIST)
            continue;
        fprintf(out, "%-27s = %-24s # %s\n", table[i].key,
                text && table[i].secret ? "(hidden)"
                : text                  ? text
                                        : "",
                origin_of(settings, i, layer));
    }
}

void settings_help(FILE *out)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (table[i].kind == LIST)
            continue;
        char *flag = flag_of(&table[i]);
        fprintf(out, "  %-30s %-35s %s%s%s%s\n", flag, table[i].environment, table[i].help,
                table[i].initial ? " (" : "", table[i].initial ? table[i].initial : "",
                table[i].initial ? ")" : "");
        free(flag);
    }
}
