// SPDX-License-Identifier: MIT
// rowcast replay: recorded rows through the scripts, events as JSON lines on standard output.
#include <stdio.h>
#include <string.h>

#include "rowcast/commands.h"
#include "rowcast/recorded.h"
#include "rowcast/script.h"
#include "rowcast/source.h"

struct replay {
    struct script *script;
    struct source_identity identity;
    size_t failures;
};

// The payload behind the frame's header (RFC 6455 section 5.2, without a mask).
static const unsigned char *payload_of(const struct frame *frame, size_t *size)
{
    size_t header = frame->bytes[1] < 126 ? 2 : frame->bytes[1] == 126 ? 4 : 10;
    *size = frame->size - header;
    return frame->bytes + header;
}

// A json column that nobody read goes out byte for byte, line ends among them: only white space of JSON may be one.
static void print_event(void *user, const struct script_event *event)
{
    (void)user;
    size_t size;
    const unsigned char *payload = payload_of(event->frame, &size);
    if (!memchr(payload, '\n', size) && !memchr(payload, '\r', size))
        fwrite(payload, 1, size, stdout);
    else
        for (size_t i = 0; i < size; i++)
            putchar(payload[i] == '\n' || payload[i] == '\r' ? ' ' : payload[i]);
    putchar('\n');
    frame_unref(event->frame);
}

static void print_failure(void *user, const struct change *change, const char *script,
                          const char *message)
{
    struct replay *replay = user;
    (void)change;
    (void)script;
    replay->failures++;
    fprintf(stderr, "rowcast: %s\n", message);
}

static void replay_transaction(void *user, struct transaction *transaction)
{
    struct replay *replay = user;
    struct event_id id = source_event_id(&replay->identity, transaction);
    struct script_sink sink = {.event = print_event, .failed = print_failure, .user = replay};
    script_transaction(replay->script, transaction, &id, &sink);
    transaction_free(transaction);
}

static int run(const struct settings *settings, const char *file)
{
    struct fault fault;
    struct replay replay = {.identity = recorded_identity()};
    if (!file) {
        fault_set(&fault, EXIT_WRONG_USAGE,
                  "replay needs a file: rowcast replay FILE [--scripts DIR].");
        return command_fail(&fault);
    }
    if (command_load_scripts(settings, &replay.script, &fault) != 0)
        return command_fail(&fault);
    int code = recorded_read_file(file, replay_transaction, &replay, &fault) == 0
                   ? EXIT_FINE
                   : command_fail(&fault);
    script_free(replay.script);
    if (fflush(stdout) != 0)
        code = EXIT_FAILED;
    return code == EXIT_FINE && replay.failures > 0 ? EXIT_FAILED : code;
}

int command_replay(int argument_count, char **arguments)
{
    struct settings settings;
    const char *operands[1] = {NULL};
    int code;
    if (command_settings(&settings, argument_count, arguments, NULL, operands, 1, &code) != 0)
        return code;
    command_warn();
    code = run(&settings, operands[0]);
    settings_release(&settings);
    return code;
}
