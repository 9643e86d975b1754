// SPDX-License-Identifier: MIT
// The program: finds the command and calls it.
#include <stdio.h>
#include <string.h>

#include "rowcast/commands.h"
#include "rowcast/manual.h"
#include "rowcast/memory.h"
#include "rowcast/suggest.h"

static int command_version(int argument_count, char **arguments);
static int command_help(int argument_count, char **arguments);

static const struct command commands[] = {
    {"serve",
     command_serve,
     "rowcast [serve] [--print-config] [SETTING...]",
     "routes row changes to WebSocket clients",
     "It changes nothing in the database; where publication or slot are missing it says so with the command, stays unready "
     "and tries again.",
     NULL,
     {{"--print-config", NULL,
       "shows each setting and where it came from, and what memory they add up to"}}},
    {"check",
     command_check,
     "rowcast check [--rows FILE] [--specs [DIR]] [SETTING...]",
     "says what is wrong with the scripts, without serving",
     "It looks at the files and calls the handlers, prints all it finds, and exits with 78 if that is anything. With "
     "--database it asks there for tables and columns, and changes nothing.",
     NULL,
     {{"--rows", "FILE", "tries recorded rows, too"},
      {"--specs", NULL, "runs the specs of DIR, or of spec, in the core, too"}}},
    {"replay",
     command_replay,
     "rowcast replay FILE [--diff DIR | --explain] [SETTING...]",
     "runs recorded rows through the scripts, prints the events",
     "--scripts DIR picks other scripts.",
     NULL,
     {{"--diff", "DIR",
       "prints instead what the scripts of DIR would make otherwise; exits with 1 if that is anything"},
      {"--explain", NULL,
       "prints for each row where it stands, which handler it went to, and what came of it"}}},
    {"record",
     command_record,
     "rowcast record FILE [--count N] [--force] [SETTING...]",
     "writes the raw transactions of the database as recorded rows",
     "It reads through a temporary slot of its own, until SIGINT or SIGTERM.",
     NULL,
     {{"--count", "N", "ends after N transactions"}, {"--force", NULL, "replaces the file"}}},
    {"new",
     command_new,
     "rowcast new table [SCHEMA.]NAME | spec --from FILE[:LINE|:LSN] [SETTING...]",
     "writes a script and its spec for a table, or a spec of a recorded row",
     "What is there already is not written over. With --database the script is of the table's columns.",
     "table spec",
     {{"--from", "FILE[:LINE|:LSN]",
       "the transaction in that line, or with that LSN; by default the last one"}}},
    {"db",
     command_db,
     "rowcast db setup|status|drop [--dry-run] [--identity-full] [SETTING...]",
     "makes, shows or drops publication and slot",
     "status exits with 0 if all is in place, else with 1, and names the command that mends it.",
     "setup status drop",
     {{"--dry-run", NULL, "shows the SQL, and runs none of it"},
      {"--identity-full", NULL,
       "gives tables that lack a replica identity the FULL one, instead of refusing them"}}},
    {"healthcheck",
     command_healthcheck,
     "rowcast healthcheck [SETTING...]",
     "asks the router that runs here for /ready; exit 0 or 1",
     NULL,
     NULL,
     {{0}}},
    {"explain",
     command_explain,
     "rowcast explain ID [SETTING...]",
     "says what has become of an event of the router that runs here",
     "Which row and script made it, whom it was published to, and who has it still to come, for as long as the event is in "
     "the history. It asks the admin port, which the setting admin names; exit 1 if the event is not there.",
     NULL,
     {{0}}},
    {"tail",
     command_tail,
     "rowcast tail [--topic NAME] [--type NAME] [--since ID] [SETTING...]",
     "prints the events of the router that runs here, as they come",
     "It asks the admin port, which the setting admin names.",
     NULL,
     {{"--topic", "NAME", "only events of this topic"},
      {"--type", "NAME", "only events of this type"},
      {"--since", "ID", "begins behind this event, if it is still known"}}},
    {"version", command_version, "rowcast version", "prints the version", NULL, NULL, {{0}}},
    {"help",
     command_help,
     "rowcast help [COMMAND|FILE]",
     "prints this, or more of one command, or a file",
     NULL,
     "",
     {{0}}},
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static const struct manual manual = {commands, COMMAND_COUNT};

static int command_version(int argument_count, char **arguments)
{
    (void)argument_count;
    (void)arguments;
    printf("rowcast %s\n", ROWCAST_VERSION);
    return EXIT_FINE;
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int refuse(const char *name, const char *what, bool or_file)
{
    const char *names[COMMAND_COUNT + 16];
    struct fault fault;
    size_t count = 0;
    for (; count < COMMAND_COUNT; count++)
        names[count] = commands[count].name;
    if (or_file)
        count += manual_files(names + count, 16);
    const char *near = suggest(name, names, count);
    fault_set(&fault, EXIT_WRONG_USAGE,
              "There is no %s '%s'%s%s%s; 'rowcast --help' lists them all.", what, name,
              near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return command_fail(&fault);
}

static int help_of(const struct command *command)
{
    manual_help_of(command, stdout);
    return EXIT_FINE;
}

static int command_help(int argument_count, char **arguments)
{
    struct fault fault;
    if (argument_count > 1) {
        fault_set(&fault, EXIT_WRONG_USAGE, "'%s' is one argument too many.", arguments[1]);
        return command_fail(&fault);
    }
    manual_writer *write = argument_count > 0 ? manual_find(arguments[0]) : manual_help;
    if (!write && find(arguments[0]))
        return help_of(find(arguments[0]));
    if (!write)
        return refuse(arguments[0], "command or file", true);
    write(&manual, stdout);
    return EXIT_FINE;
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
            return refuse(arguments[1], "command", false);
        first = 2;
    }
    for (int i = first; i < argument_count; i++)
        if (is_help(arguments[i]))
            return help_of(command);
    return command->run(argument_count - first, arguments + first);
}
