// SPDX-License-Identifier: MIT
// rowcast explain: what has become of one event, as the running router knows it.
#include <stdio.h>
#include <string.h>

#include "rowcast/commands.h"
#include "rowcast/event.h"
#include "rowcast/inquiry.h"

#define ANSWER_MAX (1u << 30) // an event is as large as max_event allows

static int ask(const struct inquiry *inquiry, const char *id, struct fault *fault)
{
    struct buffer target, body;
    buffer_init(&target, 1 << 10);
    buffer_init(&body, ANSWER_MAX);
    buffer_append_text(&target, "/explain?id=");
    inquiry_escape(&target, id);
    buffer_append_byte(&target, '\0');
    int status = inquiry_ask(inquiry, target.bytes, &body, fault);
    bool explained = status > 0 && strncmp(body.bytes, "transaction ", 12) == 0;
    if (explained)
        fputs(body.bytes, stdout);
    else if (status > 0)
        fault_set(fault, EXIT_FAILED, "port %d of %s explains nothing, but says: %.*s",
                  inquiry->port, inquiry->host, (int)strcspn(body.bytes, "\r\n"), body.bytes);
    buffer_release(&target);
    buffer_release(&body);
    return !explained ? -1 : status == 200 ? EXIT_FINE : EXIT_FAILED;
}

static int run(const struct settings *settings, const char *id, struct fault *fault)
{
    struct event_id parsed;
    struct inquiry inquiry;
    if (!id)
        return fault_set(fault, EXIT_WRONG_USAGE,
                         "explain needs the id of an event, as clients get it: rowcast explain ID");
    if (event_id_parse(id, strlen(id), &parsed) != 0)
        return fault_set(
            fault, EXIT_WRONG_USAGE,
            "'%s' is not the id of an event: it is what clients get as \"id\", %d bytes "
            "long; rowcast tail shows some",
            id, EVENT_ID_TEXT_LENGTH);
    return inquiry_admin(&inquiry, settings, "explain", fault) == 0 ? ask(&inquiry, id, fault) : -1;
}

int command_explain(int argument_count, char **arguments)
{
    struct settings settings;
    struct fault fault;
    const char *operands[1] = {NULL};
    int code;
    if (command_settings(&settings, argument_count, arguments, NULL, operands, 1, &code) != 0)
        return code;
    code = run(&settings, operands[0], &fault);
    if (code < 0)
        code = command_fail(&fault);
    settings_release(&settings);
    return code;
}
