// SPDX-License-Identifier: MIT
// The help, and which other texts there are.
#include "rowcast/manual.h"

#include <string.h>

#include "rowcast/setting.h"

static const struct {
    const char *name;
    manual_writer *write;
} files[] = {
    {"rowcast.1", manual_page},          {"rowcast.conf.5", manual_conf_page},
    {"rowcast.conf", manual_conf},       {"SETTINGS.md", manual_settings},
    {"rowcast.bash", manual_completion},
};

#define FILE_COUNT (sizeof files / sizeof *files)

manual_writer *manual_find(const char *file)
{
    for (size_t i = 0; i < FILE_COUNT; i++)
        if (strcmp(files[i].name, file) == 0)
            return files[i].write;
    return NULL;
}

size_t manual_files(const char *names[], size_t room)
{
    size_t count = 0;
    for (; count < FILE_COUNT && count < room; count++)
        names[count] = files[count].name;
    return count;
}

static void print_settings(FILE *out)
{
    char flag[SETTING_FLAG];
    for (size_t i = 0; i < setting_count(); i++) {
        const struct setting *setting = setting_at(i);
        const char *initial = setting_default(setting);
        if (setting->kind == SETTING_LIST)
            continue;
        if (i == 0 || setting->group != setting_at(i - 1)->group)
            fprintf(out, "\n%s:\n", setting_group_name(setting->group));
        setting_flag(setting, flag);
        fprintf(out, "  %-30s %-35s %s%s%s%s\n", flag, setting->environment, setting->help,
                initial ? " (" : "", initial ? initial : "", initial ? ")" : "");
    }
    fprintf(
        out, "\n  %-30s %-35s %s\n", "--config FILE", "",
        "reads key = value lines; 'rowcast help rowcast.conf' prints one with everything in it");
}

void manual_help(const struct manual *manual, FILE *out)
{
    fprintf(out,
            "rowcast %s: PostgreSQL row changes to WebSocket clients, by Lua scripts\n\n"
            "Commands:\n",
            ROWCAST_VERSION);
    for (size_t i = 0; i < manual->count; i++)
        fprintf(out, "  %-11s %s\n", manual->commands[i].name, manual->commands[i].summary);
    fprintf(out, "\nSettings, as flag and environment variable.\n");
    print_settings(out);
    fprintf(out, "\n'rowcast COMMAND --help' says more of one command. 'rowcast help FILE' prints "
                 "one of these:\n ");
    for (size_t i = 0; i < FILE_COUNT; i++)
        fprintf(out, " %s", files[i].name);
    fprintf(out, "\n");
}

void manual_help_of(const struct command *command, FILE *out)
{
    fprintf(out, "%s\n\n  %s\n", command->usage, command->summary);
    if (command->more)
        fprintf(out, "\n%s\n", command->more);
    if (command->flags[0].name)
        fprintf(out, "\nFlags:\n");
    for (const struct manual_flag *flag = command->flags; flag->name; flag++)
        fprintf(out, "  %s %-*s %s\n", flag->name, (int)(29 - strlen(flag->name)),
                flag->value ? flag->value : "", flag->help);
    if (!strstr(command->usage, "SETTING"))
        return;
    fprintf(out, "\nSettings, as flag and environment variable.\n");
    print_settings(out);
}
