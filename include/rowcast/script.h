// SPDX-License-Identifier: MIT
// The script room's face: a folder of Lua scripts, loaded into one sandboxed VM. Values in, values out:
// table scripts turn changes into events, client.lua turns what clients say into commands. Nothing here
// does I/O beyond reading the folder. A script that raises, runs too long or takes too much memory is
// stopped and reported; the next call is fine. One thread only.
#ifndef ROWCAST_SCRIPT_H
#define ROWCAST_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowcast/arena.h"
#include "rowcast/bundle.h"
#include "rowcast/change.h"
#include "rowcast/event.h"
#include "rowcast/fault.h"
#include "rowcast/query.h"
#include "rowcast/watchdog.h"

struct script;

struct script_limits {
    size_t memory;    // bytes of the VM
    size_t max_event; // bytes of an encoded event; a larger one is replaced by a notice of its size
    int64_t
        timeout; // milliseconds of processor time of a call; half of it is where it is stopped. 0: any time
};

#define SCRIPT_TIMEOUT 1000         // the usual one
#define SCRIPT_ROW_STEPS 10000000   // VM instructions a row, and for loading a file
#define SCRIPT_MESSAGE_STEPS 500000 // VM instructions a client hook

// What it logs says whose words they are.
enum script_role { SCRIPT_LIVE, SCRIPT_SHADOW };

// Loads and checks everything under `folder`. On failure -1 with "path:line: message" (EXIT_CONFIGURATION).
int script_load(struct script **script, const char *folder, const struct script_limits *limits,
                struct fault *fault);
// The same from what was read of a folder, which it takes over in any case. Like the former and script_free on any
// thread, but a script belongs to one at a time.
int script_load_bundle(struct script **script, struct bundle *bundle,
                       const struct script_limits *limits, enum script_role role,
                       struct fault *fault);
void script_free(struct script *script); // NULL is fine

// From any thread: whatever runs in it is stopped soon, as if its budget was spent, and so is all that follows.
void script_interrupt(struct script *script);

// Tells of one thing that is wrong: "path:line: message". `raised`: as something raised, which may be a consequence of
// what was told before.
typedef void script_found(void *user, const char *finding, bool raised);

// As script_load, but for `rowcast check`: looks at what the files say, too, tells everything that it finds, and goes on.
// NULL with a sentence where there is nothing to look at. What it returns has the handlers of the files that are fine.
struct script *script_check(const char *folder, const struct script_limits *limits,
                            script_found *found, void *user, struct fault *fault);

// The tables that have a script, by file name.
size_t script_table_count(const struct script *script);
const char *script_table_schema(const struct script *script, size_t index);
const char *script_table_name(const struct script *script, size_t index);

const char *script_table_file(const struct script *script, size_t index); // with its folder
// The same, or any script's file, as those who watch know it: "tables/trades.lua".
const char *script_name(const struct script *script, const char *file);

size_t script_memory(const struct script *script); // bytes in use by the VM
uint64_t
script_hash(const struct script *script); // of the names and contents of its folder's scripts

// ---- calls that do not end ----

// What is called, for who watches from another thread.
struct script_site {
    const char *script; // its file
    const char *table;  // NULL: a hook of client.lua, or a message
    bool is_row;        // it would be run again by a router that starts anew
    struct event_id id; // then: of its first event
};

// From now on each call is told to the watchdog, with its struct script_site.
void script_watch(struct script *script, struct watchdog *watchdog);

// The row whose events would have this id (`emit` does not count) is not run any more: it fails instead, and says so.
void script_skip(struct script *script, const struct event_id *id);

// ---- rows to events ----

struct script_topic {
    const char *name;
    size_t size;
};

// One event, framed. Texts live during the callback; the receiver takes over the frame.
struct script_event {
    struct event_id id;
    const char *type;
    size_t type_size;
    struct script_topic topics[EVENT_MAX_TOPICS];
    uint32_t topic_count;
    struct frame *frame;
    const struct change *change; // what it was made of,
    const char *script;          // and by which file
};

struct script_sink {
    void (*event)(void *user, const struct script_event *event);
    // The change made no event: `script` is its file, `message` "path:line: ..." with a traceback.
    void (*failed)(void *user, const struct change *change, const char *script,
                   const char *message);
    void *user;
    // A run of one script over changes that follow each other is over: how many rows it was called for,
    // what it made, how long it took. May be NULL.
    void (*ran)(void *user, const char *script, uint64_t rows, uint64_t events,
                int64_t nanoseconds);
};

// Runs every change of the transaction, in order. `base` gives epoch, timeline, lsn and xid of the ids.
// Rows of a snapshot go through `insert`; their events say so instead of an id.
void script_transaction(struct script *script, const struct transaction *transaction,
                        const struct event_id *base, const struct script_sink *sink);

// Where the handler of the change is, as "path:line". False: it has none, and no script of its table if *file is NULL,
// else the path of that.
bool script_handler(struct script *script, const struct change *change, char *place, size_t size,
                    const char **file);

// ---- what `rowcast check` asks; of a script from script_check ----

typedef void script_read(void *user, const char *place, const char *column);

// Whether the last failure was that the core refused what a handler returned, and not that the handler raised.
bool script_refused(const struct script *script);

// Whether the table's file, or one of lib/, has this text as a constant: a key, a name, a string.
bool script_mentions(const struct script *script, size_t table, const char *text);

