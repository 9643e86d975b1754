// SPDX-License-Identifier: MIT
// What a request on the public port gets.
#include "rowcast/reception.h"

#include <string.h>

#include "rowcast/answer.h"
#include "rowcast/extension.h"
#include "rowcast/memory.h"
#include "rowcast/upgrade.h"

#define SWITCHING_PROTOCOLS 101
#define FORBIDDEN 403
#define UPGRADE_REQUIRED 426

void reception_init(struct reception *reception, const struct reception_config *config)
{
    reception->config = *config;
    reception->health = answer_json(200, "{\"status\":\"ok\",\"checks\":{}}");
    reception->ready = answer_json(503, "{\"status\":\"starting\",\"checks\":{}}");
}

void reception_release(struct reception *reception)
{
    frame_unref(reception->health);
    frame_unref(reception->ready);
}

void reception_set_health(struct reception *reception, struct frame *health)
{
    frame_unref(reception->health);
    reception->health = health;
}

void reception_set_ready(struct reception *reception, struct frame *ready)
{
    frame_unref(reception->ready);
    reception->ready = ready;
}

// ---- the handshake as the application sees it ----

static size_t room_for(struct http_text text)
{
    return text.at != NULL ? text.size + 1 : 0;
}

// Copies the text to *at, which moves behind it. NULL for what is absent.
static const char *put(char **at, struct http_text text)
{
    if (text.at == NULL)
        return NULL;
    char *copy = *at;
    memcpy(copy, text.at, text.size);
    copy[text.size] = '\0';
    *at += text.size + 1;
    return copy;
}

static struct handshake *handshake_new(const struct http_request *request, const char *address,
                                       const char *protocol)
{
    struct http_text peer = {address, strlen(address)};
    struct http_text cookie = http_value(request, "Cookie");
    struct http_text user_agent = http_value(request, "User-Agent");
    struct http_text origin = http_value(request, "Origin");
    size_t size = room_for(peer) + room_for(request->path) + room_for(request->query) +
                  room_for(cookie) + room_for(user_agent) + room_for(origin);
    struct handshake *handshake = memory_new(sizeof *handshake + size);
    char *at = (char *)(handshake + 1);

    handshake->address = put(&at, peer);
    handshake->path = put(&at, request->path);
    handshake->query = put(&at, request->query);
    handshake->protocol = protocol;
    handshake->cookie = put(&at, cookie);
    handshake->user_agent = put(&at, user_agent);
    handshake->origin = put(&at, origin);
    return handshake;
}

// ---- who gets what ----

static bool is_websocket_path(const struct reception *reception, struct http_text path)
{
    for (const char *const *known = reception->config.paths; *known != NULL; known++) {
        if (http_is(path, *known))
            return true;
    }
    return false;
}

static struct verdict refuse(int status)
{
    return (struct verdict){.answer = answer_refusal(status)};
}

static struct verdict receive_websocket(const struct reception *reception,
                                        const struct http_request *request, const struct ip *peer)
{
    const struct reception_config *config = &reception->config;
    char address[IP_TEXT_SIZE];
    int status = SWITCHING_PROTOCOLS;

    if (!upgrade_origin_allowed(request, config->origins))
        return refuse(FORBIDDEN);
    status = request->head ? UPGRADE_REQUIRED : upgrade_check(request);
    if (status != SWITCHING_PROTOCOLS)
        return refuse(status);
    struct verdict verdict = {.address = *peer};
    struct deflate_terms terms = {0};
    char extension[EXTENSION_TEXT_SIZE];
    if (config->deflate)
        extension_agree(request, &terms);
    extension_text(&terms, extension);
    verdict.window_bits = terms.window_bits;
    ip_forwarded(request, config->trusted, config->trusted_count, &verdict.address);
    ip_text(&verdict.address, address);
    const char *protocol = upgrade_protocol(request, config->protocols);
    verdict.answer = answer_upgrade(http_value(request, "Sec-WebSocket-Key").at, protocol,
                                    terms.window_bits > 0 ? extension : NULL);
    verdict.handshake = handshake_new(request, address, protocol);
    return verdict;
}

struct verdict reception_receive(const struct reception *reception,
                                 const struct http_request *request, const struct ip *peer)
{
    if (is_websocket_path(reception, request->path))
        return receive_websocket(reception, request, peer);
    if (http_is(request->path, "/health"))
        return (struct verdict){.answer = frame_ref(reception->health)};
    if (http_is(request->path, "/ready"))
        return (struct verdict){.answer = frame_ref(reception->ready)};
    return refuse(404);
}
