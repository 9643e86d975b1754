// SPDX-License-Identifier: MIT
// rowcast serve: the router with its signals.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "rowcast/capacity.h"
#include "rowcast/commands.h"
#include "rowcast/log.h"
#include "rowcast/memory.h"
#include "rowcast/notify.h"
#include "rowcast/postgres.h"
#include "rowcast/router.h"

#define SAME_SIGNAL 3    // milliseconds
#define STATUS_TIME 2000 // milliseconds

struct serve {
    uv_loop_t loop;
    struct router *router;
    uv_signal_t reload, status, terminate, interrupt;
    struct notify notify;
    uv_timer_t life; // of the service manager's watchdog
    bool ending;
    uint64_t ending_since; // of the loop's clock
};

static void tell_status(struct serve *serve)
{
    char text[ROUTER_SUMMARY];
    router_summary(serve->router, text);
    notify_status(&serve->notify, text);
}

// On the brain's loop: a brain that is stuck shows no sign of life, and is started anew.
static void on_life(uv_timer_t *handle)
{
    struct serve *serve = container_of(handle, struct serve, life);
    if (serve->notify.watchdog > 0)
        notify_alive(&serve->notify);
    tell_status(serve);
}

// Who reloads by the service manager finds the new scripts running, or STATUS= with what is wrong with them.
static void on_reloaded(void *user)
{
    struct serve *serve = user;
    tell_status(serve);
    notify_ready(&serve->notify);
}

static void start_life(struct serve *serve)
{
    uint64_t interval = STATUS_TIME, half = (uint64_t)serve->notify.watchdog / 2;
    if (half > 0 && half < interval)
        interval = half;
    notify_ready(&serve->notify);
    router_on_settled(serve->router, on_reloaded, serve);
    uv_timer_init(&serve->loop, &serve->life);
    if (serve->notify.fd >= 0)
        uv_timer_start(&serve->life, on_life, 0, interval);
    uv_unref((uv_handle_t *)&serve->life);
}

static void on_reload(uv_signal_t *handle, int number)
{
    (void)number;
    struct serve *serve = container_of(handle, struct serve, reload);
    if (!serve->router)
        return;
    if (router_reload(serve->router))
        notify_reloading(&serve->notify);
}

static void on_status(uv_signal_t *handle, int number)
{
    (void)number;
    struct serve *serve = container_of(handle, struct serve, status);
    if (serve->router)
        router_log_status(serve->router);
}

// The first one drains, the second one ends at once. Wrappers such as timeout(1) send one twice.
static void end(struct serve *serve)
{
    uint64_t now = uv_hrtime() / 1000000;
    if (serve->ending && now - serve->ending_since < SAME_SIGNAL)
        return;
    if (serve->ending) {
        log_write(LOG_WARN, "ended", NULL, "told twice: ending at once");
        log_drain();
        _exit(EXIT_FINE);
    }
    serve->ending = true;
    serve->ending_since = now;
    if (!serve->router)
        return; // it did not start, and ends anyway
    notify_stopping(&serve->notify);
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
    signal(SIGXFSZ, SIG_IGN); // a limit of file sizes is an error of write(2)
    uv_signal_init(&serve->loop, &serve->reload);
    uv_signal_init(&serve->loop, &serve->terminate);
    uv_signal_init(&serve->loop, &serve->interrupt);
    uv_signal_init(&serve->loop, &serve->status);
    uv_signal_start(&serve->reload, on_reload, SIGHUP);
    uv_signal_start(&serve->status, on_status, SIGUSR1);
    uv_signal_start(&serve->terminate, on_terminate, SIGTERM);
    uv_signal_start(&serve->interrupt, on_interrupt, SIGINT);
    // The loop ends with the router, not with them.
    uv_unref((uv_handle_t *)&serve->reload);
    uv_unref((uv_handle_t *)&serve->status);
    uv_unref((uv_handle_t *)&serve->terminate);
    uv_unref((uv_handle_t *)&serve->interrupt);
}

static void close_handle(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static int run(const struct settings *settings, const struct capacity *capacity)
{
    struct serve serve = {0};
    struct fault fault;
    uv_loop_init(&serve.loop);
    int code = EXIT_FINE;
    notify_init(&serve.notify);
    // Before anybody can know the port, and with it that there is somebody to signal.
    start_signals(&serve);
    int started = router_start(&serve.router, &serve.loop, settings, &fault);
    command_warn(); // behind the first line of the log, which tells the port
    if (started != 0) {
        code = command_fail(&fault);
    } else {
        capacity_log(capacity, settings);
        start_life(&serve);
        uv_run(&serve.loop, UV_RUN_DEFAULT);
        code = router_exit_code(serve.router);
        router_free(serve.router);
        log_write(LOG_INFO, "stopped", NULL, "every connection is closed");
    }
    uv_walk(&serve.loop, close_handle, NULL);
    uv_run(&serve.loop, UV_RUN_DEFAULT);
    uv_loop_close(&serve.loop);
    notify_release(&serve.notify);
    log_drain();
    return code;
}

int command_serve(int argument_count, char **arguments)
{
    struct settings settings;
    struct capacity capacity;
    bool print = false;
    const struct settings_flag flags[] = {{"--print-config", &print, NULL}, {0}};
    int code = EXIT_FINE;
    capacity_raise(&capacity);
    capacity_measure(&capacity);
    if (command_settings(&settings, argument_count, arguments, flags, NULL, 0, &code) != 0)
        return code;
    if (print) {
        settings_print(&settings, stdout);
        capacity_print(&capacity, &settings, stdout);
        command_warn();
    } else {
        code = run(&settings, &capacity);
    }
    settings_release(&settings);
    return code;
}
