// SPDX-License-Identifier: MIT
// The example of a settings file, the table of the documentation, and the completion of bash.
#include <string.h>

#include "rowcast/manual.h"
#include "rowcast/setting.h"

#define COLUMNS 100

// ---- rowcast.conf ----

// Words as comment lines, the first of which may have begun.
static void comment(FILE *out, const char *words, int *column)
{
    while (*words) {
        int size = (int)strcspn(words, " ");
        if (*column > 0 && *column + 1 + size > COLUMNS) {
            fputc('\n', out);
            *column = 0;
        }
        if (*column == 0)
            *column = fprintf(out, "#");
        *column += fprintf(out, " %.*s", size, words);
        words += size;
        words += strspn(words, " ");
    }
}

static void write_example(const struct setting *setting, FILE *out)
{
    char values[SETTING_TEXT], flag[SETTING_FLAG], line[512];
    const char *worked_out = setting->initial ? NULL : setting->worked_out;
    int column = 0;
    setting_flag(setting, flag);
    setting_values(setting, values);
    snprintf(line, sizeof line, "%s: %s.", setting->key, setting->help);
    comment(out, line, &column);
    comment(out, setting->more, &column);
    snprintf(line, sizeof line, "\n#   %s%s%s%s%s%s, %s\n", values, *values ? "; " : "",
             worked_out ? "default: " : "", worked_out ? worked_out : "", worked_out ? "; " : "",
             setting->environment, flag);
    fputs(line, out);
    fprintf(out, "#%s = %s\n\n", setting->key,
            setting->initial ? setting->initial : setting->example);
}

void manual_conf(const struct manual *manual, FILE *out)
{
    (void)manual;
    fputs(
        "# rowcast.conf: settings for 'rowcast --config FILE', one `key = value` a line, as rowcast.conf(5) says.\n"
        "# What is commented out is the default, or an example where the default is no value that could be written.\n"
        "# Variables of the environment and flags, named beside each, go before this file.\n"
        "# Made by 'rowcast help rowcast.conf'.\n\n",
        out);
    for (size_t i = 0; i < setting_count(); i++) {
        const struct setting *setting = setting_at(i);
        if (setting->kind == SETTING_LIST)
            continue;
        if (i == 0 || setting->group != setting_at(i - 1)->group)
            fprintf(out, "# ---- %s ----\n\n", setting_group_name(setting->group));
        write_example(setting, out);
    }
}

// ---- SETTINGS.md ----

static void write_row(const struct setting *setting, FILE *out)
{
    char values[SETTING_TEXT], flag[SETTING_FLAG];
    const char *initial = setting->initial;
    setting_values(setting, values);
    setting_flag(setting, flag);
    fprintf(out, "| `%s` | ", setting->key);
    if (setting->kind == SETTING_LIST)
        fputs("config.lua only | ", out);
    else
        fprintf(out, "`%s`, `%s` | ", setting->environment, flag);
    if (initial)
        fprintf(out, "`%s`", initial);
    else
        fputs(setting->worked_out ? setting->worked_out : "", out);
    fprintf(out, " | %s. %s%s%s%s |\n", setting->help, setting->more, *values ? " *Value:* " : "",
            values, *values ? "." : "");
}

void manual_settings(const struct manual *manual, FILE *out)
{
    (void)manual;
    fputs(
        "# Settings\n\n"
        "Defaults < `config.lua` in the script folder < the file of `--config` < environment < flags. `rowcast --print-config` shows\n"
        "each value and where it came from. An unknown key or flag is an error that suggests the one that may be meant.\n"
        "The file has one `key = value` a line and `#` comments; "
        "[examples/service/rowcast.conf](../examples/service/rowcast.conf)\n"
        "has every key in it, explained. `NODE_ENV=production` makes the log JSON on a terminal too.\n\n"
        "This page is made by `rowcast help SETTINGS.md`.\n",
        out);
    for (size_t i = 0; i < setting_count(); i++) {
        const struct setting *setting = setting_at(i);
        if (i == 0 || setting->group != setting_at(i - 1)->group)
            fprintf(
                out,
                "\n## %s\n\n| key | environment, flag | default | meaning |\n| --- | --- | --- | --- |\n",
                setting_group_name(setting->group));
        write_row(setting, out);
    }
}

