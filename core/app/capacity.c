// SPDX-License-Identifier: MIT
// What the settings promise, and whether this machine can hold it.
#include "rowcast/capacity.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "rowcast/amount.h"
#include "rowcast/binding.h"
#include "rowcast/log.h"

#define KIB (INT64_C(1) << 10)
#define MIB (INT64_C(1) << 20)
#define PROGRAM (16 * MIB)       // code, libraries, buffers of its own
#define TRANSACTION (32 * MIB)   // the largest part of one that is kept at once
#define WORKER (2 * MIB)         // a thread's stack as far as it is touched, and what it reads into
#define IDLE_CLIENT (4 * KIB)    // three quarters of it are the kernel's: socket, descriptor
#define MESSAGE_PARSER (9 * KIB) // while bytes of a message are in flight
#define SOCKET_BUFFER (256 * KIB)   // the kernel's, of one that does not read
#define SUBSCRIPTION INT64_C(128)   // index entry on both sides, the topic's name shared
#define NO_LIMIT (INT64_C(1) << 60) // control groups write "max", or about 2^63

// ---- what the machine gives ----

void capacity_raise(struct capacity *capacity)
{
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    capacity->files_before = (int64_t)files.rlim_cur;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_NOFILE, &files);
    capacity->files = (int64_t)files.rlim_cur;
}

// The number in the file, -1 where there is none.
static int64_t read_number(const char *path)
{
    char text[32];
    int64_t number = -1;
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    if (!fgets(text, sizeof text, file) ||
        amount_parse_number(strtok(text, "\n") ? text : "", &number) != 0)
        number = -1;
    fclose(file);
    return number;
}

