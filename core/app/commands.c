// SPDX-License-Identifier: MIT
// What the commands share.
#include "rowcast/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rowcast/log.h"

int command_fail(const struct fault *fault)
{
    fprintf(stderr, "rowcast: %s\n", fault->text);
    return fault->code;
}

static bool wants_json(void)
{
    const char *environment = getenv("NODE_ENV");
    return !isatty(STDERR_FILENO) || (environment && strcmp(environment, "production") == 0);
}

int command_settings(struct settings *settings, int argument_count, char **arguments,
                     const struct settings_flag *flags, const char **operands, int operand_limit,
                     int *code)
{
    struct fault fault;
    if (settings_read(settings, argument_count, arguments, flags, operands, operand_limit,
                      &fault) != 0) {
        *code = command_fail(&fault);
        settings_release(settings);
        return -1;
    }
    log_setup((enum log_level)settings->log_level, wants_json());
    return 0;
}

static void warn_of_variable(void *unused, const char *name, const char *near)
{
    (void)unused;
    log_write(LOG_WARN, "unknown_variable", LOG_FIELDS(LOG_TEXT("name", name)),
              "the environment has %s, which is no setting and does nothing%s%s%s", name,
              near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

void command_warn(void)
{
    settings_each_unknown(warn_of_variable, NULL);
}

int command_load_scripts(const struct settings *settings, struct script **script,
                         struct fault *fault)
{
    struct script_limits limits = settings_script_limits(settings);
    return script_load(script, settings->scripts, &limits, fault);
}
