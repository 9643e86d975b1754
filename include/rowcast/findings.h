// SPDX-License-Identifier: MIT
// What is wrong with scripts, collected: "path:line: message", each once, in the order of files and lines.
#ifndef ROWCAST_FINDINGS_H
#define ROWCAST_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

// Ready after zeroing.
struct findings {
    struct finding *items;
    size_t count;
};

void findings_release(struct findings *findings);

// Both copy. The first one leaves out what was found before, the second one too whatever is found at a place of which
// something was said already: what raises while it runs is the consequence of what was seen.
void findings_add(struct findings *findings, const char *text);
void findings_add_consequence(struct findings *findings, const char *text);
void findings_add_format(struct findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// One a line, sorted.
void findings_print(struct findings *findings, FILE *out);

#endif
