// SPDX-License-Identifier: MIT
// What the settings promise, and whether this machine can hold it. Reads tiny files of the kernel; for the start.
#ifndef ROWCAST_CAPACITY_H
#define ROWCAST_CAPACITY_H

#include <stdint.h>
#include <stdio.h>

#include "rowcast/settings.h"

#define CAPACITY_SPARE_FILES 64 // beside the clients: listeners, the database, the script files
#define CAPACITY_SENTENCE 512

// What the machine gives. -1: not known, or no limit.
struct capacity {
    int64_t files_before, files; // descriptors, before and after capacity_raise
    int64_t backlog;             // of connections that wait to be accepted
    int64_t memory;              // bytes: the machine's, or the limit of a control group
    bool grouped;                // it is a control group's
};

// What the settings add up to, in bytes. An estimate, rounded up.
struct capacity_need {
    int64_t base;    // without clients
    int64_t idle;    // of each client that has nothing waiting, the kernel's part among it
    int64_t worst;   // of each client that takes all it may
    int64_t usual;   // base, and max_connections idle clients if somebody chose that number
    int64_t ceiling; // base, and max_connections of the worst
};

// Raises the process's limit of descriptors as far as it may. Before the settings are read: a default depends on it.
void capacity_raise(struct capacity *capacity);

void capacity_measure(struct capacity *capacity);
struct capacity_need capacity_need(const struct settings *settings);

// Calls `each` for every limit ("files", "backlog", "memory") that is below what the settings promise, with a sentence that
// ends in the command that mends it.
void capacity_each_lack(const struct capacity *capacity, const struct settings *settings,
                        void (*each)(void *user, const char *limit, const char *sentence),
                        void *user);

// The estimate, as comment lines for --print-config.
void capacity_print(const struct capacity *capacity, const struct settings *settings, FILE *out);

// Two lines at most in the log: what was raised, and what lacks.
void capacity_log(const struct capacity *capacity, const struct settings *settings);

// The smallest memory limit of the control groups that `groups` (as /proc/self/cgroup) names, or of those around them, in
// the file system at `root` (as /sys/fs/cgroup); -1 if there is none.
int64_t capacity_group_memory(const char *groups, const char *root);

#endif
