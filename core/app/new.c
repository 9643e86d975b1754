// SPDX-License-Identifier: MIT
// rowcast new: a script and a spec to begin with.
#include "rowcast/new.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rowcast/clock.h"
#include "rowcast/commands.h"
#include "rowcast/lsn.h"
#include "rowcast/memory.h"
#include "rowcast/recorded.h"

#define TEXT_MAX_SIZE (8u << 20)
#define MAX_NAME 128

// ---- files ----

static void make_folders(const char *path)
{
    char *copy = memory_text(path);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(copy, 0777);
        *slash = '/';
    }
    free(copy);
}

int new_write(const char *path, const struct buffer *text, struct fault *fault)
{
    make_folders(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST)
        return fault_set(fault, EXIT_FAILED, "%s is there already: nothing is written over it.",
                         path);
    ssize_t count = fd < 0 ? -1 : write(fd, text->bytes, text->size);
    int error = count < 0 ? errno : ENOSPC;
    if (fd >= 0)
        close(fd);
    if (count == (ssize_t)text->size)
        return 0;
    if (fd >= 0)
        unlink(path);
    return fault_set(fault, EXIT_FAILED, "%s cannot be written: %s.", path, strerror(error));
}

// The folder beside the script folder, where busted is run: "." for "scripts".
static char *project_of(const char *scripts)
{
    size_t size = strlen(scripts);
    while (size > 1 && scripts[size - 1] == '/')
        size--;
    while (size > 0 && scripts[size - 1] != '/')
        size--;
    return size == 0 ? memory_text("") : memory_copy(scripts, size);
}

static void advise_busted(const char *project)
{
    char *helper = memory_format("%sspec/helper.lua", project);
    if (access(helper, F_OK) == 0)
        printf("  %s%s%sbusted%s\n", *project ? "(cd " : "", project, *project ? " && " : "",
               *project ? ")" : "");
    else
        printf("  busted needs %s and .busted beside spec/: copy them from rowcast's sources\n",
               helper);
    free(helper);
}

// ---- rowcast new table NAME ----

static bool is_table_name(const char *name)
{
    const char *dot = strchr(name, '.');
    return *name && strlen(name) <= MAX_NAME && !strchr(name, '/') && dot != name &&
           !(dot && dot[1] == '\0') && strcspn(name, "\n\r\"\\") == strlen(name);
}

static int describe(const struct settings *settings, struct new_table *table,
                    struct postgres_description *description, struct fault *fault)
{
    struct postgres_config config = {.database = settings->database,
                                     .slot = settings->slot,
                                     .publication = settings->publication};
    struct postgres_table asked = {table->schema, table->table};
    if (postgres_describe(&config, &asked, 1, description, fault) != 0)
        return -1;
    const struct postgres_described *found = &description->tables[0];
    if (!found->relation)
        return fault_set(fault, EXIT_FAILED, "There is no table %s.%s in the database%s%s%s.",
                         table->schema, table->table,
                         found->suggestion ? "; did you mean: rowcast new table " : "",
                         found->suggestion ? found->suggestion : "",
                         found->suggestion ? "" : ": create it first");
    if (found->unfit)
        return fault_set(fault, EXIT_FAILED, "%s.%s %s.", table->schema, table->table,
                         found->unfit);
    table->described = found;
    return 0;
}

static int write_table(const struct new_table *table, const char *script, const char *spec,
                       struct fault *fault)
{
    struct buffer text;
    if (access(spec, F_OK) == 0)
        return fault_set(fault, EXIT_FAILED, "%s is there already: nothing is written over it.",
                         spec);
    buffer_init(&text, TEXT_MAX_SIZE);
    new_table_script(&text, table);
    int result = new_write(script, &text, fault);
    if (result == 0) {
        printf("%s\n", script);
        buffer_clear(&text);
        new_table_spec(&text, table);
        result = new_write(spec, &text, fault);
    }
    if (result == 0)
        printf("%s\n", spec);
    buffer_release(&text);
    return result;
}

static void advise_table(const struct settings *settings, const struct new_table *table,
                         const char *project)
{
    const struct postgres_described *described = table->described;
    printf("\nTo try it, and to have it served:\n");
    advise_busted(project);
    printf("  rowcast check\n");
    if (described && described->published)
        printf("  (%s.%s is published by \"%s\" already)\n", table->schema, table->table,
               settings->publication);
    else
        printf("  rowcast db setup%s    # publishes %s.%s\n",
               described && described->lacks_identity ? " --identity-full" : "", table->schema,
               table->table);
}

