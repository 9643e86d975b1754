// SPDX-License-Identifier: MIT
// The texts of a script folder, read in one go: what a script is loaded from, also what it requires later. So a
// folder that changes, or a link that is put somewhere else meanwhile, cannot make a mixture. Immutable.
//
// What counts as a script: *.lua in the folder itself and in tables/, and anywhere below lib/; nothing whose name
// begins with a dot.
#ifndef ROWCAST_BUNDLE_H
#define ROWCAST_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "rowcast/fault.h"

#define BUNDLE_MAX_FILE (1 << 20)   // bytes
#define BUNDLE_MAX_BYTES (64 << 20) // of all files
#define BUNDLE_MAX_FILES 4096
#define BUNDLE_MAX_DEPTH 8 // of folders below lib/

// The subfolders with scripts, NULL at the end.
extern const char *const bundle_folders[];

struct bundle_file {
    char *name;  // below the folder: "tables/trades.lua"
    char *bytes; // NULL: it could not be read
    size_t size;
    const char *why; // it could not be read; NULL: it could
};

// Invariant: the files are sorted by name.
struct bundle {
    char *folder;
    struct bundle_file *files;
    size_t count, bytes;
    uint64_t hash; // of names and contents
};

// Blocks; any thread. -1 with a sentence if there is no such folder, or it cannot be looked through. A file that
// cannot be read is a failure of who asks for it.
int bundle_read(struct bundle **bundle, const char *folder, struct fault *fault);
void bundle_free(struct bundle *bundle); // NULL is fine

// NULL: there is none.
const struct bundle_file *bundle_find(const struct bundle *bundle, const char *name);

// The line in which the file of that name gives a value to `key` first, as in "insert = function"; else 1.
int bundle_line(const struct bundle *bundle, const char *name, const char *key);

#endif
