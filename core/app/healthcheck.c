// SPDX-License-Identifier: MIT
// rowcast healthcheck: asks the running router's /ready.
#include <stdio.h>
#include <string.h>

#include "rowcast/commands.h"
#include "rowcast/inquiry.h"

#define ANSWER_MAX (1 << 20)

// Prints the answer in one line.
static int ask(const struct inquiry *inquiry, struct fault *fault)
{
    struct buffer body;
    buffer_init(&body, ANSWER_MAX);
    int status = inquiry_ask(inquiry, "/ready", &body, fault);
    if (status > 0) {
        body.bytes[strcspn(body.bytes, "\r\n")] = '\0';
        printf("%s: %s\n", status == 200 ? "ready" : "not ready", body.bytes);
    }
    buffer_release(&body);
    return status < 0 ? -1 : status == 200 ? EXIT_FINE : EXIT_FAILED;
}

int command_healthcheck(int argument_count, char **arguments)
{
    struct settings settings;
    struct inquiry inquiry;
    struct fault fault;
    int code;
    if (command_settings(&settings, argument_count, arguments, NULL, NULL, 0, &code) != 0)
        return code;
    code = inquiry_public(&inquiry, &settings, "healthcheck", &fault);
    if (code == 0)
        code = ask(&inquiry, &fault);
    if (code < 0)
        code = command_fail(&fault);
    settings_release(&settings);
    return code;
}
