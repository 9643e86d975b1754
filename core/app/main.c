// SPDX-License-Identifier: MIT
// The program: finds the command and calls it.
#include <stdio.h>
#include <string.h>

#include "rowcast/commands.h"
#include "rowcast/memory.h"
#include "rowcast/suggest.h"

struct command {
    const char *name;
    int (*run)(int argument_count, char **arguments);
    const char *usage, *summary;
};

static int command_version(int argument_count, char **arguments);
static int command_help(int argument_count, char **arguments);

static const struct command commands[] = {
    {"serve", command_serve, "rowcast [serve] [--print-config] [SETTING...]",
     "routes row changes to WebSocket clients"},
    {"check", command_check, "rowcast check [SETTING...]", "loads all scripts without serving"},
    {"replay", command_replay, "rowcast replay FILE [--scripts DIR]",
     "runs recorded rows through the scripts, prints the events"},
    {"record", command_record, "rowcast record FILE [--count N] [--force] [SETTING...]",
     "writes the raw transactions of the database as recorded rows"},
    {"db", command_db, "rowcast db setup|status|drop [--dry-run] [--identity-full] [SETTING...]",
     "makes, shows or drops publication and slot"},
    {"healthcheck", command_healthcheck, "rowcast healthcheck [SETTING...]",
     "asks the router that runs here for /ready; exit 0 or 1"},
    {"tail", command_tail,
     "rowcast tail [--topic NAME] [--type NAME] [--since ID] [--admin ADDRESS]",
     "prints the events of the router that runs here, as they come"},
    {"version", command_version, "rowcast version", "prints the version"},
    {"help", command_help, "rowcast help", "prints this"},
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static int command_version(int argument_count, char **arguments)
{
    (void)argument_count;
    (void)arguments;
    printf("rowcast %s\n", ROWCAST_VERSION);
    return EXIT_FINE;
}

static int command_help(int argument_count, char **arguments)
{
    (void)argument_count;
    (void)arguments;
    printf("rowcast %s: PostgreSQL row changes to WebSocket clients, by Lua scripts\n\nCommands:\n",
           ROWCAST_VERSION);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-11s %s\n", commands[i].name, commands[i].summary);
    printf(
        "\nSettings, as flag and environment variable (--config FILE reads key = value lines):\n");
    settings_help(stdout);
    printf("\n'rowcast COMMAND --help' says more of one command.\n");
    return EXIT_FINE;
}

static int help_of(const struct command *command)
{
    printf("%s\n\n  %s\n", command->usage, command->summary);
    if (command->run == command_version || command->run == command_help)
        return EXIT_FINE;
    printf("\nSettings:\n");
    settings_help(stdout);
    return EXIT_FINE;
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int refuse(const char *name)
{
    const char *names[COMMAND_COUNT];
    struct fault fault;
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i].name;
    const char *near = suggest(name, names, COMMAND_COUNT);
    fault_set(&fault, EXIT_WRONG_USAGE,
              "There is no command '%s'%s%s%s; 'rowcast --help' lists them all.", name,
              near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return command_fail(&fault);
}

static int is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

int main(int argument_count, char **arguments)
{
    const struct command *command = &commands[0];
    int first = 1;
    memory_setup();
    if (argument_count > 1 && is_help(arguments[1]))
        return command_help(0, NULL);
    if (argument_count > 1 && strcmp(arguments[1], "--version") == 0)
        return command_version(0, NULL);
    if (argument_count > 1 && arguments[1][0] != '-') {
        command = find(arguments[1]);
        if (!command)
            return refuse(arguments[1]);
        first = 2;
    }
    for (int i = first; i < argument_count; i++)
        if (is_help(arguments[i]))
            return help_of(command);
    return command->run(argument_count - first, arguments + first);
}
