// SPDX-License-Identifier: MIT
// rowcast serve: the router with its signals.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "rowcast/commands.h"
#include "rowcast/log.h"
#include "rowcast/memory.h"
#include "rowcast/postgres.h"
#include "rowcast/router.h"

struct serve {
    uv_loop_t loop;
    struct router *router;
    uv_signal_t reload, terminate, interrupt;
    bool ending;
};

static void on_reload(uv_signal_t *handle, int number)
{
    (void)number;
    struct serve *serve = container_of(handle, struct serve, reload);
    router_reload(serve->router);
}

static void close_signals(struct serve *serve)
{
    uv_close((uv_handle_t *)&serve->reload, NULL);
    uv_unref((uv_handle_t *)&serve->terminate);
    uv_unref((uv_handle_t *)&serve->interrupt);
}

// The first one drains, the second one ends at once.
static void end(struct serve *serve)
{
    if (serve->ending) {
        log_write(LOG_WARN, "ended", NULL, "told twice: ending at once");
        _exit(EXIT_FINE);
    }
    serve->ending = true;
    close_signals(serve);
    router_drain(serve->router);
}

static void on_terminate(uv_signal_t *handle, int number)
{
    (void)number;
    end(container_of(handle, struct serve, terminate));
}

static void on_interrupt(uv_signal_t *handle, int number)
{
    (void)number;
    end(container_of(handle, struct serve, interrupt));
}

static void start_signals(struct serve *serve)
{
    signal(SIGPIPE, SIG_IGN);
    uv_signal_init(&serve->loop, &serve->reload);
    uv_signal_init(&serve->loop, &serve->terminate);
    uv_signal_init(&serve->loop, &serve->interrupt);
    uv_signal_start(&serve->reload, on_reload, SIGHUP);
    uv_signal_start(&serve->terminate, on_terminate, SIGTERM);
    uv_signal_start(&serve->interrupt, on_interrupt, SIGINT);
}

static void close_handle(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static int run(const struct settings *settings)
{
    struct serve serve = {0};
    struct fault fault;
    uv_loop_init(&serve.loop);
    int code = EXIT_FINE;
    if (router_start(&serve.router, &serve.loop, settings, &fault) != 0) {
        code = command_fail(&fault);
    } else {
        start_signals(&serve);
        uv_run(&serve.loop, UV_RUN_DEFAULT);
        router_free(serve.router);
        log_write(LOG_INFO, "stopped", NULL, "every connection is closed");
    }
    uv_walk(&serve.loop, close_handle, NULL);
    uv_run(&serve.loop, UV_RUN_DEFAULT);
    uv_loop_close(&serve.loop);
    return code;
}

int command_serve(int argument_count, char **arguments)
{
    struct settings settings;
    bool print = false;
    const struct settings_flag flags[] = {{"--print-config", &print}, {NULL, NULL}};
    int code = EXIT_FINE;
    if (command_settings(&settings, argument_count, arguments, flags, NULL, 0, &code) != 0)
        return code;
    if (print)
        settings_print(&settings, stdout);
    else
        code = run(&settings);
    settings_release(&settings);
    return code;
}
