// SPDX-License-Identifier: MIT
// usage: stages FILE SCRIPTS ROWS
// Runs recorded rows through the parts of their way one by one, and prints for each what a row of it takes: nanoseconds
// of CPU time and calls of malloc.
//   read     lines of JSON to transactions
//   script   transactions in memory through their scripts to framed events, ROWS of them
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rowcast/memory.h"
#include "rowcast/recorded.h"
#include "rowcast/script.h"
#include "rowcast/source.h"

#define KEPT                                                                                       \
    100 // transactions: no more than the caches hold, as in the router, which has just read what it runs

extern unsigned long allocations(void) __attribute__((weak)); // allocations.c, if it is preloaded

struct bench {
    struct script *script;
    struct source_identity identity;
    struct transaction *kept[KEPT];
    size_t kept_count, rows, events;
    double began;
    unsigned long allocations;
};

static double cpu_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void begin(struct bench *bench)
{
    bench->rows = 0;
    bench->allocations = allocations ? allocations() : 0;
    bench->began = cpu_time();
}

static void tell(const struct bench *bench, const char *stage)
{
    double spent = cpu_time() - bench->began, rows = (double)bench->rows;
    printf("%s %.0f", stage, spent / rows);
    if (allocations)
        printf(" %.2f", (double)(allocations() - bench->allocations) / rows);
    printf("\n");
}

static void fail(const char *what)
{
    fprintf(stderr, "stages: %s\n", what);
    exit(EXIT_FAILURE);
}

// ---- read ----

static void drop(void *user, struct transaction *transaction)
{
    struct bench *bench = user;
    bench->rows += transaction->change_count;
    transaction_free(transaction);
}

static void keep(void *user, struct transaction *transaction)
{
    struct bench *bench = user;
    if (bench->kept_count < KEPT)
        bench->kept[bench->kept_count++] = transaction;
    else
        transaction_free(transaction);
}

// ---- script ----

static void take_event(void *user, const struct script_event *event)
{
    struct bench *bench = user;
    bench->events++;
    frame_unref(event->frame);
}

static void take_failure(void *user, const struct change *change, const char *script,
                         const char *message)
{
    (void)user, (void)change, (void)script;
    fail(message);
}

static void take_run(void *user, const char *script, uint64_t rows, uint64_t events,
                     int64_t nanoseconds)
{
    (void)user, (void)script, (void)rows, (void)events, (void)nanoseconds;
}

static void run_scripts(struct bench *bench, size_t rows)
{
    struct script_sink sink = {take_event, take_failure, bench, take_run};
    for (size_t i = 0; bench->rows < rows; i++) {
        const struct transaction *transaction = bench->kept[i % bench->kept_count];
        struct event_id id = source_event_id(&bench->identity, transaction);
        script_transaction(bench->script, transaction, &id, &sink);
        bench->rows += transaction->change_count;
    }
}

int main(int argument_count, char **arguments)
{
    if (argument_count != 4)
        fail("usage: stages FILE SCRIPTS ROWS");
    struct bench *bench = memory_new(sizeof *bench);
    struct script_limits limits = {16 << 20, 256 << 10, SCRIPT_TIMEOUT};
    size_t rows = strtoul(arguments[3], NULL, 10);
    struct fault fault;
    bench->identity = recorded_identity();
    if (script_load(&bench->script, arguments[2], &limits, &fault) != 0)
        fail(fault.text);
    begin(bench);
    if (recorded_read_file(arguments[1], drop, bench, &fault) != 0)
        fail(fault.text);
    tell(bench, "read");
    if (recorded_read_file(arguments[1], keep, bench, &fault) != 0)
        fail(fault.text);
    if (bench->kept_count == 0)
        fail("there is no transaction in the file");
    run_scripts(bench, bench->kept_count); // whatever is made once
    begin(bench);
    run_scripts(bench, rows);
    tell(bench, "script");
    for (size_t i = 0; i < bench->kept_count; i++)
        transaction_free(bench->kept[i]);
    script_free(bench->script);
    free(bench);
    return EXIT_SUCCESS;
}