static int make_table(const struct settings *settings, const struct new_table *table,
                      struct fault *fault)
{
    char *project = project_of(settings->scripts);
    char *script = memory_format("%s/tables/%s.lua", settings->scripts, table->name);
    char *spec = memory_format("%sspec/tables/%s_spec.lua", project, table->name);
    int result = write_table(table, script, spec, fault);
    if (result == 0)
        advise_table(settings, table, project);
    free(project);
    free(script);
    free(spec);
    return result;
}

static int run_table(const struct settings *settings, const char *name, struct fault *fault)
{
    struct postgres_description description = {0};
    if (!name || !is_table_name(name))
        return fault_set(fault, EXIT_WRONG_USAGE,
                         "rowcast new table needs the name of a table: rowcast new table NAME, or "
                         "SCHEMA.NAME outside public.");
    if (strncmp(name, "public.", 7) == 0)
        name += 7;
    const char *dot = strchr(name, '.');
    char *schema = dot ? memory_copy(name, (size_t)(dot - name)) : memory_text("public");
    struct new_table table = {name, schema, dot ? dot + 1 : name, NULL};
    int result = settings->database ? describe(settings, &table, &description, fault) : 0;
    if (result == 0)
        result = make_table(settings, &table, fault);
    postgres_description_release(&description);
    free(schema);
    return result;
}

// ---- rowcast new spec --from FILE[:LINE|:LSN] ----

struct search {
    const struct settings *settings;
    char *file;
    const char *place;   // as it was asked for; NULL: the last one
    long wanted;         // line, or 0
    uint64_t wanted_lsn; // where no line is wanted
    long first, line;
    struct transaction *found;
};

static bool take_place(struct search *search, const char *place)
{
    if (*place && strspn(place, "0123456789") == strlen(place)) {
        search->wanted = strtol(place, NULL, 10);
        return true;
    }
    return lsn_parse(place, &search->wanted_lsn) == 0;
}

// "rows.jsonl:3" or "rows.jsonl:0/16B3748", unless there is a file of that name.
static void split(struct search *search, const char *from)
{
    const char *colon = strrchr(from, ':');
    if (colon && access(from, F_OK) != 0 && take_place(search, colon + 1))
        search->place = colon + 1;
    search->file = search->place ? memory_copy(from, (size_t)(colon - from)) : memory_text(from);
}

static bool is_wanted(const struct search *search, const struct transaction *transaction)
{
    if (!search->place)
        return true;
    return search->wanted > 0 ? search->wanted >= search->first && search->wanted <= search->line
                              : transaction->lsn == search->wanted_lsn;
}

static void take(void *user, struct transaction *transaction)
{
    struct search *search = user;
    bool wanted = is_wanted(search, transaction);
    search->first = search->line + 1;
    if (!wanted) {
        transaction_free(transaction);
        return;
    }
    transaction_free(search->found);
    search->found = transaction;
}

static int read_lines(struct search *search, FILE *file, struct fault *fault)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    int result = 0;
    struct recorded_reader *reader = recorded_reader_new(take, search);
    recorded_reader_any_order(reader);
    while (result == 0 && (size = getline(&line, &capacity, file)) >= 0) {
        search->line++;
        size -= size > 0 && line[size - 1] == '\n';
        result = recorded_reader_line(reader, line, (size_t)size, clock_now(), fault);
    }
    if (result == 0)
        result = recorded_reader_end(reader, fault);
    recorded_reader_free(reader);
    free(line);
    return result;
}

static int find_transaction(struct search *search, struct fault *fault)
{
    struct fault said;
    FILE *file = fopen(search->file, "re");
    if (!file)
        return fault_set(fault, EXIT_FAILED, "The recorded rows %s cannot be opened: %s.",
                         search->file, strerror(errno));
    search->first = 1;
    int result = read_lines(search, file, &said);
    fclose(file);
    if (result != 0)
        return fault_set(fault, said.code, "%s: %.1800s", search->file, said.text);
    if (!search->found && search->wanted > 0)
        return fault_set(fault, EXIT_FAILED, "%s has no transaction in line %ld, but %ld lines.",
                         search->file, search->wanted, search->line);
    if (!search->found && search->place)
        return fault_set(fault, EXIT_FAILED, "%s has no transaction with LSN %s.", search->file,
                         search->place);
    if (!search->found)
        return fault_set(fault, EXIT_FAILED, "%s has no transaction in it.", search->file);
    return 0;
}

