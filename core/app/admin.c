// SPDX-License-Identifier: MIT
// The admin port: the connections of the net room, on the brain's loop, without WebSockets.
#include "rowcast/admin.h"

#include <stdlib.h>
#include <unistd.h>

#include "rowcast/binding.h"
#include "rowcast/crowd.h"
#include "rowcast/listener.h"
#include "rowcast/memory.h"

#define CONNECTIONS_MAX 64
#define TICK 250 // milliseconds

struct admin {
    struct crowd crowd;
    struct listener *listeners[BINDINGS_MAX];
    int listener_count, port;
    admin_respond *respond;
    void *user;
    atomic_uint open; // WebSockets, of which there are none
    struct traffic traffic;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    uv_timer_t tick;
};

static struct frame *on_request(void *user, const struct http_request *request)
{
    struct admin *admin = user;
    return admin->respond(admin->user, request);
}

static const struct hall_events hall_events = {.requested = on_request};

static void on_accepted(void *user, int socket)
{
    struct admin *admin = user;
    if (admin->crowd.present < CONNECTIONS_MAX)
        crowd_admit(&admin->crowd, socket);
    else
        close(socket);
}

// Before the timers look: a turn in which scripts took long must not make an answer that is ready late.
static void on_after_poll(uv_check_t *handle)
{
    struct admin *admin = container_of(handle, struct admin, after_poll);
    crowd_flush(&admin->crowd, UINT32_MAX);
}

static void on_before_poll(uv_prepare_t *handle)
{
    struct admin *admin = container_of(handle, struct admin, before_poll);
    crowd_flush(&admin->crowd, UINT32_MAX);
}

static void on_tick(uv_timer_t *handle)
{
    struct admin *admin = container_of(handle, struct admin, tick);
    crowd_tick(&admin->crowd, (int64_t)uv_now(handle->loop));
    for (int i = 0; i < admin->listener_count; i++)
        listener_retry(admin->listeners[i]);
}

static int open_sockets(const struct bindings *bindings, int sockets[BINDINGS_MAX],
                        struct fault *fault)
{
    for (int i = 0; i < bindings->count; i++) {
        sockets[i] = bindings_listen(bindings, i, fault);
        if (sockets[i] >= 0)
            continue;
        while (i-- > 0)
            close(sockets[i]);
        return -1;
    }
    return 0;
}

// NULL with a sentence on failure.
static struct admin *admin_new(uv_loop_t *loop, const struct admin_config *config,
                               struct fault *fault)
{
    static const char *const none[] = {NULL};
    struct admin *admin = memory_new(sizeof *admin);
    struct hall_config hall = {
        .handshake_timeout = config->timeout,
        .max_header = config->max_header,
        .reception = {.paths = none, .protocols = none},
        .open = &admin->open,
        .traffic = &admin->traffic,
    };
    int result = crowd_init(&admin->crowd, loop, &hall, &hall_events, admin);
    if (result < 0) {
        admin_free(admin);
        fault_set(fault, EXIT_UNAVAILABLE, "cannot open the admin port: %s; see 'ulimit -a'",
                  uv_strerror(result));
        return NULL;
    }
    uv_prepare_init(loop, &admin->before_poll);
    uv_prepare_start(&admin->before_poll, on_before_poll);
    uv_check_init(loop, &admin->after_poll);
    uv_check_start(&admin->after_poll, on_after_poll);
    uv_timer_init(loop, &admin->tick);
    uv_timer_start(&admin->tick, on_tick, TICK, TICK);
    return admin;
}

int admin_start(struct admin **result, uv_loop_t *loop, const struct admin_config *config,
                admin_respond *respond, void *user, struct fault *fault)
{
    static const struct bindings_advice advice = {
        .host =
            "give an address of this machine: --admin HOST:PORT (ROWCAST_ADMIN), or --admin off",
        .port = "if that is another rowcast, give this one an admin port of its own: --admin "
                "127.0.0.1:0 (ROWCAST_ADMIN; 0 picks a free one), or none: --admin off",
    };
    const struct address *address = &config->address;
    struct bindings bindings;
    int sockets[BINDINGS_MAX];
    if (bindings_find(&bindings, address->every ? NULL : address->host, address->port,
                      BINDINGS_ALONE, &advice, fault) != 0 ||
        open_sockets(&bindings, sockets, fault) != 0)
        return -1;
    struct admin *admin = admin_new(loop, config, fault);
    if (!admin) {
        for (int i = 0; i < bindings.count; i++)
            close(sockets[i]);
        return -1;
    }
    admin->respond = respond;
    admin->user = user;
    admin->port = bindings.port;
    for (int i = 0; i < bindings.count; i++)
        admin->listeners[admin->listener_count++] =
            listener_new(loop, sockets[i], on_accepted, admin);
    *result = admin;
    return 0;
}

int admin_port(const struct admin *admin)
{
    return admin->port;
}

void admin_close(struct admin *admin)
{
    if (!admin)
        return;
    while (admin->listener_count > 0)
        listener_close(admin->listeners[--admin->listener_count]);
    crowd_close(&admin->crowd);
    uv_close((uv_handle_t *)&admin->before_poll, NULL);
    uv_close((uv_handle_t *)&admin->after_poll, NULL);
    uv_close((uv_handle_t *)&admin->tick, NULL);
}

void admin_free(struct admin *admin)
{
    if (!admin)
        return;
    crowd_release(&admin->crowd);
    free(admin);
}
