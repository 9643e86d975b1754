// SPDX-License-Identifier: MIT
// An address to listen on as people write it. Pure.
#ifndef ROWCAST_ADDRESS_H
#define ROWCAST_ADDRESS_H

#include <stdbool.h>

#define ADDRESS_HOST_SIZE 256

struct address {
    bool off;                     // nothing is listened on; the rest is empty
    bool every;                   // every address of the machine: `host` is empty
    char host[ADDRESS_HOST_SIZE]; // name or number, without brackets
    int port;                     // 0: a free one
};

// Reads HOST:PORT, [IPV6]:PORT, :PORT (every address), PORT (127.0.0.1) or "off". 0, or -EINVAL.
int address_parse(const char *text, struct address *address);

#endif