// The same of one handler alone.
bool script_handler_mentions(const struct script *script, size_t table, enum change_op op,
                             const char *text);

// The columns that the handler reads from its new (or old) row, each place; not what functions read that it calls.
void script_reads(const struct script *script, size_t table, enum change_op op, bool old,
                  script_read *each, void *user);

// From now on tells which columns scripts read that a row does not have, or that did not come with it (`absent`), and
// where. NULL: no more.
struct script_missed {
    void (*tell)(void *user, const char *place, const struct row *row, const char *column,
                 bool absent);
    void *user;
};

void script_tell_missed(struct script *script, const struct script_missed *missed);

// ---- snapshots ----

// What the tables are asked for the rows of a topic, in the order in which they are wanted.
struct script_queries {
    struct arena arena;
    struct query *items;
    size_t count;
};

// NULL if a script failed: then `failure` holds "path:line: ..." with a traceback.
struct script_queries *script_snapshot(struct script *script, const char *topic, size_t topic_size,
                                       char *failure, size_t failure_size);
void script_queries_free(struct script_queries *queries); // NULL is fine

// ---- clients ----

// What the `client` argument of the hooks shows. NULL texts read as nil.
struct script_client {
    const char *id, *address, *path, *query, *protocol;
    const char *cookie, *user_agent, *origin;
    const char *state; // JSON left by { state = t }
    size_t state_size;
    size_t subscription_count;
    const char *(*subscription)(void *user, size_t index); // topic names in order of subscribing
    void *user;
};

enum script_hook {
    HOOK_CONNECT,
    HOOK_MESSAGE,
    HOOK_SUBSCRIBED,
    HOOK_UNSUBSCRIBED,
    HOOK_PONG,
    HOOK_SNAPSHOT_END,
    HOOK_ERROR,
    HOOK_DISCONNECT,
    HOOK_COUNT
};

// The arguments of a hook beside the client; which ones count depends on the hook.
struct script_call {
    enum script_hook hook;
    const char *payload; // message
    size_t payload_size;
    bool binary;
    int code;             // disconnect
    const char *word;     // error: its code
    const char *sentence; // error
    bool with_result;     // pass a result with what follows; NULL texts are left out
    const char *topic, *reason, *id;
    const char *ref; // JSON; NULL: none
    size_t ref_size;
    bool recovered;
    const char *const *conflate; // NULL-terminated, NULL or empty: none
    bool with_snapshot;          // subscribed: `snapshot` counts
    uint32_t snapshot;           // the messages that follow
};

enum script_command_kind {
    COMMAND_SEND,
    COMMAND_CLOSE,
    COMMAND_STATE,
    COMMAND_SUBSCRIBE,
    COMMAND_UNSUBSCRIBE,
    COMMAND_PONG,
    COMMAND_FORMAT,
};

struct script_command {
    enum script_command_kind kind;
    struct frame *frame; // send: owned by the list until taken
    const char
        *error; // send: the data.code of a message of the type "error" ("" without); else NULL
    int code;   // close
    const char *reason; // close; may be NULL
    const char *topic;  // subscribe, unsubscribe
    size_t topic_size;
    const char *since; // subscribe; NULL: none
    size_t since_size;
    uint64_t after_lsn;    // subscribe: not before the stream has passed it,
    bool has_after_lsn;    // if this is true
    bool snapshot;         // subscribe: unless the missed events are known
    const uint64_t *types; // subscribe: event_type_hash of the wanted ones; NULL: all
    uint32_t type_count;
    const char *format;      // format: one that the scripts have
    const char *ref, *state; // JSON; NULL: none
    size_t ref_size, state_size;
};

struct script_commands {
    struct arena arena;
    struct script_command *items;
    size_t count;
};

#define SCRIPT_MAX_COMMANDS 4096 // in one list
#define SCRIPT_MAX_STATE 4096    // bytes of JSON
#define SCRIPT_MAX_REF 4096      // bytes of JSON

bool script_has_hook(const struct script *script, enum script_hook hook);

// Calls a hook of client.lua and returns the commands it wants, or NULL if there is no such hook or it
// failed: then `failure` (of `failure_size` bytes) holds "path:line: ..." with a traceback, else "".
struct script_commands *script_client(struct script *script, const struct script_client *client,
                                      const struct script_call *call, char *failure,
                                      size_t failure_size);
struct frame *script_command_take_frame(struct script_command *command);
void script_commands_free(struct script_commands *commands); // NULL is fine

// ---- formats ----

#define SCRIPT_MAX_FORMATS 8
#define SCRIPT_MAX_FORMAT_NAME 64

// Whether client.lua's `formats` has the name.
bool script_has_format(const struct script *script, const char *name);
// NULL: there are no more.
const char *script_format_name(const struct script *script, size_t index);

// Another shape for an event, whose JSON is given. NULL: the script leaves it out of this format, or it
// failed: then `failure` holds "path:line: ..." with a traceback, else "".
struct frame *script_format(struct script *script, const char *name, const char *json, size_t size,
                            char *failure, size_t failure_size);

// ---- configuration ----

// `line`: where the file gives the key its value.
typedef void script_setting(void *user, const char *key, const char *value, int line);

// Reads FOLDER/config.lua, if there is one, in a sandbox of its own. Calls `each` for every key, in
// order; values are texts (numbers as Lua prints them), lists give one call an element.
// 0, or -1 with a sentence.
int script_config(const char *folder, script_setting *each, void *user, struct fault *fault);

#endif
