// SPDX-License-Identifier: MIT
// The manual pages, in the man(7) language.
#include <string.h>

#include "rowcast/manual.h"
#include "rowcast/setting.h"

// A text as it stands: no request, no escape, and hyphens that can be copied.
static void text(FILE *out, const char *words)
{
    if (*words == '.' || *words == '\'')
        fputs("\\&", out);
    for (; *words; words++)
        if (*words == '\\')
            fputs("\\e", out);
        else if (*words == '-')
            fputs("\\-", out);
        else
            fputc(*words, out);
}

static void paragraph(FILE *out, const char *words)
{
    text(out, words);
    fputc('\n', out);
}

static void section(FILE *out, const char *name)
{
    fprintf(out, ".SH %s\n", name);
}

// A tagged paragraph: the tag in bold, what follows it as it is.
static void tag(FILE *out, const char *name, const char *rest)
{
    fputs(".TP\n\\fB", out);
    text(out, name);
    fputs("\\fR", out);
    if (rest && *rest) {
        fputc(' ', out);
        text(out, rest);
    }
    fputc('\n', out);
}

static void title(FILE *out, const char *name, const char *number, const char *manual)
{
    fprintf(out, ".TH %s %s \"\" \"rowcast %s\" \"%s\"\n", name, number, ROWCAST_VERSION, manual);
}

// ---- rowcast.1 ----

static void write_commands(const struct manual *manual, FILE *out)
{
    section(out, "COMMANDS");
    for (size_t i = 0; i < manual->count; i++) {
        const struct command *command = &manual->commands[i];
        tag(out, command->usage, NULL);
        fprintf(out, "%c", command->summary[0] - 'a' + 'A');
        text(out, command->summary + 1);
        fputs(".\n", out);
        if (command->more)
            paragraph(out, command->more);
        if (command->flags[0].name)
            fputs(".RS\n", out);
        for (const struct manual_flag *flag = command->flags; flag->name; flag++) {
            tag(out, flag->name, flag->value);
            paragraph(out, flag->help);
        }
        if (command->flags[0].name)
            fputs(".RE\n", out);
    }
}

static void write_options(FILE *out)
{
    char flag[SETTING_FLAG];
    section(out, "SETTINGS");
    paragraph(
        out,
        "Each can be given as a flag, as a variable of the environment, as a line of the file of --config, "
        "and as a key in config.lua of the script folder; the first of these that has it wins. "
        "rowcast.conf(5) explains them.");
    tag(out, "--config", "FILE");
    paragraph(out, "Reads settings from this file, see rowcast.conf(5).");
    for (size_t i = 0; i < setting_count(); i++) {
        const struct setting *setting = setting_at(i);
        if (setting->kind == SETTING_LIST)
            continue;
        setting_flag(setting, flag);
        fputs(".TP\n\\fB", out);
        text(out, flag);
        fprintf(out, "\\fR, \\fB%s\\fR\n", setting->environment);
        text(out, setting->help);
        if (setting_default(setting)) {
            fputs(" (", out);
            text(out, setting_default(setting));
            fputs(")", out);
        }
        fputs("\n", out);
    }
}

static void write_tags(FILE *out, const char *name, const char *const *pairs)
{
    section(out, name);
    for (; *pairs; pairs += 2) {
        tag(out, pairs[0], NULL);
        paragraph(out, pairs[1]);
    }
}

static const char *const signals[] = {
    "SIGHUP",
    "Loads the script folder anew; if anything in it fails, the old scripts go on and the log says why.",
    "SIGTERM, SIGINT",
    "Unready at once, closes every connection with 1001, then ends. A second one ends it at once.",
    "SIGUSR1",
    "Writes the status to the log.",
    NULL};

static const char *const exits[] = {
    "0",  "Fine.",
    "1",  "Failed.",
    "2",  "Wrong usage.",
    "69", "Something that is needed is unavailable: a port in use, a database out of reach.",
    "70", "Internal error.",
    "78", "Error in the configuration or in a script.",
    NULL};

