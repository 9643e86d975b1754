// SPDX-License-Identifier: MIT
// What `rowcast check --specs` adds.
#ifndef ROWCAST_CHECK_H
#define ROWCAST_CHECK_H

#include "rowcast/fault.h"
#include "rowcast/findings.h"
#include "rowcast/settings.h"

// Runs all specs below the folder in the core's VM; those of helpers, which stand beside them there, are left out. The folder
// above is the one that their paths begin at. 0, or -1 with a sentence where they cannot be run.
int check_specs(const struct settings *settings, const char *folder, struct findings *findings,
                size_t *passed, struct fault *fault);

#endif
