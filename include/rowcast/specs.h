// SPDX-License-Identifier: MIT
// Runs busted specs in the core's own VM, so that what specs prove of scripts under plain LuaJIT is true of the sandbox,
// too. What busted and luassert offer to them there is in specs.lua.
#ifndef ROWCAST_SPECS_H
#define ROWCAST_SPECS_H

#include <stddef.h>

#include "rowcast/fault.h"
#include "rowcast/script.h"

struct specs {
    const char *folder; // of the scripts
    const char *
        project; // what the paths of specs, and those in them, are below: "" or with a slash at its end
    struct script_limits limits;
    void (*failed)(void *user,
                   const char *finding); // "spec/tables/trades_spec.lua:12: name: message"
    void *user;
    size_t passed; // counted
};

// Runs these files, named as below the project. 0, or -1 with a sentence where that could not go on.
int specs_run(struct specs *specs, const char *const *files, size_t count, struct fault *fault);

#endif
