// SPDX-License-Identifier: MIT
// Whether a request is a WebSocket handshake, and what is agreed.
#include "rowcast/upgrade.h"

#include <string.h>

#include "rowcast/extension.h"
#include "rowcast/handshake.h"

#define SWITCHING_PROTOCOLS 101
#define BAD_REQUEST 400
#define UPGRADE_REQUIRED 426

static bool is_base64_byte(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

// 16 bytes in base64: 22 characters and two of padding.
static bool is_key(struct http_text key)
{
    if (key.size != HANDSHAKE_KEY_SIZE)
        return false;
    for (size_t i = 0; i < HANDSHAKE_KEY_SIZE - 2; i++) {
        if (!is_base64_byte(key.at[i]))
            return false;
    }
    return key.at[HANDSHAKE_KEY_SIZE - 2] == '=' && key.at[HANDSHAKE_KEY_SIZE - 1] == '=';
}

int upgrade_check(const struct http_request *request)
{
    int versions = http_count(request, "Sec-WebSocket-Version");
    struct deflate_terms terms;

    if (request->minor < 1 || !http_lists(request, "Upgrade", "websocket") ||
        !http_lists(request, "Connection", "upgrade"))
        return UPGRADE_REQUIRED;
    if (versions > 1 || http_count(request, "Origin") > 1 || extension_agree(request, &terms) != 0)
        return BAD_REQUEST;
    if (versions == 0 || !http_is(http_value(request, "Sec-WebSocket-Version"), "13"))
        return UPGRADE_REQUIRED;
    if (http_count(request, "Sec-WebSocket-Key") != 1 ||
        !is_key(http_value(request, "Sec-WebSocket-Key")))
        return BAD_REQUEST;
    return SWITCHING_PROTOCOLS;
}

static bool is_listed(const char *const *origins, struct http_text origin)
{
    while (*origins != NULL && !http_is_like(origin, *origins))
        origins++;
    return *origins != NULL;
}

bool upgrade_origin_allowed(const struct http_request *request, const char *const *origins)
{
    int count = http_count(request, "Origin");

    if (origins == NULL || count == 0)
        return true;
    return count == 1 && is_listed(origins, http_value(request, "Origin"));
}

bool upgrade_is_origin(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t scheme = strspn(text, letters);

    if (strcmp(text, "null") == 0)
        return true;
    if (scheme == 0 || strncmp(text + scheme, "://", 3) != 0)
        return false;
    const char *host = text + scheme + 3;
    return *host != '\0' && strcspn(host, "/?#@*, ") == strlen(host);
}

static const char *find(const char *const *protocols, struct http_text name)
{
    for (; *protocols != NULL; protocols++) {
        if (http_is(name, *protocols))
            return *protocols;
    }
    return NULL;
}

const char *upgrade_protocol(const struct http_request *request, const char *const *protocols)
{
    for (uint32_t i = 0; i < request->header_count; i++) {
        if (!http_is_like(request->headers[i].name, "Sec-WebSocket-Protocol"))
            continue;
        struct http_text offers = request->headers[i].value, offer;
        while (http_next(&offers, &offer)) {
            const char *agreed = find(protocols, offer);
            if (agreed != NULL)
                return agreed;
        }
    }
    return NULL;
}
