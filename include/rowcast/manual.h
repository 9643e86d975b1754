// SPDX-License-Identifier: MIT
// What the program says of itself. All of it comes from two tables: the commands (main.c) and the settings (setting.h).
#ifndef ROWCAST_MANUAL_H
#define ROWCAST_MANUAL_H

#include <stddef.h>
#include <stdio.h>

struct manual_flag {
    const char *name;  // "--count"; NULL ends the list
    const char *value; // "N", or NULL: it takes none
    const char *help;
};

struct command {
    const char *name;
    int (*run)(int argument_count, char **arguments);
    const char *usage, *summary;
    const char *more;     // sentences, or NULL
    const char *operands; // words that may follow, with blanks between; NULL: none, or any file
    struct manual_flag flags[5];
};

struct manual {
    const struct command *commands;
    size_t count;
};

// `rowcast --help`, and `rowcast COMMAND --help`.
void manual_help(const struct manual *manual, FILE *out);
void manual_help_of(const struct command *command, FILE *out);

// Pages and files, by the name of the file each is meant for; NULL: there is no such one.
typedef void manual_writer(const struct manual *manual, FILE *out);
manual_writer *manual_find(const char *file);
size_t manual_files(const char *names[], size_t room);

manual_writer manual_page;       // rowcast.1
manual_writer manual_conf_page;  // rowcast.conf.5
manual_writer manual_conf;       // rowcast.conf: every setting, explained and commented out
manual_writer manual_settings;   // SETTINGS.md
manual_writer manual_completion; // rowcast.bash

#endif
