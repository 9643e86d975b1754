// SPDX-License-Identifier: MIT
// What the kernel says of this process.
#ifndef ROWCAST_PROCESS_H
#define ROWCAST_PROCESS_H

#include <stdint.h>

struct process_figures {
    double cpu_seconds;
    double started;                  // seconds since 1970
    uint64_t resident, virtual_size; // bytes
    uint64_t max_descriptors;
    int64_t descriptors; // open ones; -1: not counted. By process_count_descriptors alone
    int threads;
};

// Cheap. Leaves `descriptors` alone.
void process_measure(struct process_figures *figures);

// Takes some microseconds for each: not for a thread that others wait for.
int64_t process_count_descriptors(void);

#endif
