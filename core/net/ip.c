// SPDX-License-Identifier: MIT
// IP addresses: networks that are trusted, and the address a proxy names.
#include "rowcast/ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define V4_AT 12 // where the IPv4 form begins
#define V4_BITS 96
#define BITS 128

static const uint8_t v4_prefix[V4_AT] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool ip_is_v4(const struct ip *address)
{
    return memcmp(address->bytes, v4_prefix, V4_AT) == 0;
}

static int parse_plain(const char *text, struct ip *address)
{
    memcpy(address->bytes, v4_prefix, V4_AT);
    if (inet_pton(AF_INET, text, address->bytes + V4_AT) == 1 ||
        inet_pton(AF_INET6, text, address->bytes) == 1)
        return 0;
    return -EINVAL;
}

static bool is_port(const char *text)
{
    return *text == '\0' ||
           (*text == ':' && text[1] != '\0' && strspn(text + 1, "0123456789") == strlen(text + 1));
}

int ip_parse(struct http_text text, struct ip *address)
{
    char copy[IP_TEXT_SIZE + sizeof "[]:65535"], *end = NULL;

    if (text.size >= sizeof copy)
        return -EINVAL;
    memcpy(copy, text.at, text.size);
    copy[text.size] = '\0';
    if (strlen(copy) != text.size)
        return -EINVAL;
    if (copy[0] == '[') {
        end = strchr(copy, ']');
        if (end == NULL || !is_port(end + 1))
            return -EINVAL;
        *end = '\0';
        return parse_plain(copy + 1, address);
    }
    end = strchr(copy, ':');
    if (end != NULL && strchr(end + 1, ':') == NULL) { // one colon only: behind an IPv4 address
        if (!is_port(end))
            return -EINVAL;
        *end = '\0';
    }
    return parse_plain(copy, address);
}

void ip_text(const struct ip *address, char text[IP_TEXT_SIZE])
{
    if (ip_is_v4(address))
        inet_ntop(AF_INET, address->bytes + V4_AT, text, IP_TEXT_SIZE);
    else
        inet_ntop(AF_INET6, address->bytes, text, IP_TEXT_SIZE);
}

// ---- networks ----

static bool bit(const struct ip *address, unsigned number)
{
    return address->bytes[number / 8] >> (7 - number % 8) & 1;
}

static int parse_bits(const char *text, unsigned most, unsigned *bits)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || value > most)
        return -EINVAL;
    *bits = (unsigned)value;
    return 0;
}

int network_parse(const char *text, struct network *network)
{
    size_t size = strcspn(text, "/");
    char copy[IP_TEXT_SIZE];

    if (size >= sizeof copy)
        return -EINVAL;
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (parse_plain(copy, &network->address) < 0)
        return -EINVAL;
    bool v4 = strchr(copy, ':') == NULL;
    unsigned most = v4 ? BITS - V4_BITS : BITS, bits = most;
    if (text[size] == '/' && parse_bits(text + size + 1, most, &bits) < 0)
        return -EINVAL;
    network->bits = (uint8_t)(v4 ? V4_BITS + bits : bits);
    for (unsigned i = network->bits; i < BITS; i++) {
        if (bit(&network->address, i))
            return -EINVAL;
    }
    return 0;
}

bool network_has(const struct network *network, const struct ip *address)
{
    for (unsigned i = 0; i < network->bits; i++) {
        if (bit(&network->address, i) != bit(address, i))
            return false;
    }
    return true;
}

// ---- behind proxies ----

static bool is_trusted(const struct ip *address, const struct network *trusted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (network_has(&trusted[i], address))
            return true;
    }
    return false;
}

// Takes the last element off a list, as http_next does the first.
static bool take_last(struct http_text *list, struct http_text *element)
{
    static const char blanks[] = " \t";

    if (list->size == 0)
        return false;
    size_t from = list->size;
    while (from > 0 && list->at[from - 1] != ',')
        from--;
    *element = (struct http_text){list->at + from, list->size - from};
    list->size = from > 0 ? from - 1 : 0;
    while (element->size > 0 && strchr(blanks, element->at[0]) != NULL) {
        element->at++;
        element->size--;
    }
    while (element->size > 0 && strchr(blanks, element->at[element->size - 1]) != NULL)
        element->size--;
    return true;
}

void ip_forwarded(const struct http_request *request, const struct network *trusted, size_t count,
                  struct ip *address)
{
    struct http_text element;
    struct ip named;

    for (uint32_t i = request->header_count; i-- > 0;) {
        struct http_text list = request->headers[i].value;
        if (!http_is_like(request->headers[i].name, "X-Forwarded-For"))
            continue;
        while (is_trusted(address, trusted, count) && take_last(&list, &element)) {
            if (ip_parse(element, &named) < 0)
                return;
            *address = named;
        }
    }
}