// Of the group at `path` below `root`, and of each around it.
static int64_t smallest_limit(const char *root, char *path, const char *name)
{
    int64_t least = -1;
    char file[1024];
    for (;;) {
        snprintf(file, sizeof file, "%s%s/%s", root, path, name);
        int64_t limit = read_number(file);
        if (limit > 0 && limit < NO_LIMIT && (least < 0 || limit < least))
            least = limit;
        char *slash = strrchr(path, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

// A line of /proc/self/cgroup: "0::/path" of the one hierarchy, "4:memory:/path" of the older kind.
static int64_t line_limit(const char *root, char *line)
{
    char *controllers = strchr(line, ':'),
         *path = controllers ? strchr(controllers + 1, ':') : NULL;
    char older[512];
    if (!path)
        return -1;
    *path++ = '\0';
    path[strcspn(path, "\n")] = '\0';
    if (controllers[1] == '\0')
        return smallest_limit(root, path, "memory.max");
    if (strcmp(controllers + 1, "memory") != 0)
        return -1;
    snprintf(older, sizeof older, "%s/memory", root);
    return smallest_limit(older, path, "memory.limit_in_bytes");
}

int64_t capacity_group_memory(const char *groups, const char *root)
{
    char line[512];
    int64_t least = -1;
    FILE *file = fopen(groups, "re");
    while (file && fgets(line, sizeof line, file)) {
        int64_t limit = line_limit(root, line);
        if (limit > 0 && (least < 0 || limit < least))
            least = limit;
    }
    if (file)
        fclose(file);
    return least;
}

void capacity_measure(struct capacity *capacity)
{
    int64_t machine = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    int64_t group = capacity_group_memory("/proc/self/cgroup", "/sys/fs/cgroup");
    capacity->grouped = group > 0 && group < machine;
    capacity->memory = capacity->grouped ? group : machine > 0 ? machine : -1;
    capacity->backlog = read_number("/proc/sys/net/core/somaxconn");
}

// ---- what the settings promise ----

struct capacity_need capacity_need(const struct settings *settings)
{
    struct capacity_need need = {0};
    int64_t script = (int64_t)settings_script_limits(settings).memory;
    bool chosen = settings_given(settings, "max_connections");
    // Two sets of scripts are there while they are reloaded.
    need.base =
        PROGRAM + TRANSACTION + 2 * script + settings->history / 3 * 4 + settings->workers * WORKER;
    need.idle = IDLE_CLIENT;
    need.worst = IDLE_CLIENT + SOCKET_BUFFER + MESSAGE_PARSER + settings->max_message +
                 settings->max_queue + settings->max_subscriptions * SUBSCRIPTION;
    need.usual = need.base + (chosen ? settings->max_connections * need.idle : 0);
    need.ceiling = need.base + settings->max_connections * need.worst;
    return need;
}

static void look_at_files(const struct capacity *capacity, const struct settings *settings,
                          char sentence[CAPACITY_SENTENCE])
{
    long long wanted = settings->max_connections + CAPACITY_SPARE_FILES;
    if (capacity->files >= wanted || !settings_given(settings, "max_connections"))
        return;
    snprintf(
        sentence, CAPACITY_SENTENCE,
        "max_connections = %lld needs %lld file descriptors, but the limit is %lld: newcomers beyond it are turned "
        "away. As a service: systemctl edit rowcast, with LimitNOFILE=%lld below [Service]; from a shell: ulimit -n %lld",
        (long long)settings->max_connections, wanted, (long long)capacity->files, wanted, wanted);
}

static void look_at_backlog(const struct capacity *capacity, char sentence[CAPACITY_SENTENCE])
{
    if (capacity->backlog < 0 || capacity->backlog >= BINDING_BACKLOG)
        return;
    snprintf(
        sentence, CAPACITY_SENTENCE,
        "the kernel lets %lld connections wait to be accepted where the router asks for %d: when many clients come back "
        "at once, some are refused and try again later. As root: sysctl -w net.core.somaxconn=%d",
        (long long)capacity->backlog, BINDING_BACKLOG, BINDING_BACKLOG);
}

static void look_at_memory(const struct capacity *capacity, const struct settings *settings,
                           char sentence[CAPACITY_SENTENCE])
{
    struct capacity_need need = capacity_need(settings);
    char wanted[AMOUNT_TEXT_SIZE], given[AMOUNT_TEXT_SIZE];
    if (capacity->memory < 0 || need.usual <= capacity->memory)
        return;
    amount_round_size(need.usual, wanted);
    amount_round_size(capacity->memory, given);
    int length = snprintf(
        sentence, CAPACITY_SENTENCE,
        "the settings add up to %s of memory (rowcast --print-config), but %s %s: ", wanted,
        capacity->grouped ? "the limit is" : "the machine has", given);
    if (capacity->grouped)
        snprintf(
            sentence + length, CAPACITY_SENTENCE - (size_t)length,
            "the kernel would end the router. As a service: systemctl set-property rowcast MemoryMax=%lldM; or lower "
            "history, lua_memory or max_connections",
            (long long)(need.usual / MIB + 1));
    else
        snprintf(sentence + length, CAPACITY_SENTENCE - (size_t)length,
                 "the kernel would end the router. Lower history, lua_memory or max_connections");
}

void capacity_each_lack(const struct capacity *capacity, const struct settings *settings,
                        void (*each)(void *user, const char *limit, const char *sentence),
                        void *user)
{
    static const char *const limits[] = {"files", "backlog", "memory"};
    char sentences[3][CAPACITY_SENTENCE] = {0};
    look_at_files(capacity, settings, sentences[0]);
    look_at_backlog(capacity, sentences[1]);
    look_at_memory(capacity, settings, sentences[2]);
    for (int i = 0; i < 3; i++)
        if (*sentences[i])
            each(user, limits[i], sentences[i]);
}

// ---- telling it ----

void capacity_print(const struct capacity *capacity, const struct settings *settings, FILE *out)
{
    struct capacity_need need = capacity_need(settings);
    long long clients = settings->max_connections;
    char base[AMOUNT_TEXT_SIZE], idle[AMOUNT_TEXT_SIZE], worst[AMOUNT_TEXT_SIZE];
    char all_idle[AMOUNT_TEXT_SIZE], ceiling[AMOUNT_TEXT_SIZE], memory[AMOUNT_TEXT_SIZE];
    amount_round_size(need.base, base);
    amount_round_size(need.idle, idle);
    amount_round_size(need.worst, worst);
    amount_round_size(need.base + clients * need.idle, all_idle);
    amount_round_size(need.ceiling, ceiling);
    amount_round_size(capacity->memory, memory);
    fprintf(
        out,
        "\n# Memory, estimated: %s without clients, of which history and lua_memory are what can be set.\n",
        base);
    fprintf(out, "#   %s with %lld idle clients (%s each)\n", all_idle, clients, idle);
    fprintf(
        out,
        "#   %s if all of them had all they may (%s each: max_queue, max_message, max_subscriptions)\n",
        ceiling, worst);
    if (capacity->memory > 0)
        fprintf(out, "#   %s is what %s\n", memory,
                capacity->grouped ? "the control group allows" : "the machine has");
    fprintf(out, "# Descriptors: %lld, of which %d are for others than clients.\n",
            (long long)capacity->files, CAPACITY_SPARE_FILES);
}

static void log_lack(void *unused, const char *limit, const char *sentence)
{
    (void)unused;
    log_write(LOG_WARN, "capacity_low", LOG_FIELDS(LOG_TEXT("limit", limit)), "%s", sentence);
}

void capacity_log(const struct capacity *capacity, const struct settings *settings)
{
    struct capacity_need need = capacity_need(settings);
    char base[AMOUNT_TEXT_SIZE];
    amount_round_size(need.base, base);
    log_write(LOG_INFO, "capacity",
              LOG_FIELDS(LOG_NUMBER("files_before", capacity->files_before),
                         LOG_NUMBER("files", capacity->files),
                         LOG_NUMBER("max_connections", settings->max_connections),
                         LOG_NUMBER("memory_bytes", capacity->memory),
                         LOG_NUMBER("base_bytes", need.base),
                         LOG_NUMBER("ceiling_bytes", need.ceiling)),
              "%s %lld descriptors, for %lld clients; %s of memory, and more with each client",
              capacity->files > capacity->files_before ? "raised to" : "there are",
              (long long)capacity->files, (long long)settings->max_connections, base);
    capacity_each_lack(capacity, settings, log_lack, NULL);
}
