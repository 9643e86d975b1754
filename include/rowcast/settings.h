// SPDX-License-Identifier: MIT
// The settings of contract section 2: setting.h says all there is to say of each.
// Defaults < scripts/config.lua < the file of --config < environment < flags.
#ifndef ROWCAST_SETTINGS_H
#define ROWCAST_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "rowcast/fault.h"
#include "rowcast/ip.h"
#include "rowcast/log.h"
#include "rowcast/rate.h"
#include "rowcast/script.h"

#define SETTINGS_MAX_LIST 64 // paths, protocols, conflate, origins, networks

struct settings_networks {
    struct network items[SETTINGS_MAX_LIST];
    size_t count;
};

enum on_error { ON_ERROR_SKIP, ON_ERROR_HOLD }; // as the words stand in the table

// The values, parsed. Texts are owned by the settings.
struct settings {
    int64_t port;
    const char *host;     // NULL: 0.0.0.0 and ::
    int64_t log_level;    // enum log_level
    const char *database; // NULL: none
    const char *scripts;
    const char *shadow; // NULL: none
    const char *source; // "postgres", "-" or a file
    int64_t workers;
    const char *admin; // as address.h reads it
    const char *slot, *publication;
    int64_t setup, no_retry, recreate_slot, deflate, take_over; // bool
    int64_t history, replay_wal, slot_limit, max_message, max_event, max_queue, max_header,
        lua_memory; // bytes
    int64_t history_time, heartbeat, handshake_timeout,
        snapshot_timeout;          // milliseconds; heartbeat 0: off
    int64_t drain, script_timeout; // milliseconds
    int64_t max_connections, max_subscriptions, max_fragments, snapshot_connections;
    int64_t max_connections_per_address; // 0: off
    struct rate rate;
    int64_t on_error;                         // enum on_error
    const char *failed;                       // NULL: none
    const char *skip;                         // "off": none
    const char *paths[SETTINGS_MAX_LIST + 1]; // NULL-terminated
    const char *protocols[SETTINGS_MAX_LIST + 1];
    const char *conflate[SETTINGS_MAX_LIST + 1];
    const char *origins[SETTINGS_MAX_LIST + 1]; // empty: any
    struct settings_networks trusted_proxies;
    struct settings_layers *layers; // where each value came from
};

// What a command line may hold beside settings.
struct settings_flag {
    const char *name; // "--dry-run"
    bool *given;
    const char **value; // instead of `given`: the flag takes a value
};

// Reads all layers. `arguments` are those behind the command's name; what is neither a setting nor one
// of `flags` (name NULL ends them) goes to `operands` (at most `operand_limit`; more is wrong usage).
// 0, or -1 with a sentence. settings_release in both cases.
// In the file a `#` at the beginning of a word begins a comment; what is said twice is as said last.
int settings_read(struct settings *settings, int argument_count, char **arguments,
                  const struct settings_flag *flags, const char **operands, int operand_limit,
                  struct fault *fault);
void settings_release(struct settings *settings); // also of zeroed ones, or a second time

// Reads them anew as `old` were read; files and config.lua may say something else by now. What settings_read was given
// must still live. settings_release in both cases. Any thread.
int settings_reread(struct settings *settings, const struct settings *old, struct fault *fault);

// Each whose value differs, and where the new one comes from.
void settings_each_changed(const struct settings *settings, const struct settings *old,
                           void (*each)(void *user, const char *key, const char *origin),
                           void *user);

// Variables of the environment that begin with ROWCAST_ but are no setting: most likely a slip, yet no error, since
// shells share their environment. `near`: the one that may be meant, or NULL.
void settings_each_unknown(void (*each)(void *user, const char *name, const char *near),
                           void *user);

// The limits of a script VM that they add up to.
struct script_limits settings_script_limits(const struct settings *settings);

// One line a setting: key = value, and where it came from, as a settings file could have it. Secrets are masked.
void settings_print(const struct settings *settings, FILE *out);

// Whether somebody chose the value, rather than the table or the machine.
bool settings_given(const struct settings *settings, const char *key);

#endif
