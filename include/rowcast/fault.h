// SPDX-License-Identifier: MIT
// A failure as a person reads it: one sentence that says what, where, why, and the next command to try.
#ifndef ROWCAST_FAULT_H
#define ROWCAST_FAULT_H

// The exit codes of the program (sysexits(3) where it has one).
enum exit_code {
    EXIT_FINE = 0,
    EXIT_FAILED = 1,
    EXIT_WRONG_USAGE = 2,
    EXIT_UNAVAILABLE = 69,
    EXIT_INTERNAL = 70,
    EXIT_CONFIGURATION = 78,
};

struct fault {
    enum exit_code code; // what the program exits with if this ends it
    char text[2048];
};

// Fills `fault` and returns -1, so that `return fault_set(...)` reads as what it is.
int fault_set(struct fault *fault, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
