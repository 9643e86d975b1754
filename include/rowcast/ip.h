// SPDX-License-Identifier: MIT
// IP addresses: networks that are trusted, and the address a proxy names. Pure.
#ifndef ROWCAST_IP_H
#define ROWCAST_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowcast/http.h"

#define IP_BYTES 16
#define IP_TEXT_SIZE 46 // INET6_ADDRSTRLEN

// IPv4 stands in its IPv6 form, ::ffff:a.b.c.d: there is one way to write each.
struct ip {
    uint8_t bytes[IP_BYTES];
};

struct network {
    struct ip address;
    uint8_t bits; // of the IPv6 form
};

// "10.0.0.1", "::1"; with a port "10.0.0.1:80", "[::1]:80". 0, or -EINVAL.
int ip_parse(struct http_text text, struct ip *address);
bool ip_is_v4(const struct ip *address);
// The usual text; IPv4 with dots.
void ip_text(const struct ip *address, char text[IP_TEXT_SIZE]);

// "10.0.0.0/8", "fd00::/8", or an address alone. 0, or -EINVAL, also where bits behind the prefix are set.
int network_parse(const char *text, struct network *network);
bool network_has(const struct network *network, const struct ip *address);

// Replaces the peer's address by the right-most one of X-Forwarded-For that is in none of the `count`
// networks, as far as those behind it are; by the left-most where all are. What is no address ends
// the search.
void ip_forwarded(const struct http_request *request, const struct network *trusted, size_t count,
                  struct ip *address);

#endif
