// SPDX-License-Identifier: MIT
// What reading recorded rows at once and on a loop have in common. Private to this room.
#ifndef ROWCAST_SOURCE_RECORDED_FILE_H
#define ROWCAST_SOURCE_RECORDED_FILE_H

#include "rowcast/fault.h"

// Opens the file, or a private descriptor of standard input for "-". Negative with a sentence.
// Reading a pipe or a terminal through it does not block.
int recorded_open(const char *path, struct fault *fault);

int recorded_read_failed(const char *path, int error, struct fault *fault); // -1

// Puts the file's name before a sentence of the reader: "line 3: ..." becomes "FILE:3: ...".
void recorded_name_file(struct fault *fault, const char *path);

#endif
