// SPDX-License-Identifier: MIT
// The end of a script that cannot be stopped.
#include "rowcast/overrun.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rowcast/fault.h"
#include "rowcast/log.h"
#include "rowcast/memory.h"
#include "rowcast/watchdog.h"

#define LINE_SIZE 4096

struct overrun {
    char *path; // NULL: nothing is noted
    int64_t timeout;
    uint64_t hash; // of the scripts
    struct watchdog *watchdog;
};

// ---- the file ----

int overrun_read(const char *path, struct script *script)
{
    char line[LINE_SIZE], text[EVENT_ID_TEXT_SIZE];
    uint64_t hash;
    int count = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return errno == ENOENT ? 0 : -1;
    while (fgets(line, sizeof line, file)) {
        struct event_id id;
        if (sscanf(line, "%16" SCNx64 " %63s", &hash, text) != 2 || hash != script_hash(script) ||
            event_id_parse(text, strlen(text), &id) != 0)
            continue;
        script_skip(script, &id);
        count++;
    }
    fclose(file);
    return count;
}

int overrun_note(const char *path, uint64_t hash, const struct script_site *site)
{
    char line[LINE_SIZE], id[EVENT_ID_TEXT_SIZE];
    event_id_text(&site->id, id);
    int size = snprintf(line, sizeof line - 1, "%016" PRIx64 " %s %X/%X %s %s", hash, id,
                        (unsigned)(site->id.lsn >> 32), (unsigned)site->id.lsn, site->script,
                        site->table ? site->table : "-");
    size = size < LINE_SIZE - 1 ? size : LINE_SIZE - 2;
    line[size++] = '\n';
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                    S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
    if (file < 0)
        return -errno;
    ssize_t written = write(file, line, (size_t)size);
    int result = written < 0 ? -errno : written < size ? -ENOSPC : fsync(file) != 0 ? -errno : 0;
    close(file);
    return result;
}

// ---- the end ----

static void say_row(const struct overrun *overrun, const struct script_site *site)
{
    char lsn[32];
    int result = overrun->path ? overrun_note(overrun->path, overrun->hash, site) : 0;
    snprintf(lsn, sizeof lsn, "%X/%X", (unsigned)(site->id.lsn >> 32), (unsigned)site->id.lsn);
    log_write(
        LOG_ERROR, "script_unstoppable",
        LOG_FIELDS(LOG_TEXT("script", site->script),
                   LOG_TEXT("table", site->table ? site->table : ""), LOG_TEXT("lsn", lsn),
                   LOG_NUMBER("xid", site->id.xid), LOG_NUMBER("change", site->id.change)),
        "%s has been running for %lld ms at the row %u of LSN %s (%s) and cannot be stopped: the "
        "router ends. %s%s%s",
        site->script, (long long)overrun->timeout, site->id.change, lsn,
        site->table ? site->table : "a message",
        !overrun->path ? "Nothing is noted (skip = off): the next start runs the row again"
        : result == 0  ? "While the scripts are the same the next start passes the row by: "
                       : "The row could not be noted and will be run again: ",
        overrun->path ? overrun->path : "", result == 0 ? "" : strerror(-result));
}

static void say_call(const struct overrun *overrun, const struct script_site *site)
{
    log_write(
        LOG_ERROR, "script_unstoppable", LOG_FIELDS(LOG_TEXT("script", site->script)),
        "%s has been running for %lld ms for a client and cannot be stopped: the router ends. "
        "What the client asked for is not asked again by the router, but may be by the client: "
        "mend the script",
        site->script, (long long)overrun->timeout);
}

static void expire(void *user, const void *call)
{
    const struct overrun *overrun = user;
    const struct script_site *site = call;
    if (site->is_row)
        say_row(overrun, site);
    else
        say_call(overrun, site);
    log_drain();
    _exit(EXIT_INTERNAL);
}

// ---- the router's ----

static void check_writable(const char *path)
{
    char *copy = memory_text(path);
    bool exists = access(path, F_OK) == 0;
    if (access(exists ? path : dirname(copy), W_OK) != 0)
        log_write(
            LOG_WARN, "skip_not_writable", LOG_FIELDS(LOG_TEXT("file", path)),
            "%s cannot be written: %s. A row whose script cannot be stopped would end the router "
            "at each start; name a file with ROWCAST_SKIP (--skip FILE)",
            path, strerror(errno));
    free(copy);
}

struct overrun *overrun_new(const char *path, int64_t timeout)
{
    struct overrun *overrun = memory_new(sizeof *overrun);
    bool off = !path || strcmp(path, "off") == 0;
    overrun->path = off ? NULL : memory_text(path);
    overrun->timeout = timeout;
    overrun->watchdog = watchdog_start(timeout, expire, overrun);
    if (overrun->path)
        check_writable(overrun->path);
    return overrun;
}

void overrun_free(struct overrun *overrun)
{
    if (!overrun)
        return;
    watchdog_stop(overrun->watchdog);
    free(overrun->path);
    free(overrun);
}

void overrun_set_script(struct overrun *overrun, struct script *script)
{
    if (!overrun)
        return;
    overrun->hash = script_hash(script);
    int count = overrun->path ? overrun_read(overrun->path, script) : 0;
    if (count < 0)
        log_write(LOG_WARN, "skip_not_read", LOG_FIELDS(LOG_TEXT("file", overrun->path)),
                  "%s cannot be read: %s; no row is passed by", overrun->path, strerror(errno));
    if (count > 0)
        log_write(
            LOG_WARN, "rows_passed_by",
            LOG_FIELDS(LOG_TEXT("file", overrun->path), LOG_NUMBER("count", count)),
            "%d rows whose script could not be stopped are passed by while the scripts are the "
            "same (%s)",
            count, overrun->path);
    script_watch(script, overrun->watchdog);
}
