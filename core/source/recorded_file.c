// SPDX-License-Identifier: MIT
// Recorded rows from a file, all at once.
#include "recorded_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lines.h"
#include "rowcast/clock.h"
#include "rowcast/recorded.h"

static bool is_standard_input(const char *path)
{
    return strcmp(path, "-") == 0;
}

static const char *shown_path(const char *path)
{
    return is_standard_input(path) ? "standard input" : path;
}

// A pipe or terminal is opened anew: O_NONBLOCK belongs to the open file, which standard input
// shares with other processes. What cannot be (sockets), and files (whose position counts), are
// duplicated.
static int open_standard_input(void)
{
    struct stat status;
    if (fstat(STDIN_FILENO, &status) == 0 &&
        (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))) {
        int fd = open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (fd >= 0)
            return fd;
    }
    return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
}

int recorded_open(const char *path, struct fault *fault)
{
    int fd = is_standard_input(path) ? open_standard_input()
                                     : open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return fault_set(fault, EXIT_CONFIGURATION,
                         "The recorded rows %s cannot be opened: %s. Give the path of a file of "
                         "recorded rows, or - for standard input.",
                         shown_path(path), strerror(errno));
    }
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        close(fd);
        return fault_set(fault, EXIT_CONFIGURATION,
                         "%s is a folder, not a file of recorded rows. Name the file in it.", path);
    }
    return fd;
}

int recorded_read_failed(const char *path, int error, struct fault *fault)
{
    return fault_set(fault, EXIT_FAILED, "The recorded rows %s cannot be read further: %s.",
                     shown_path(path), strerror(error));
}

void recorded_name_file(struct fault *fault, const char *path)
{
    static const char prefix[] = "line ";
    char sentence[sizeof fault->text];
    memcpy(sentence, fault->text, sizeof sentence);
    const char *rest = sentence;
    if (strncmp(rest, prefix, sizeof prefix - 1) == 0)
        rest += sizeof prefix - 1;
    fault_set(fault, fault->code, "%s:%s", shown_path(path), rest);
}

// Like read(2), but waits where the descriptor does not.
static ssize_t read_waiting(int fd, char *bytes, size_t size)
{
    for (;;) {
        ssize_t count = read(fd, bytes, size);
        if (count >= 0 || (errno != EAGAIN && errno != EINTR))
            return count;
        if (errno == EAGAIN)
            poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);
    }
}

static int read_lines(struct recorded_reader *reader, struct lines *lines, struct fault *fault)
{
    const char *line;
    size_t size;
    while (lines_next(lines, &line, &size))
        if (recorded_reader_line(reader, line, size, clock_now(), fault) < 0)
            return -1;
    return 0;
}

static int read_end(struct recorded_reader *reader, struct lines *lines, struct fault *fault)
{
    const char *line;
    size_t size;
    if (lines_rest(lines, &line, &size) &&
        recorded_reader_line(reader, line, size, clock_now(), fault) < 0)
        return -1;
    return recorded_reader_end(reader, fault);
}

static int read_all(int fd, const char *path, struct recorded_reader *reader, struct lines *lines,
                    struct fault *fault)
{
    for (;;) {
        char *room = lines_room(lines);
        if (!room) {
            // The reader refuses what is held: it is longer than a line may be.
            return read_end(reader, lines, fault);
        }
        ssize_t count = read_waiting(fd, room, LINES_PIECE_SIZE);
        if (count < 0)
            return recorded_read_failed(path, errno, fault);
        if (count == 0)
            return read_end(reader, lines, fault);
        lines_add(lines, (size_t)count);
        if (read_lines(reader, lines, fault) < 0)
            return -1;
    }
}

int recorded_read_file(const char *path, recorded_deliver *deliver, void *user, struct fault *fault)
{
    int fd = recorded_open(path, fault);
    if (fd < 0)
        return -1;
    struct recorded_reader *reader = recorded_reader_new(deliver, user);
    recorded_reader_any_order(reader);
    struct lines lines;
    lines_init(&lines);
    int result = read_all(fd, path, reader, &lines, fault);
    if (result < 0 && strncmp(fault->text, "line ", 5) == 0)
        recorded_name_file(fault, path);
    lines_release(&lines);
    recorded_reader_free(reader);
    close(fd);
    return result;
}
