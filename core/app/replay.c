// SPDX-License-Identifier: MIT
// rowcast replay: recorded rows through the scripts, events as JSON lines on standard output.
#include "rowcast/replay.h"

#include <string.h>

#include "rowcast/commands.h"
#include "rowcast/recorded.h"

struct replay {
    struct script *script, *other; // other: with --diff
    bool explain;
    struct source_identity identity;
    struct outcome outcome, other_outcome;
    struct replay_difference difference;
    size_t failures;
};

static void print_failure(const struct transaction *transaction,
                          const struct outcome_failure *failure)
{
    struct buffer row;
    size_t line = strcspn(failure->message, "\n");
    buffer_init(&row, 1024);
    for (uint32_t i = 0; i < transaction->change_count; i++)
        if (transaction->changes[i].index == failure->change)
            outcome_append_row(&row, transaction, &transaction->changes[i]);
    fprintf(stderr, "rowcast: %.*s\n  of the row %.*s%s\n", (int)line, failure->message,
            (int)row.size, row.bytes, failure->message + line);
    buffer_release(&row);
}

static void print(struct replay *replay, const struct transaction *transaction)
{
    const struct outcome *outcome = &replay->outcome;
    if (replay->explain) {
        replay_explain(stdout, replay->script, transaction, outcome);
        return;
    }
    for (size_t i = 0; i < outcome->event_count; i++) {
        replay_print_json(stdout, outcome->events[i].payload);
        putchar('\n');
    }
    for (size_t i = 0; i < outcome->failure_count; i++)
        print_failure(transaction, &outcome->failures[i]);
}

static void replay_transaction(void *user, struct transaction *transaction)
{
    struct replay *replay = user;
    outcome_run(&replay->outcome, replay->script, &replay->identity, transaction);
    if (replay->other) {
        outcome_run(&replay->other_outcome, replay->other, &replay->identity, transaction);
        replay_compare(stdout, &replay->difference, transaction, &replay->outcome,
                       &replay->other_outcome);
    } else {
        print(replay, transaction);
        replay->failures += replay->outcome.failure_count;
    }
    transaction_free(transaction);
}

static int conclude(const struct replay *replay)
{
    const struct replay_difference *difference = &replay->difference;
    if (!replay->other)
        return replay->failures > 0 ? EXIT_FAILED : EXIT_FINE;
    if (difference->rows == 0)
        fprintf(stderr, "rowcast: none of %zu events differs\n", difference->all_events);
    else
        fprintf(stderr, "rowcast: %zu of %zu events differ, of %zu rows\n", difference->events,
                difference->all_events, difference->rows);
    return difference->rows > 0 ? EXIT_FAILED : EXIT_FINE;
}

static int load(struct replay *replay, const struct settings *settings, struct fault *fault)
{
    struct script_limits limits = settings_script_limits(settings);
    replay->difference.before = settings->scripts;
    if (command_load_scripts(settings, &replay->script, fault) != 0)
        return -1;
    return replay->difference.after
               ? script_load(&replay->other, replay->difference.after, &limits, fault)
               : 0;
}

static int check(const struct replay *replay, const char *file, struct fault *fault)
{
    if (!file)
        return fault_set(fault, EXIT_WRONG_USAGE,
                         "replay needs a file of recorded rows: rowcast replay FILE [--scripts "
                         "DIR] [--diff DIR | --explain].");
    if (replay->explain && replay->difference.after)
        return fault_set(fault, EXIT_WRONG_USAGE,
                         "--explain and --diff are two answers: ask for one at a time.");
    return 0;
}

static int run(struct replay *replay, const struct settings *settings, const char *file)
{
    struct fault fault;
    int code = EXIT_FINE;
    if (check(replay, file, &fault) != 0 || load(replay, settings, &fault) != 0 ||
        recorded_read_file(file, replay_transaction, replay, &fault) != 0)
        code = command_fail(&fault);
    else
        code = conclude(replay);
    outcome_release(&replay->outcome);
    outcome_release(&replay->other_outcome);
    script_free(replay->script);
    script_free(replay->other);
    return fflush(stdout) != 0 && code == EXIT_FINE ? EXIT_FAILED : code;
}

int command_replay(int argument_count, char **arguments)
{
    struct settings settings;
    struct replay replay = {.identity = recorded_identity()};
    const char *operands[1] = {NULL};
    const struct settings_flag flags[] = {
        {"--diff", NULL, &replay.difference.after}, {"--explain", &replay.explain, NULL}, {0}};
    int code;
    if (command_settings(&settings, argument_count, arguments, flags, operands, 1, &code) != 0)
        return code;
    command_warn();
    code = run(&replay, &settings, operands[0]);
    settings_release(&settings);
    return code;
}