// ---- rowcast.bash ----

static void write_flags(FILE *out)
{
    char flag[SETTING_FLAG];
    fputs("    local settings='--config --help", out);
    for (size_t i = 0; i < setting_count(); i++) {
        setting_flag(setting_at(i), flag);
        if (setting_at(i)->kind != SETTING_LIST)
            fprintf(out, " %s", flag);
    }
    fputs("'\n", out);
}

// The words of "a, b or c".
static void write_words(const char *words, FILE *out)
{
    for (const char *gap = ""; *words; gap = " ") {
        size_t size = strcspn(words, ", ");
        fprintf(out, "%s%.*s", gap, (int)size, words);
        words += size;
        words += strncmp(words, " or ", 4) == 0 ? 4 : strspn(words, ", ");
    }
}

// What follows a flag; a file where nothing is said.
static void write_values(FILE *out)
{
    char flag[SETTING_FLAG];
    fputs("    case $before in\n", out);
    for (size_t i = 0; i < setting_count(); i++) {
        const struct setting *setting = setting_at(i);
        if (!setting->words)
            continue;
        setting_flag(setting, flag);
        fprintf(out, "    %s) words='", flag);
        write_words(setting->words, out);
        fputs("' ;;\n", out);
    }
    fputs("    --config", out);
    for (size_t i = 0; i < setting_count(); i++) {
        const struct setting *setting = setting_at(i);
        setting_flag(setting, flag);
        if (!setting->words && setting->kind != SETTING_SWITCH && setting->kind != SETTING_LIST)
            fprintf(out, " | %s", flag);
    }
    fputs(") return ;;\n    *)\n        case $command in\n", out);
}

static void write_command(const struct manual *manual, const struct command *command, FILE *out)
{
    const char *names[16];
    fprintf(out, "        %s) words='%s", command->name,
            command->operands ? command->operands : "");
    if (command->operands && strcmp(command->name, "help") == 0)
        for (size_t i = 0; i < manual->count; i++)
            fprintf(out, " %s", manual->commands[i].name);
    for (size_t i = 0; strcmp(command->name, "help") == 0 && i < manual_files(names, 16); i++)
        fprintf(out, " %s", names[i]);
    for (const struct manual_flag *flag = command->flags; flag->name; flag++)
        fprintf(out, " %s", flag->name);
    fprintf(out, "'%s ;;\n", strstr(command->usage, "SETTING") ? "\" $settings\"" : "");
}

void manual_completion(const struct manual *manual, FILE *out)
{
    fputs(
        "# shellcheck shell=bash\n# bash completion of rowcast, made by 'rowcast help rowcast.bash'.\n"
        "_rowcast() {\n    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command words\n",
        out);
    write_flags(out);
    fputs("    COMPREPLY=()\n"
          "    [[ $word != = ]] || word=''\n"
          "    [[ $before != = ]] || before=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    command=${COMP_WORDS[1]}\n    [[ $command != -* ]] || command=serve\n"
          "    if [ \"$COMP_CWORD\" = 1 ] && [[ $word != -* ]]; then command=''; fi\n",
          out);
    write_values(out);
    for (size_t i = 0; i < manual->count; i++)
        write_command(manual, &manual->commands[i], out);
    fputs("        *) words='", out);
    for (size_t i = 0; i < manual->count; i++)
        fprintf(out, "%s%s", i > 0 ? " " : "", manual->commands[i].name);
    fputs("' ;;\n        esac ;;\n    esac\n"
          "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n}\n"
          "complete -o default -F _rowcast rowcast\n",
          out);
}
