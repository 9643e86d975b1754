// SPDX-License-Identifier: MIT
// An address to listen on as people write it.
#include "rowcast/address.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "rowcast/amount.h"

#define LOOPBACK "127.0.0.1"

static int take_port(const char *text, struct address *address)
{
    int64_t port;
    if (amount_parse_number(text, &port) != 0 || port < 0 || port > 65535)
        return -EINVAL;
    address->port = (int)port;
    return 0;
}

static int take_host(const char *text, size_t size, struct address *address)
{
    if (size == 0 || size >= sizeof address->host || memchr(text, ' ', size))
        return -EINVAL;
    memcpy(address->host, text, size);
    return 0;
}

// "[::1]:4002"
static int parse_bracketed(const char *text, struct address *address)
{
    const char *end = strstr(text, "]:");
    if (!end || take_host(text + 1, (size_t)(end - text - 1), address) != 0)
        return -EINVAL;
    return take_port(end + 2, address);
}

int address_parse(const char *text, struct address *address)
{
    *address = (struct address){0};
    if (strcmp(text, "off") == 0) {
        address->off = true;
        return 0;
    }
    if (*text == '[')
        return parse_bracketed(text, address);
    const char *colon = strchr(text, ':');
    if (!colon) {
        strcpy(address->host, LOOPBACK);
        return take_port(text, address);
    }
    if (strchr(colon + 1, ':')) // IPv6 without brackets: where the port begins is a guess
        return -EINVAL;
    address->every = colon == text;
    if (!address->every && take_host(text, (size_t)(colon - text), address) != 0)
        return -EINVAL;
    return take_port(colon + 1, address);
}
