// SPDX-License-Identifier: MIT
// Keeps a script folder loaded: watches it (watch.h), and when what lies there has become something else, loads the
// whole of it, on a thread of libuv's pool, so that neither the reading nor a script that is long at it holds up the
// loop. Where changes may go unseen it looks every few seconds.
//
// Changes that follow each other within 100 ms are one, unless they go on for 2 s. The same texts are never loaded
// twice in a row, nor is the same failure told twice, unless somebody asks (reload_now).
#ifndef ROWCAST_RELOAD_H
#define ROWCAST_RELOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "rowcast/fault.h"
#include "rowcast/script.h"

struct reload;

struct reload_config {
    const char *folder; // outlives the reload, as does `user`
    struct script_limits limits;
    enum script_role role;
    uint64_t hash; // of the scripts that are loaded already; 0: none are
};

struct reload_callbacks {
    // Something to do before the scripts are loaded, where they are loaded: -1 with a sentence and they are not. What
    // it made is for `loaded` or `failed` to take, of which one follows. May be NULL.
    int (*prepare)(void *user, struct fault *fault);
    // Takes over the script. `microseconds`: what reading and loading took.
    void (*loaded)(void *user, struct script *script, int64_t microseconds);
    // The folder cannot be loaded as it is now; the next change brings another try.
    void (*failed)(void *user, const struct fault *fault);
    // After a failure: what lies there is again what was loaded before it. Nothing was loaded.
    void (*mended)(void *user);
    // Changes may go unseen, and why; NULL: from now on they do not.
    void (*blind)(void *user, const char *why);
};

// Begins to watch, and looks whether the folder is still what `hash` says.
struct reload *reload_new(uv_loop_t *loop, const struct reload_config *config,
                          const struct reload_callbacks *callbacks, void *user);

// Loads, whatever lies there. What is being loaded already does not count.
void reload_now(struct reload *reload);

// Whether the outcome of a reload_now is still to come. In a callback: of a later one. NULL is fine: it is not.
bool reload_is_asked(const struct reload *reload);

// Another thread frees it: a large heap takes its time. NULL is fine.
void reload_discard(uv_loop_t *loop, struct script *script);

// Asynchronous: the loop goes on until what is being loaded is loaded, and thrown away. No callback after it. NULL is fine.
void reload_close(struct reload *reload);

#endif
