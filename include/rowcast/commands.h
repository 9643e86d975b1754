// SPDX-License-Identifier: MIT
// The commands of the program. Each takes the arguments behind its name and returns the exit code.
#ifndef ROWCAST_COMMANDS_H
#define ROWCAST_COMMANDS_H

#include "rowcast/fault.h"
#include "rowcast/script.h"
#include "rowcast/settings.h"

int command_serve(int argument_count, char **arguments);
int command_replay(int argument_count, char **arguments);
int command_check(int argument_count, char **arguments);
int command_healthcheck(int argument_count, char **arguments);
int command_record(int argument_count, char **arguments);
int command_explain(int argument_count, char **arguments);
int command_tail(int argument_count, char **arguments);
int command_new(int argument_count, char **arguments);
int command_db(int argument_count, char **arguments);

// ---- what they share ----

// Prints the sentence on standard error; returns its exit code.
int command_fail(const struct fault *fault);

// Reads the settings and sets up the log. On failure -1, with the sentence printed and *code set.
int command_settings(struct settings *settings, int argument_count, char **arguments,
                     const struct settings_flag *flags, const char **operands, int operand_limit,
                     int *code);

// Says in the log which variables of the environment look like settings but are none.
void command_warn(void);

// Loads the script folder with the limits that the settings give.
int command_load_scripts(const struct settings *settings, struct script **script,
                         struct fault *fault);

#endif
