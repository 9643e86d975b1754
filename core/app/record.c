// SPDX-License-Identifier: MIT
// rowcast record: the transactions of the database as recorded rows.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rowcast/amount.h"
#include "rowcast/buffer.h"
#include "rowcast/clock.h"
#include "rowcast/commands.h"
#include "rowcast/postgres.h"
#include "rowcast/recorded.h"

#define PROGRESS_MICROSECONDS 5000000

struct record {
    const char *path; // "-": standard output
    const char *publication;
    bool force;
    int64_t limit; // transactions; 0: none
    int fd;        // -1 before the stream has begun
    int signals;
    int signal_count;
    struct buffer lines;
    int64_t transactions, changes;
    off_t end; // of the last transaction that is whole
    int64_t told;
    bool failed;
    struct fault fault; // if it failed while writing
};

static bool is_standard_output(const struct record *record)
{
    return strcmp(record->path, "-") == 0;
}

static const char *shown_path(const struct record *record)
{
    return is_standard_output(record) ? "standard output" : record->path;
}

// ---- the file ----

static int refuse_existing(const struct record *record, struct fault *fault)
{
    return fault_set(fault, EXIT_FAILED,
                     "%s is there already: name another file, or overwrite it with rowcast record "
                     "--force %s.",
                     record->path, record->path);
}

static int began(void *user, struct fault *fault)
{
    struct record *record = user;
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (record->force ? O_TRUNC : O_EXCL);
    record->fd = is_standard_output(record)
                     ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                     : open(record->path, flags, S_IRUSR | S_IWUSR); // it holds rows
    if (record->fd < 0 && errno == EEXIST)
        return refuse_existing(record, fault);
    if (record->fd < 0)
        return fault_set(fault, EXIT_FAILED, "%s cannot be written: %s.", shown_path(record),
                         strerror(errno));
    fprintf(stderr, "rowcast: recording what the publication \"%s\" sends to %s; Ctrl-C ends it\n",
            record->publication, shown_path(record));
    record->told = clock_now();
    return 0;
}

// What is behind the last whole transaction could not be read.
static void cut_rest(const struct record *record)
{
    struct stat status;
    if (record->fd >= 0 && !is_standard_output(record) && fstat(record->fd, &status) == 0 &&
        S_ISREG(status.st_mode) && status.st_size > record->end &&
        ftruncate(record->fd, record->end) != 0)
        fprintf(stderr, "rowcast: the end of %s is no whole transaction\n", record->path);
}

static int write_lines(struct record *record)
{
    const char *at = record->lines.bytes;
    for (size_t left = record->lines.size; left > 0;) {
        ssize_t count = write(record->fd, at, left);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return fault_set(&record->fault, EXIT_FAILED,
                             "%s cannot be written further: %s. The %" PRId64
                             " transactions before are in it whole.",
                             shown_path(record), strerror(count < 0 ? errno : ENOSPC),
                             record->transactions);
        at += count;
        left -= (size_t)count;
    }
    return 0;
}

// ---- transactions ----

static void tell(struct record *record, bool finally)
{
    if (!finally && clock_now() - record->told < PROGRESS_MICROSECONDS)
        return;
    record->told = clock_now();
    fprintf(stderr, "rowcast: %" PRId64 " transactions with %" PRId64 " changes written to %s\n",
            record->transactions, record->changes, shown_path(record));
}

static int write_transaction(struct record *record, const struct transaction *transaction)
{
    uint32_t at = 0;
    do {
        buffer_clear(&record->lines);
        uint32_t next = recorded_write(&record->lines, transaction, at, NULL);
        if (next == at && at < transaction->change_count)
            return fault_set(&record->fault, EXIT_FAILED,
                             "A change of the transaction at LSN %X/%X does not fit into a line of "
                             "64 MiB. The %" PRId64 " transactions before are in %s whole.",
                             (unsigned)(transaction->lsn >> 32), (unsigned)transaction->lsn,
                             record->transactions, shown_path(record));
        at = next;
        if (write_lines(record) != 0)
            return -1;
    } while (at < transaction->change_count);
    return 0;
}

static bool take(void *user, struct transaction *transaction)
{
    struct record *record = user;
    bool empty = transaction->whole && transaction->change_count == 0;
    record->failed = !empty && write_transaction(record, transaction) != 0;
    record->changes += transaction->change_count;
    if (transaction->last && !empty && !record->failed) {
        record->transactions++;
        record->end = lseek(record->fd, 0, SEEK_CUR);
    }
    transaction_free(transaction);
    tell(record, false);
    return !record->failed && (record->limit == 0 || record->transactions < record->limit);
}

// ---- signals: the first one ends it behind the transaction under way ----

static enum postgres_stop stop(void *user)
{
    struct record *record = user;
    struct signalfd_siginfo info;
    while (read(record->signals, &info, sizeof info) == sizeof info)
        record->signal_count++;
    return record->signal_count == 0   ? POSTGRES_STOP_NOT
           : record->signal_count == 1 ? POSTGRES_STOP_BETWEEN
                                       : POSTGRES_STOP_NOW;
}

static void catch_signals(struct record *record)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    record->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

// ---- the command ----

static int run(struct record *record, const struct settings *settings)
{
    struct fault fault;
    struct postgres_config config = {
        .database = settings->database, .slot = "", .publication = settings->publication};
    struct postgres_recorder recorder = {began, take, stop, record->signals, record};
    int result = postgres_record(&config, &recorder, stderr, &fault);
    if (record->failed)
        fault = record->fault;
    cut_rest(record);
    if (record->fd >= 0 && !record->failed)
        tell(record, true);
    if (record->fd >= 0 && close(record->fd) != 0 && result == 0 && !record->failed) {
        record->failed = true;
        fault_set(&fault, EXIT_FAILED, "%s cannot be written: %s.", shown_path(record),
                  strerror(errno));
    }
    return result != 0 || record->failed ? command_fail(&fault) : EXIT_FINE;
}

static int check(struct record *record, const struct settings *settings, const char *count,
                 struct fault *fault)
{
    if (!record->path)
        return fault_set(fault, EXIT_WRONG_USAGE,
                         "record needs a file, or - for standard output: rowcast record FILE.");
    if (count && (amount_parse_number(count, &record->limit) < 0 || record->limit < 1))
        return fault_set(fault, EXIT_WRONG_USAGE,
                         "--count %s: the number of transactions to record is expected.", count);
    if (!settings->database)
        return fault_set(fault, EXIT_CONFIGURATION,
                         "No database is named: set DATABASE_URL, e.g. "
                         "DATABASE_URL=postgresql://user@host/name rowcast record %s.",
                         record->path);
    if (!is_standard_output(record) && !record->force && access(record->path, F_OK) == 0)
        return refuse_existing(record, fault);
    return 0;
}

int command_record(int argument_count, char **arguments)
{
    struct settings settings;
    struct record record = {.fd = -1};
    const char *operands[1] = {NULL}, *count = NULL;
    const struct settings_flag flags[] = {
        {"--force", &record.force, NULL}, {"--count", NULL, &count}, {0}};
    struct fault fault;
    int code;
    if (command_settings(&settings, argument_count, arguments, flags, operands, 1, &code) != 0)
        return code;
    command_warn();
    record.path = operands[0];
    record.publication = settings.publication;
    if (check(&record, &settings, count, &fault) != 0) {
        code = command_fail(&fault);
    } else {
        buffer_init(&record.lines, RECORDED_MAX_LINE);
        catch_signals(&record);
        code = run(&record, &settings);
        close(record.signals);
        buffer_release(&record.lines);
    }
    settings_release(&settings);
    return code;
}