static const char *const environment[] = {
    "NODE_ENV",
    "production: the log is JSON on a terminal too.",
    "NO_COLOR",
    "Set: no colours on a terminal.",
    "NOTIFY_SOCKET, WATCHDOG_USEC",
    "Set by the service manager: the router tells it when it serves, reloads and drains, and that it is alive; see sd_notify(3).",
    NULL};

static const char *const paths[] = {"/etc/rowcast/rowcast.conf",
                                    "The settings of the packaged service.",
                                    "/etc/rowcast/scripts/", "Its scripts.", NULL};

void manual_page(const struct manual *manual, FILE *out)
{
    title(out, "ROWCAST", "1", "User Commands");
    section(out, "NAME");
    paragraph(out, "rowcast - PostgreSQL row changes to WebSocket clients, by Lua scripts");
    section(out, "SYNOPSIS");
    for (size_t i = 0; i < manual->count; i++) {
        if (i > 0)
            fputs(".br\n", out);
        paragraph(out, manual->commands[i].usage);
    }
    section(out, "DESCRIPTION");
    paragraph(
        out,
        "rowcast reads the committed changes of a PostgreSQL publication, lets Lua scripts make events of "
        "them, and sends each event to the WebSocket clients that subscribed to its topic. Every event has an "
        "id; a client that was cut resumes behind the last one that it saw.");
    write_commands(manual, out);
    write_options(out);
    write_tags(out, "SIGNALS", signals);
    write_tags(out, "EXIT STATUS", exits);
    write_tags(out, "ENVIRONMENT", environment);
    write_tags(out, "FILES", paths);
    section(out, "EXAMPLES");
    fputs(".nf\nDATABASE_URL=postgresql://me@localhost/shop rowcast db setup \\-\\-dry\\-run\n"
          "rowcast \\-\\-config /etc/rowcast/rowcast.conf \\-\\-print\\-config\n"
          "rowcast replay session.jsonl | jq .type\n.fi\n",
          out);
    section(out, "SEE ALSO");
    fputs(".BR rowcast.conf (5)\n", out);
}

// ---- rowcast.conf.5 ----

static void write_forms(const struct setting *setting, FILE *out)
{
    char values[SETTING_TEXT], flag[SETTING_FLAG];
    setting_values(setting, values);
    setting_flag(setting, flag);
    if (*values) {
        fputs(".br\nValue: ", out);
        paragraph(out, values);
    }
    fputs(".br\nDefault: ", out);
    paragraph(out, setting_default(setting) ? setting_default(setting) : "none");
    fprintf(out, ".br\nElsewhere: \\fB%s\\fR, \\fB", setting->environment);
    text(out, flag);
    fputs("\\fR\n", out);
}

void manual_conf_page(const struct manual *manual, FILE *out)
{
    (void)manual;
    title(out, "ROWCAST.CONF", "5", "File Formats");
    section(out, "NAME");
    paragraph(out, "rowcast.conf - settings of rowcast");
    section(out, "DESCRIPTION");
    paragraph(
        out,
        "The file that the flag --config names. Each line is `key = value`. A # at the beginning of a line or behind a "
        "blank begins a comment; empty lines do not count. Of two lines with the same key the later one holds. An "
        "unknown key or a value out of its bounds is an error that names the line.");
    fputs(".PP\n", out);
    paragraph(
        out,
        "Variables of the environment and flags go before the file, and the file goes before config.lua of the "
        "script folder. `rowcast --config FILE --print-config` shows each value and where it came from.");
    fputs(".PP\n", out);
    paragraph(
        out,
        "Sizes are written with B, KiB, MiB or GiB, durations with ms, s, m or h, switches as on and off.");
    section(out, "SETTINGS");
    for (size_t i = 0; i < setting_count(); i++) {
        const struct setting *setting = setting_at(i);
        if (i == 0 || setting->group != setting_at(i - 1)->group)
            fprintf(out, ".SS %s\n", setting_group_name(setting->group));
        if (setting->kind == SETTING_LIST)
            continue;
        tag(out, setting->key, NULL);
        text(out, setting->help);
        fputs(".\n", out);
        paragraph(out, setting->more);
        write_forms(setting, out);
    }
    section(out, "SEE ALSO");
    fputs(".BR rowcast (1)\n", out);
}
