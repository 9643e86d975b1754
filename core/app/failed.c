// SPDX-License-Identifier: MIT
// Failed transactions, kept for later.
#include "rowcast/failed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rowcast/buffer.h"
#include "rowcast/log.h"
#include "rowcast/map.h"
#include "rowcast/memory.h"
#include "rowcast/recorded.h"

#define FAILURES ",\"failed\":" // what stands before it in a line says which transaction it is
#define PIECE (256 << 10)

struct failed {
    char *path;
    int fd;
    struct map known; // hashes of the beginnings of lines
    uint64_t missing;
    bool said; // that nothing can be written; once until something is again
};

// ---- which transactions are there ----

static uint64_t hash_of(const char *line, size_t size)
{
    const char *end = memmem(line, size, FAILURES, strlen(FAILURES));
    return map_hash(line, end ? (size_t)(end - line) : size);
}

static bool is_known(const struct failed *failed, const char *line, size_t size)
{
    uint64_t hash = hash_of(line, size);
    return map_get(&failed->known, &hash, sizeof hash) != NULL;
}

static void know(struct failed *failed, const char *line, size_t size)
{
    uint64_t hash = hash_of(line, size);
    map_put(&failed->known, &hash, sizeof hash, 1);
}

// ---- opening ----

static int refuse(const char *path, const char *why, struct fault *fault)
{
    return fault_set(fault, EXIT_CONFIGURATION,
                     "The file for failed rows, %s, cannot be used: %s. Name another one with "
                     "ROWCAST_FAILED (--failed FILE).",
                     path, why);
}

// A crash in the middle of a line leaves its beginning: that goes, for what comes behind would be unreadable too.
static int cut_torn_line(struct failed *failed, const struct buffer *text, size_t from,
                         struct fault *fault)
{
    static const char beginning[] = "{\"lsn\":";
    size_t size = text->size - from;
    size_t common = size < sizeof beginning - 1 ? size : sizeof beginning - 1;
    if (size == 0)
        return 0;
    if (memcmp(text->bytes + from, beginning, common) != 0)
        return refuse(failed->path, "it is not a file of recorded rows", fault);
    if (ftruncate(failed->fd, (off_t)from) != 0)
        return refuse(failed->path, strerror(errno), fault);
    log_write(LOG_WARN, "failed_rows_mended", LOG_FIELDS(LOG_TEXT("file", failed->path)),
              "the last line of %s was cut short, as by a crash; it was removed", failed->path);
    return 0;
}

static int take_lines(struct failed *failed, const struct buffer *text, struct fault *fault)
{
    size_t at = 0;
    for (const char *end; at < text->size; at = (size_t)(end - text->bytes) + 1) {
        end = memchr(text->bytes + at, '\n', text->size - at);
        if (!end)
            break;
        if (text->bytes[at] != '{')
            return refuse(failed->path, "it is not a file of recorded rows", fault);
        know(failed, text->bytes + at, (size_t)(end - text->bytes) - at);
    }
    return text->size < text->maximum ? cut_torn_line(failed, text, at, fault) : 0;
}

static int read_known(struct failed *failed, struct fault *fault)
{
    struct buffer text;
    ssize_t count = 0;
    char *room;
    buffer_init(&text, FAILED_MAX_SIZE + PIECE);
    while ((room = buffer_reserve(&text, PIECE)) && (count = read(failed->fd, room, PIECE)) > 0)
        text.size += (size_t)count;
    int result =
        count < 0 ? refuse(failed->path, strerror(errno), fault) : take_lines(failed, &text, fault);
    buffer_release(&text);
    return result;
}

static int open_file(const char *path, struct fault *fault)
{
    struct stat status;
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                  S_IRUSR | S_IWUSR);
    if (fd < 0)
        return refuse(path, strerror(errno), fault);
    int result = 0;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        result = refuse(path, "it is not a regular file", fault);
    else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        result = refuse(path, "another process writes to it", fault);
    if (result == 0)
        return fd;
    close(fd);
    return result;
}

int failed_open(struct failed **result, const char *path, struct fault *fault)
{
    int fd = open_file(path, fault);
    if (fd < 0)
        return -1;
    struct failed *failed = memory_new(sizeof *failed);
    failed->path = memory_text(path);
    failed->fd = fd;
    map_init(&failed->known);
    if (read_known(failed, fault) != 0) {
        failed_close(failed);
        return -1;
    }
    *result = failed;
    return 0;
}

void failed_close(struct failed *failed)
{
    if (!failed)
        return;
    close(failed->fd);
    map_release(&failed->known);
    free(failed->path);
    free(failed);
}

static bool is_same_file(const struct failed *failed)
{
    struct stat here, there;
    return fstat(failed->fd, &here) == 0 && stat(failed->path, &there) == 0 &&
           here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

void failed_reopen(struct failed *failed)
{
    struct failed *fresh;
    struct fault fault;
    if (is_same_file(failed))
        return;
    if (failed_open(&fresh, failed->path, &fault) != 0) {
        log_write(LOG_ERROR, "failed_rows_not_written", NULL, "%s", fault.text);
        return;
    }
    struct failed old = *failed;
    *failed = *fresh;
    *fresh = old;
    failed->missing = old.missing;
    failed_close(fresh);
}

// ---- writing ----

static void miss(struct failed *failed, const char *why)
{
    failed->missing++;
    if (failed->said)
        return;
    failed->said = true;
    log_write(LOG_ERROR, "failed_rows_not_written", LOG_FIELDS(LOG_TEXT("file", failed->path)),
              "a failed row was not written to %s: %s; neither are further ones, until that is "
              "mended",
              failed->path, why);
}

static bool encode(struct buffer *out, const struct transaction *transaction, const char *notes)
{
    uint32_t at = 0;
    do {
        uint32_t next = recorded_write(out, transaction, at, notes);
        if (next == at && at < transaction->change_count)
            return false;
        at = next;
    } while (at < transaction->change_count);
    return true;
}

// All of it or nothing.
static void append(struct failed *failed, const struct buffer *lines)
{
    struct stat status;
    if (fstat(failed->fd, &status) != 0) {
        miss(failed, strerror(errno));
        return;
    }
    if ((uint64_t)status.st_size + lines->size > FAILED_MAX_SIZE) {
        miss(failed, "it would pass 64 MiB. Move it away and reload (kill -HUP)");
        return;
    }
    ssize_t count = write(failed->fd, lines->bytes, lines->size);
    if (count == (ssize_t)lines->size) {
        failed->said = false;
        know(failed, lines->bytes, lines->size);
        return;
    }
    miss(failed, count < 0 ? strerror(errno) : "no space left");
    if (count > 0 && ftruncate(failed->fd, status.st_size) != 0)
        log_write(LOG_ERROR, "failed_rows_torn", NULL, "%s ends within a line: %s", failed->path,
                  strerror(errno));
}

void failed_write(struct failed *failed, const struct transaction *transaction,
                  const char *failures)
{
    struct transaction alone = *transaction;
    struct buffer lines;
    char *notes = memory_format("%s%s,", &FAILURES[1], failures);
    alone.last = true; // a part of a transaction stands for itself here
    buffer_init(&lines, FAILED_MAX_SIZE);
    if (!encode(&lines, &alone, notes))
        miss(failed, "the transaction is larger than 64 MiB");
    else if (!is_known(failed, lines.bytes, lines.size))
        append(failed, &lines);
    buffer_release(&lines);
    free(notes);
}

uint64_t failed_missing(const struct failed *failed)
{
    return failed->missing;
}