// Of a table with a script: the first row that fails, else the first that makes an event, else the first.
static const struct change *choose(const struct transaction *transaction, struct script *script,
                                   const struct outcome *outcome)
{
    char place[PATH_MAX];
    const char *file;
    const struct change *chosen = NULL;
    int rank = 0;
    for (uint32_t i = 0; i < transaction->change_count; i++) {
        const struct change *change = &transaction->changes[i];
        size_t count;
        if (!change->relation || !script_handler(script, change, place, sizeof place, &file))
            continue;
        int own = outcome_failure_of(outcome, change->index)                  ? 3
                  : outcome_events_of(outcome, change->index, &count) != NULL ? 2
                                                                              : 1;
        if (own > rank)
            chosen = change;
        rank = own > rank ? own : rank;
    }
    return chosen;
}

static int write_spec(const struct search *search, const struct change *change,
                      const struct outcome *outcome, struct fault *fault)
{
    struct buffer text;
    const struct transaction *transaction = search->found;
    char *project = project_of(search->settings->scripts);
    char *origin = search->place ? memory_format("%s:%s", search->file, search->place)
                                 : memory_format("%s:%ld", search->file, search->line);
    char *path = memory_format("%sspec/tables/%s_%X_%X_%u_spec.lua", project,
                               new_short_name(change->relation), (unsigned)(transaction->lsn >> 32),
                               (unsigned)transaction->lsn, change->index);
    buffer_init(&text, TEXT_MAX_SIZE);
    new_row_spec(&text, transaction, change, outcome, origin);
    int result = text.overflowed ? fault_set(fault, EXIT_FAILED, "The row is too large for a spec.")
                                 : new_write(path, &text, fault);
    if (result == 0) {
        const struct outcome_failure *failure = outcome_failure_of(outcome, change->index);
        printf("%s\n\n%s%.*s\n", path, failure ? "It fails until this is mended: " : "It passes.",
               failure ? (int)strcspn(failure->message, "\n") : 0, failure ? failure->message : "");
        advise_busted(project);
    }
    buffer_release(&text);
    free(project);
    free(origin);
    free(path);
    return result;
}

static int make_spec(const struct search *search, struct script *script, struct fault *fault)
{
    struct outcome outcome = {0};
    struct source_identity identity = recorded_identity();
    outcome_run(&outcome, script, &identity, search->found);
    const struct change *change = choose(search->found, script, &outcome);
    int result = change ? write_spec(search, change, &outcome, fault)
                        : fault_set(fault, EXIT_FAILED,
                                    "No script in %s has a handler for a row of this transaction.",
                                    search->settings->scripts);
    outcome_release(&outcome);
    return result;
}

static int run_spec(const struct settings *settings, const char *from, struct fault *fault)
{
    struct script *script = NULL;
    struct search search = {.settings = settings};
    if (!from)
        return fault_set(fault, EXIT_WRONG_USAGE,
                         "rowcast new spec needs a file of recorded rows, such as the one of "
                         "ROWCAST_FAILED: rowcast new spec --from FILE[:LINE|:LSN].");
    split(&search, from);
    int result = find_transaction(&search, fault);
    if (result == 0)
        result = command_load_scripts(settings, &script, fault);
    if (result == 0)
        result = make_spec(&search, script, fault);
    script_free(script);
    transaction_free(search.found);
    free(search.file);
    return result;
}

// ---- the command ----

static int run(const struct settings *settings, const char *const *operands, const char *from)
{
    struct fault fault;
    const char *verb = operands[0] ? operands[0] : "";
    int result;
    if (strcmp(verb, "table") == 0 && !from)
        result = run_table(settings, operands[1], &fault);
    else if (strcmp(verb, "spec") == 0 && !operands[1])
        result = run_spec(settings, from, &fault);
    else
        result = fault_set(
            &fault, EXIT_WRONG_USAGE,
            "'rowcast new' is followed by table NAME, or by spec --from FILE[:LINE|:LSN].");
    return result == 0 ? EXIT_FINE : command_fail(&fault);
}

int command_new(int argument_count, char **arguments)
{
    struct settings settings;
    const char *operands[2] = {NULL, NULL}, *from = NULL;
    const struct settings_flag flags[] = {{"--from", NULL, &from}, {0}};
    int code;
    if (command_settings(&settings, argument_count, arguments, flags, operands, 2, &code) != 0)
        return code;
    command_warn();
    code = run(&settings, operands, from);
    settings_release(&settings);
    return code;
}
