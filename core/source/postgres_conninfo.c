// SPDX-License-Identifier: MIT
// Connection parameters.
#include "postgres_conninfo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

// The role's and the database's own settings would change how rows print.
#define SESSION_SETTINGS                                                                           \
    "-c datestyle=ISO -c intervalstyle=postgres -c timezone=UTC -c extra_float_digits=3 "          \
    "-c bytea_output=hex -c client_min_messages=warning"
// Frees the slot soon after a router falls silent; the default of 60 s is the time to take over.
#define WALSENDER_SETTINGS " -c wal_sender_timeout=5s"

static int find(const struct conninfo *info, const char *keyword)
{
    for (int i = 0; i < info->count; i++)
        if (strcmp(info->keywords[i], keyword) == 0)
            return i;
    return -1;
}

const char *conninfo_get(const struct conninfo *info, const char *keyword)
{
    int i = find(info, keyword);
    return i < 0 ? NULL : info->values[i];
}

void conninfo_set(struct conninfo *info, const char *keyword, const char *value)
{
    int i = find(info, keyword);
    if (i < 0 && info->count == CONNINFO_MAX)
        return; // libpq has no so many keywords
    if (i < 0) {
        i = info->count++;
        info->keywords[i] = memory_text(keyword);
    }
    char *copy = memory_text(value);
    free(info->values[i]);
    info->values[i] = copy;
}

void conninfo_copy(struct conninfo *copy, const struct conninfo *info)
{
    *copy = (struct conninfo){0};
    for (int i = 0; i < info->count; i++)
        conninfo_set(copy, info->keywords[i], info->values[i]);
}

void conninfo_release(struct conninfo *info)
{
    for (int i = 0; i < info->count; i++) {
        free(info->keywords[i]);
        free(info->values[i]);
    }
    *info = (struct conninfo){0};
}

static bool is_uri(const char *database)
{
    return strncmp(database, "postgres://", 11) == 0 || strncmp(database, "postgresql://", 13) == 0;
}

static int refuse(struct fault *fault, const char *why)
{
    return fault_set(
        fault, EXIT_CONFIGURATION,
        "DATABASE_URL (--database) cannot be understood: %s. It looks like "
        "postgres://USER:PASSWORD@HOST:5432/DATABASE or \"host=... dbname=...\"; in the "
        "first form, write these characters of a password as %%XX: / %%2F, @ %%40, "
        ": %%3A, # %%23, ? %%3F, %% %%25.",
        why);
}

// libpq's own message quotes the part it stumbled over, which may be the password.
static int refuse_syntax(struct fault *fault, const char *message)
{
    static const char *const reasons[][2] = {
        {"percent-encoded", "a % in it is not followed by two hexadecimal digits"},
        {"query parameter", "it has an unknown or unfinished parameter behind the ?"},
        {"missing \"=\"", "in \"keyword=value\" form, a keyword has no ="},
        {"invalid connection option", "it has an unknown keyword"},
        {"unterminated quoted", "a quote in it is not closed"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (message && strstr(message, reasons[i][0]))
            return refuse(fault, reasons[i][1]);
    return refuse(fault, "it is neither a URI nor keywords");
}

// A / or @ in the password of a URI splits it over host, port and database name: say so instead of
// connecting somewhere and quoting it.
static int check_split(const struct conninfo *info, bool uri, struct fault *fault)
{
    const char *host = conninfo_get(info, "host");
    const char *port = conninfo_get(info, "port");
    const char *database = conninfo_get(info, "dbname");
    if (port && strspn(port, "0123456789,") != strlen(port))
        return refuse(fault, "its port is not a number");
    if (uri && ((host && strchr(host, '@')) || (database && strchr(database, '@'))))
        return refuse(fault, "it has more than one @");
    return 0;
}

static int parse(struct conninfo *info, const char *database, struct fault *fault)
{
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(database, &message);
    if (!options) {
        int result = refuse_syntax(fault, message);
        PQfreemem(message);
        return result;
    }
    for (const PQconninfoOption *option = options; option->keyword; option++)
        if (option->val)
            conninfo_set(info, option->keyword, option->val);
    PQconninfoFree(options);
    return check_split(info, is_uri(database), fault);
}

// Ours come last and win.
static void add_settings(struct conninfo *info, bool replication)
{
    const char *given = conninfo_get(info, "options");
    if (!given)
        given = getenv("PGOPTIONS");
    char *options = memory_format("%s%s%s%s", given ? given : "", given ? " " : "",
                                  SESSION_SETTINGS, replication ? WALSENDER_SETTINGS : "");
    conninfo_set(info, "options", options);
    free(options);
    conninfo_set(info, "client_encoding", "UTF8");
    conninfo_set(info, "fallback_application_name", "rowcast");
    if (replication)
        conninfo_set(info, "replication", "database");
    if (!conninfo_get(info, "connect_timeout")) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%d", CONNINFO_CONNECT_SECONDS);
        conninfo_set(info, "connect_timeout", seconds);
    }
}

int conninfo_init(struct conninfo *info, const char *database, bool replication,
                  struct fault *fault)
{
    *info = (struct conninfo){0};
    if (parse(info, database, fault) < 0) {
        conninfo_release(info);
        return -1;
    }
    add_settings(info, replication);
    return 0;
}

long conninfo_connect_milliseconds(const struct conninfo *info)
{
    long seconds = strtol(conninfo_get(info, "connect_timeout"), NULL, 10);
    return (seconds > 0 ? seconds : CONNINFO_CONNECT_SECONDS) * 1000;
}
