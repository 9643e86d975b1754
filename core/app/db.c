// SPDX-License-Identifier: MIT
// rowcast db: what the router needs in the database.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/commands.h"
#include "rowcast/memory.h"
#include "rowcast/postgres.h"

struct options {
    bool dry_run, identity_full;
};

static int set_up(const struct postgres_config *config, const struct options *options,
                  const struct postgres_table *tables, size_t count, struct fault *fault)
{
    if (postgres_setup(config, tables, count, options->identity_full, options->dry_run, stdout,
                       fault) < 0)
        return -1;
    return postgres_guide(config, tables, count, stdout, fault);
}

static int run_verb(const char *verb, const struct settings *settings,
                    const struct options *options, const struct postgres_table *tables,
                    size_t count)
{
    struct fault fault;
    struct postgres_config config = {
        .database = settings->database,
        .slot = settings->slot,
        .publication = settings->publication,
        .replay_wal = (uint64_t)settings->replay_wal,
        .slot_limit = (uint64_t)settings->slot_limit,
        .recreate_slot = settings->recreate_slot,
    };
    int result;
    if (strcmp(verb, "setup") == 0)
        result = set_up(&config, options, tables, count, &fault);
    else if (strcmp(verb, "drop") == 0)
        result = postgres_drop(&config, options->dry_run, stdout, &fault);
    else
        result = postgres_status(&config, tables, count, stdout, &fault);
    return result < 0 ? command_fail(&fault) : result > 0 ? EXIT_FAILED : EXIT_FINE;
}

static int run(const char *verb, const struct settings *settings, const struct options *options)
{
    struct script *script;
    struct fault fault;
    if (!settings->database) {
        fault_set(
            &fault, EXIT_CONFIGURATION,
            "No database is named: set DATABASE_URL, e.g. DATABASE_URL=postgresql://user@host/name "
            "rowcast db %s.",
            verb);
        return command_fail(&fault);
    }
    if (command_load_scripts(settings, &script, &fault) != 0)
        return command_fail(&fault);
    size_t count = script_table_count(script);
    struct postgres_table *tables = memory_new((count + 1) * sizeof *tables);
    for (size_t i = 0; i < count; i++)
        tables[i] =
            (struct postgres_table){script_table_schema(script, i), script_table_name(script, i)};
    int code = run_verb(verb, settings, options, tables, count);
    free(tables);
    script_free(script);
    return code;
}

static bool is_verb(const char *word)
{
    return word &&
           (strcmp(word, "setup") == 0 || strcmp(word, "status") == 0 || strcmp(word, "drop") == 0);
}

static int refuse_verb(void)
{
    struct fault fault;
    fault_set(&fault, EXIT_WRONG_USAGE, "'rowcast db' is followed by setup, status or drop.");
    return command_fail(&fault);
}

int command_db(int argument_count, char **arguments)
{
    struct settings settings;
    struct options options = {0};
    const char *operands[1] = {NULL};
    const struct settings_flag flags[] = {{"--dry-run", &options.dry_run, NULL},
                                          {"--identity-full", &options.identity_full, NULL},
                                          {0}};
    int code;
    if (command_settings(&settings, argument_count, arguments, flags, operands, 1, &code) != 0)
        return code;
    command_warn();
    code = is_verb(operands[0]) ? run(operands[0], &settings, &options) : refuse_verb();
    settings_release(&settings);
    return code;
}
