// SPDX-License-Identifier: MIT
// Recorded rows on a loop: reads a piece, delivers a few lines a turn, reads the next.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lines.h"
#include "recorded_file.h"
#include "rowcast/clock.h"
#include "rowcast/memory.h"
#include "rowcast/recorded.h"

#define LINES_PER_TURN 64
#define TURN_TIME 5000000 // nanoseconds: scripts may take long, and others wait

// What the source waits for. One at a time, so that one function decides what comes next.
enum waiting {
    WAITING_NOTHING, // paused, ended or closing
    WAITING_TURN,    // for the loop's next turn: lines are held
    WAITING_BYTES,   // for the file or the pipe
};

struct recorded_source {
    uv_loop_t *loop;
    struct source_callbacks callbacks;
    void *user;
    char *path;
    int fd;
    struct recorded_reader *reader;
    struct lines lines;

    uv_idle_t turn;
    uv_poll_t poll; // of pipes, terminals, sockets
    uv_fs_t read;   // of files, which cannot be polled
    bool polls;
    bool reading; // `read` is under way and cannot be stopped
    int handles;  // not yet closed

    enum waiting waiting;
    bool started, at_end, ended, paused, closing;
};

static void proceed(struct recorded_source *source);

struct source_identity recorded_identity(void)
{
    const char *const parts[] = {"recorded"};
    return (struct source_identity){.epoch = source_epoch(parts, 1)};
}

// ---- the end ----

static void free_when_idle(struct recorded_source *source)
{
    if (source->handles > 0 || source->reading)
        return;
    close(source->fd);
    recorded_reader_free(source->reader);
    lines_release(&source->lines);
    free(source->path);
    free(source);
}

static void on_close(uv_handle_t *handle)
{
    struct recorded_source *source = handle->data;
    source->handles--;
    free_when_idle(source);
}

static void end(struct recorded_source *source, const struct fault *fault)
{
    source->ended = true;
    source->callbacks.ended(source->user, fault);
}

static void end_with_line(struct recorded_source *source, struct fault *fault)
{
    recorded_name_file(fault, source->path);
    end(source, fault);
}

// ---- delivering ----

// The next line, or at the end of the input what stands behind the last line end.
static bool take_line(struct recorded_source *source, const char **line, size_t *size)
{
    return lines_next(&source->lines, line, size) ||
           (source->at_end && lines_rest(&source->lines, line, size));
}

static void deliver_lines(struct recorded_source *source)
{
    const char *line;
    size_t size;
    struct fault fault;
    uint64_t until = uv_hrtime() + TURN_TIME;
    for (int i = 0; i < LINES_PER_TURN && uv_hrtime() < until; i++) {
        if (source->paused || source->closing)
            return;
        if (!take_line(source, &line, &size))
            break;
        if (recorded_reader_line(source->reader, line, size, clock_now(), &fault) < 0) {
            end_with_line(source, &fault);
            return;
        }
    }
}

static bool holds_line(const struct recorded_source *source)
{
    const struct lines *lines = &source->lines;
    size_t left = lines->held.size - lines->scanned;
    if (source->at_end)
        return lines->start < lines->held.size;
    return left > 0 && memchr(lines->held.bytes + lines->scanned, '\n', left) != NULL;
}

static void finish(struct recorded_source *source)
{
    struct fault fault;
    if (recorded_reader_end(source->reader, &fault) < 0)
        end_with_line(source, &fault);
    else
        end(source, NULL);
}

static void on_turn(uv_idle_t *turn)
{
    struct recorded_source *source = turn->data;
    uv_idle_stop(turn);
    source->waiting = WAITING_NOTHING;
    if (!source->started) {
        struct source_identity identity = recorded_identity();
        source->started = true;
        source->callbacks.started(source->user, &identity);
        source->callbacks.caught_up(source->user);
    } else {
        deliver_lines(source);
    }
    proceed(source);
}

// ---- reading ----

static void take_bytes(struct recorded_source *source, ssize_t count)
{
    source->waiting = WAITING_NOTHING;
    if (count > 0) {
        lines_add(&source->lines, (size_t)count);
    } else if (count == 0) {
        source->at_end = true;
    } else if (count != -EAGAIN && count != -EINTR) {
        struct fault fault;
        recorded_read_failed(source->path, (int)-count, &fault);
        end(source, &fault);
    }
    proceed(source);
}

static void on_read(uv_fs_t *read)
{
    struct recorded_source *source = read->data;
    ssize_t count = read->result;
    uv_fs_req_cleanup(read);
    source->reading = false;
    if (source->closing) {
        free_when_idle(source);
        return;
    }
    take_bytes(source, count);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct recorded_source *source = poll->data;
    (void)events;
    uv_poll_stop(poll);
    char *room = lines_room(&source->lines); // was there when the waiting began
    ssize_t count = status < 0 ? status : read(source->fd, room, LINES_PIECE_SIZE);
    take_bytes(source, count == -1 && status == 0 ? -errno : count);
}

static void read_more(struct recorded_source *source)
{
    char *room = lines_room(&source->lines);
    if (!room) {
        source->at_end = true; // the reader will refuse the line, which is too long
        proceed(source);
        return;
    }
    source->waiting = WAITING_BYTES;
    if (source->polls) {
        uv_poll_start(&source->poll, UV_READABLE, on_readable);
        return;
    }
    uv_buf_t bytes = uv_buf_init(room, LINES_PIECE_SIZE);
    source->reading = true;
    source->read.data = source;
    uv_fs_read(source->loop, &source->read, source->fd, &bytes, 1, -1, on_read);
}

// Decides what comes next, after whatever happened.
static void proceed(struct recorded_source *source)
{
    if (source->waiting != WAITING_NOTHING || source->ended || source->closing || source->paused)
        return;
    if (!source->started || holds_line(source)) {
        source->waiting = WAITING_TURN;
        uv_idle_start(&source->turn, on_turn);
    } else if (source->at_end) {
        finish(source);
    } else {
        read_more(source);
    }
}

// ---- life ----

static void init_handles(struct recorded_source *source)
{
    uv_idle_init(source->loop, &source->turn);
    source->turn.data = source;
    source->handles = 1;
    if (uv_poll_init(source->loop, &source->poll, source->fd) == 0) {
        source->poll.data = source;
        source->polls = true;
        source->handles = 2;
    }
}

int recorded_source_start(struct recorded_source **source, uv_loop_t *loop, const char *path,
                          const struct source_callbacks *callbacks, void *user, struct fault *fault)
{
    int fd = recorded_open(path, fault);
    if (fd < 0)
        return -1;
    struct recorded_source *made = memory_new(sizeof *made);
    made->loop = loop;
    made->callbacks = *callbacks;
    made->user = user;
    made->path = memory_text(path);
    made->fd = fd;
    made->reader = recorded_reader_new(callbacks->transaction, user);
    lines_init(&made->lines);
    init_handles(made);
    proceed(made);
    *source = made;
    return 0;
}

void recorded_source_pause(struct recorded_source *source, bool paused)
{
    source->paused = paused;
    if (paused && source->waiting == WAITING_TURN) {
        uv_idle_stop(&source->turn);
        source->waiting = WAITING_NOTHING;
    }
    proceed(source);
}

void recorded_source_close(struct recorded_source *source)
{
    if (!source || source->closing)
        return;
    source->closing = true;
    uv_close((uv_handle_t *)&source->turn, on_close);
    if (source->polls)
        uv_close((uv_handle_t *)&source->poll, on_close);
}
