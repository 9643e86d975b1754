// SPDX-License-Identifier: MIT
// rowcast check: what is wrong with the scripts, without serving.
#include <stdio.h>
#include <stdlib.h>

#include "rowcast/check.h"
#include "rowcast/commands.h"
#include "rowcast/findings.h"
#include "rowcast/log.h"
#include "rowcast/memory.h"
#include "rowcast/postgres.h"
#include "rowcast/recorded.h"
#include "rowcast/rehearsal.h"

struct check {
    const struct settings *settings;
    const char *rows; // a file of recorded rows; NULL: none
    struct findings findings;
    struct script *script, *other;
    struct postgres_description description;
    struct rehearsal rehearsal;
    size_t transactions; // of the file
    bool specs;
    const char *spec_folder;
    size_t passed; // tests of specs
};

static void take_finding(void *user, const char *finding, bool raised)
{
    if (raised)
        findings_add_consequence(user, finding);
    else
        findings_add(user, finding);
}

static void ignore_finding(void *user, const char *finding, bool raised)
{
    (void)user, (void)finding, (void)raised;
}

// ---- the database ----

static void check_table(struct check *check, size_t index)
{
    const struct postgres_described *table = &check->description.tables[index];
    const char *file = script_table_file(check->script, index);
    const char *schema = script_table_schema(check->script, index);
    const char *name = script_table_name(check->script, index);
    struct findings *findings = &check->findings;
    if (!table->relation)
        findings_add_format(findings, "%s:1: there is no table %s.%s in the database%s%s%s", file,
                            schema, name, table->suggestion ? "; did you mean " : "",
                            table->suggestion ? table->suggestion : "",
                            table->suggestion ? "?" : "");
    else if (table->unfit)
        findings_add_format(findings, "%s:1: %s.%s %s", file, schema, name, table->unfit);
    else if (!table->published)
        findings_add_format(
            findings, "%s:1: %s.%s is not published: %s \"%s\"; rowcast db setup %s", file, schema,
            name,
            check->description.publication ? "it is not in the publication"
                                           : "there is no publication",
            check->settings->publication, check->description.publication ? "adds it" : "makes it");
    if (table->relation && !table->unfit && table->lacks_identity)
        findings_add_format(findings,
                            "%s:1: %s.%s has no usable replica identity (%s), so its UPDATE and "
                            "DELETE fail once it is published: give it a primary key, or: rowcast "
                            "db setup --identity-full",
                            file, schema, name, table->identity);
}

static int describe(struct check *check, struct fault *fault)
{
    size_t count = script_table_count(check->script);
    struct postgres_config config = {.database = check->settings->database,
                                     .slot = check->settings->slot,
                                     .publication = check->settings->publication};
    struct postgres_table *tables = memory_new((count + 1) * sizeof *tables);
    for (size_t i = 0; i < count; i++)
        tables[i] = (struct postgres_table){script_table_schema(check->script, i),
                                            script_table_name(check->script, i)};
    int result = postgres_describe(&config, tables, count, &check->description, fault);
    for (size_t i = 0; i < count && result == 0; i++)
        check_table(check, i);
    free(tables);
    return result;
}

// ---- rows ----

static void take_transaction(void *user, struct transaction *transaction)
{
    struct check *check = user;
    check->transactions++;
    rehearsal_transaction(&check->rehearsal, transaction);
    transaction_free(transaction);
}

static int rehearse(struct check *check, struct fault *fault)
{
    bool described = check->description.table_count > 0;
    rehearsal_init(&check->rehearsal, &check->findings, check->script, check->other,
                   described ? &check->description : NULL);
    int result = check->rows ? recorded_read_file(check->rows, take_transaction, check, fault) : 0;
    if (result == 0) {
        rehearsal_read(&check->rehearsal);
        rehearsal_run(&check->rehearsal);
        rehearsal_clients(&check->rehearsal);
    }
    rehearsal_release(&check->rehearsal);
    return result;
}

// ---- the command ----

static int look(struct check *check, struct fault *fault)
{
    struct script_limits limits = settings_script_limits(check->settings);
    const char *folder = check->settings->scripts;
    check->script = script_check(folder, &limits, take_finding, &check->findings, fault);
    if (!check->script)
        return -1;
    if (script_table_count(check->script) == 0 && check->findings.count == 0 &&
        !script_has_hook(check->script, HOOK_MESSAGE))
        return fault_set(fault, EXIT_CONFIGURATION,
                         "%s has neither tables/*.lua nor client.lua: is it the script folder? "
                         "--scripts DIR names another.",
                         folder);
    check->other = script_check(folder, &limits, ignore_finding, NULL, fault);
    if (!check->other)
        return -1;
    if (script_hash(check->other) != script_hash(check->script))
        return fault_set(fault, EXIT_CONFIGURATION,
                         "%s has changed while it was looked at: once more, please.", folder);
    if (check->settings->database && describe(check, fault) != 0)
        return -1;
    if (rehearse(check, fault) != 0)
        return -1;
    return check->specs ? check_specs(check->settings, check->spec_folder, &check->findings,
                                      &check->passed, fault)
                        : 0;
}

static void praise(const struct check *check)
{
    bool messages = script_has_hook(check->script, HOOK_MESSAGE);
    printf("%s: fine, %zu table scripts%s; tried with ", check->settings->scripts,
           script_table_count(check->script),
           messages ? " and client.lua" : ", but no client.lua that takes messages");
    if (check->rows)
        printf("%zu recorded transactions and ", check->transactions);
    printf("%s", check->settings->database ? "rows as the database has them" : "invented rows");
    if (check->specs)
        printf("; %zu tests of %s pass in the core", check->passed, check->spec_folder);
    putchar('\n');
}

static int run(struct check *check)
{
    struct fault fault;
    log_setup(LOG_ERROR, true); // what scripts log of rows that are none is of no interest
    int result = look(check, &fault);
    findings_print(&check->findings, stderr);
    int code = EXIT_FINE;
    if (result != 0)
        code = command_fail(&fault);
    else if (check->findings.count == 0)
        praise(check);
    if (check->findings.count > 0) {
        fprintf(stderr, "rowcast: %zu finding%s in %s\n", check->findings.count,
                check->findings.count == 1 ? "" : "s", check->settings->scripts);
        code = EXIT_CONFIGURATION;
    }
    script_free(check->script);
    script_free(check->other);
    postgres_description_release(&check->description);
    findings_release(&check->findings);
    return code;
}

int command_check(int argument_count, char **arguments)
{
    struct settings settings;
    struct check check = {.settings = &settings, .spec_folder = "spec"};
    const char *operands[1] = {NULL};
    const struct settings_flag flags[] = {
        {"--rows", NULL, &check.rows}, {"--specs", &check.specs, NULL}, {0}};
    struct fault fault;
    int code;
    if (command_settings(&settings, argument_count, arguments, flags, operands, 1, &code) != 0)
        return code;
    command_warn();
    if (operands[0])
        check.spec_folder = operands[0];
    if (operands[0] && !check.specs) {
        fault_set(&fault, EXIT_WRONG_USAGE,
                  "'%s' is one argument too many: --scripts %s names a script folder.", operands[0],
                  operands[0]);
        code = command_fail(&fault);
    } else {
        code = run(&check);
    }
    settings_release(&settings);
    return code;
}
