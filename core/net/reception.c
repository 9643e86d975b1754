// SPDX-License-Identifier: MIT
// What a request on the public port gets.
#include "rowcast/reception.h"

#include <string.h>

#include "rowcast/answer.h"
#include "rowcast/memory.h"
#include "rowcast/upgrade.h"

#define SWITCHING_PROTOCOLS 101
#define UPGRADE_REQUIRED 426

void reception_init(struct reception *reception, const char *const *paths,
                    const char *const *protocols)
{
    reception->paths = paths;
    reception->protocols = protocols;
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
    for (const char *const *known = reception->paths; *known != NULL; known++) {
        if (http_is(path, *known))
            return true;
    }
    return false;
}

static struct verdict refuse(int status)
{
    return (struct verdict){answer_refusal(status), NULL};
}

static struct verdict receive_websocket(const struct reception *reception,
                                        const struct http_request *request, const char *address)
{
    int status = request->head ? UPGRADE_REQUIRED : upgrade_check(request);

    if (status != SWITCHING_PROTOCOLS)
        return refuse(status);
    const char *protocol = upgrade_protocol(request, reception->protocols);
    struct http_text key = http_value(request, "Sec-WebSocket-Key");
    return (struct verdict){answer_upgrade(key.at, protocol),
                            handshake_new(request, address, protocol)};
}

struct verdict reception_receive(const struct reception *reception,
                                 const struct http_request *request, const char *address)
{
    if (is_websocket_path(reception, request->path))
        return receive_websocket(reception, request, address);
    if (http_is(request->path, "/health"))
        return (struct verdict){frame_ref(reception->health), NULL};
    if (http_is(request->path, "/ready"))
        return (struct verdict){frame_ref(reception->ready), NULL};
    return refuse(404);
}
