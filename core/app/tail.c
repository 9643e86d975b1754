// SPDX-License-Identifier: MIT
// rowcast tail: the events of the running router as they come.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rowcast/commands.h"
#include "rowcast/event.h"
#include "rowcast/inquiry.h"

#define PAGE_MAX (1u << 30) // an event is as large as max_event allows
#define INTERVAL 200000     // microseconds between two questions when nothing is new

struct tail {
    struct inquiry inquiry;
    const char *topic, *type; // NULL: all of them
    const char *since;        // NULL: from now on
    char behind[EVENT_ID_TEXT_SIZE];
    bool begun; // a router has answered
    bool away;  // and then none did
};

static void write_target(const struct tail *tail, struct buffer *target)
{
    const struct {
        const char *name, *value;
    } parameters[] = {{"behind", tail->begun ? tail->behind : tail->since},
                      {"topic", tail->topic},
                      {"type", tail->type}};
    char separator = '?';
    buffer_clear(target);
    buffer_append_text(target, "/events");
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
        if (!parameters[i].value)
            continue;
        buffer_append_format(target, "%c%s=", separator, parameters[i].name);
        inquiry_escape(target, parameters[i].value);
        separator = '&';
    }
    buffer_append_byte(target, '\0');
}

// The first line says where the page ends, the others are the events. -1: that is no page.
static int print_page(struct tail *tail, struct buffer *page, bool *more)
{
    char whole[6], on[6];
    if (sscanf(page->bytes, "{\"behind\":\"%63[^\"]\",\"whole\":%5[a-z],\"more\":%5[a-z]}",
               tail->behind, whole, on) != 3)
        return -1;
    if (strcmp(whole, "true") != 0)
        fprintf(stderr, "rowcast: events that were not printed have left the router's history "
                        "(ROWCAST_HISTORY, ROWCAST_HISTORY_TIME), or it has begun a new one\n");
    *more = strcmp(on, "true") == 0;
    fputs(page->bytes + strcspn(page->bytes, "\n") + 1, stdout);
    return 0;
}

static int not_answered(struct tail *tail, struct fault *fault)
{
    if (!tail->begun)
        return -1;
    if (!tail->away)
        fprintf(stderr, "rowcast: %s; waiting for it\n", fault->text);
    tail->away = true;
    return 0;
}

static int refused(const struct tail *tail, int status, const struct buffer *page,
                   struct fault *fault)
{
    if (status == 400)
        return fault_set(fault, EXIT_WRONG_USAGE,
                         "--since wants the id of an event, --topic at most %d bytes: see rowcast "
                         "tail --help",
                         EVENT_MAX_TOPIC_SIZE);
    return fault_set(fault, EXIT_FAILED, "port %d of %s gives no events, but: %.*s",
                     tail->inquiry.port, tail->inquiry.host, (int)strcspn(page->bytes, "\r\n"),
                     page->bytes);
}

// One question. What a router that comes back has kept is not missed.
static int look(struct tail *tail, struct buffer *target, struct buffer *page, bool *more,
                struct fault *fault)
{
    *more = false;
    write_target(tail, target);
    int status = inquiry_ask(&tail->inquiry, target->bytes, page, fault);
    if (status < 0)
        return not_answered(tail, fault);
    if (status != 200 || print_page(tail, page, more) != 0)
        return refused(tail, status, page, fault);
    tail->begun = true;
    tail->away = false;
    return 0;
}

static int run(struct tail *tail, struct fault *fault)
{
    struct buffer target, page;
    bool more;
    int result;
    buffer_init(&target, 1 << 16);
    buffer_init(&page, PAGE_MAX);
    while ((result = look(tail, &target, &page, &more, fault)) == 0) {
        if (fflush(stdout) != 0)
            break;
        if (!more)
            usleep(INTERVAL);
    }
    buffer_release(&target);
    buffer_release(&page);
    return result < 0 ? command_fail(fault) : EXIT_FAILED;
}

int command_tail(int argument_count, char **arguments)
{
    struct settings settings;
    struct tail tail = {0};
    struct fault fault;
    int code;
    const struct settings_flag flags[] = {{"--topic", NULL, &tail.topic},
                                          {"--type", NULL, &tail.type},
                                          {"--since", NULL, &tail.since},
                                          {NULL, NULL, NULL}};
    if (command_settings(&settings, argument_count, arguments, flags, NULL, 0, &code) != 0)
        return code;
    code = inquiry_admin(&tail.inquiry, &settings, "tail", &fault) == 0 ? run(&tail, &fault)
                                                                        : command_fail(&fault);
    settings_release(&settings);
    return code;
}
