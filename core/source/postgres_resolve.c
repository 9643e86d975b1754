// SPDX-License-Identifier: MIT
// Host names to addresses, one after the other, on libuv's threads.
#include "postgres_resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

#define LIST_MAX 16384

static const char *parameter(const struct conninfo *info, const char *keyword,
                             const char *environment)
{
    const char *value = conninfo_get(info, keyword);
    return value ? value : getenv(environment);
}

static bool is_name(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    return host[0] != '\0' && host[0] != '/' && host[0] != '@' &&
           inet_pton(AF_INET, host, address) != 1 && inet_pton(AF_INET6, host, address) != 1;
}

bool postgres_resolve_needed(const struct conninfo *info)
{
    const char *hosts = parameter(info, "host", "PGHOST");
    if (!hosts || parameter(info, "hostaddr", "PGHOSTADDR"))
        return false;
    bool needed = false;
    char *list = memory_text(hosts);
    for (char *rest = list; rest;)
        needed |= is_name(strsep(&rest, ","));
    free(list);
    return needed;
}

// ---- the lists that come out ----

static void append_item(struct buffer *list, int count, const char *item)
{
    if (count > 0)
        buffer_append_byte(list, ',');
    buffer_append_text(list, item);
}

static void add(struct postgres_resolve *resolve, const char *address)
{
    append_item(&resolve->names, resolve->count, resolve->host);
    append_item(&resolve->addresses, resolve->count, address);
    append_item(&resolve->numbers, resolve->count, resolve->port);
    resolve->count++;
}

static void add_all(struct postgres_resolve *resolve, const struct addrinfo *found)
{
    for (; found; found = found->ai_next) {
        char address[INET6_ADDRSTRLEN + 16]; // with a scope
        if (getnameinfo(found->ai_addr, found->ai_addrlen, address, sizeof address, NULL, 0,
                        NI_NUMERICHOST) == 0)
            add(resolve, address);
    }
}

static void set_list(struct conninfo *info, const char *keyword, struct buffer *list)
{
    buffer_append_byte(list, '\0');
    conninfo_set(info, keyword, list->bytes);
}

static void finish(struct postgres_resolve *resolve)
{
    if (resolve->count > 0) {
        set_list(resolve->info, "host", &resolve->names);
        set_list(resolve->info, "hostaddr", &resolve->addresses);
        if (resolve->ports) // else the default, for all
            set_list(resolve->info, "port", &resolve->numbers);
    }
    buffer_release(&resolve->names);
    buffer_release(&resolve->addresses);
    buffer_release(&resolve->numbers);
    free(resolve->hosts);
    free(resolve->ports);
    resolve->done(resolve->user, resolve->count > 0 ? NULL : resolve->failure);
}

// ---- one host after the other ----

// The list of ports is as long as that of hosts, or has one entry for all.
static const char *take_port(struct postgres_resolve *resolve)
{
    if (!resolve->next_port)
        return resolve->port;
    return strsep(&resolve->next_port, ",");
}

static void proceed(struct postgres_resolve *resolve);

static void on_addresses(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct postgres_resolve *resolve = request->data;
    resolve->busy = false;
    if (status == 0)
        add_all(resolve, found);
    else
        snprintf(resolve->failure, sizeof resolve->failure,
                 "the host name \"%.128s\" cannot be resolved (%s)", resolve->host,
                 uv_strerror(status));
    uv_freeaddrinfo(found);
    proceed(resolve);
}

static bool look_up(struct postgres_resolve *resolve)
{
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    resolve->request.data = resolve;
    int status =
        uv_getaddrinfo(resolve->loop, &resolve->request, on_addresses, resolve->host, NULL, &hints);
    resolve->busy = status == 0;
    if (status < 0)
        snprintf(resolve->failure, sizeof resolve->failure, "the host name \"%.128s\" is none (%s)",
                 resolve->host, uv_strerror(status));
    return resolve->busy;
}

static void proceed(struct postgres_resolve *resolve)
{
    while (resolve->next_host) {
        resolve->host = strsep(&resolve->next_host, ",");
        resolve->port = take_port(resolve);
        if (!is_name(resolve->host))
            add(resolve, "");
        else if (look_up(resolve))
            return;
    }
    finish(resolve);
}

void postgres_resolve_start(struct postgres_resolve *resolve, uv_loop_t *loop,
                            struct conninfo *info, postgres_resolved *done, void *user)
{
    *resolve = (struct postgres_resolve){.loop = loop, .info = info, .done = done, .user = user};
    resolve->hosts = memory_text(parameter(info, "host", "PGHOST"));
    resolve->ports = memory_text(parameter(info, "port", "PGPORT"));
    resolve->next_host = resolve->hosts;
    resolve->next_port = resolve->ports;
    resolve->port = "";
    buffer_init(&resolve->names, LIST_MAX);
    buffer_init(&resolve->addresses, LIST_MAX);
    buffer_init(&resolve->numbers, LIST_MAX);
    proceed(resolve);
}
