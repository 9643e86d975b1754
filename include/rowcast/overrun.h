// SPDX-License-Identifier: MIT
// What becomes of a script that cannot be stopped: the row it is at is noted in a file, and the router ends
// (EXIT_INTERNAL). While the scripts are the same, that row is passed by as a failed one from then on, so that a router
// that is started again does not come to the same end.
//
// The file has a line for each such row: hash of the scripts, id of the row's first event, LSN, script, table. Lines that
// begin with # and what is no such line are left alone. It may be deleted at any time: then the row is run again.
#ifndef ROWCAST_OVERRUN_H
#define ROWCAST_OVERRUN_H

#include <stdint.h>

#include "rowcast/script.h"

struct overrun;

// Watches the calling thread. `path`: "off" notes nothing. `timeout`: milliseconds of processor time for a call.
struct overrun *overrun_new(const char *path, int64_t timeout);
void overrun_free(struct overrun *overrun); // NULL is fine

// Has the rows passed by that are noted for these scripts, and watches what they do from now on.
void overrun_set_script(struct overrun *overrun, struct script *script);

// ---- the file ----

// Has the script skip what is noted for it. Returns how many rows, or -1 if the file is there and cannot be read.
int overrun_read(const char *path, struct script *script);
// Appends a line and has it on the disk. 0, or a negative errno.
int overrun_note(const char *path, uint64_t hash, const struct script_site *site);

#endif
