// SPDX-License-Identifier: MIT
// Sizes and durations as people write them: 64MiB, 10m. Pure.
#ifndef ROWCAST_AMOUNT_H
#define ROWCAST_AMOUNT_H

#include <stddef.h>
#include <stdint.h>

#define AMOUNT_TEXT_SIZE 32

// A whole number, in decimal. 0, or -EINVAL.
int amount_parse_number(const char *text, int64_t *number);

// Bytes: a whole number alone, or any number with B, KiB, MiB or GiB. 0, or -EINVAL.
int amount_parse_size(const char *text, int64_t *bytes);

// Milliseconds: a number with its unit ms, s, m or h. 0, or -EINVAL.
int amount_parse_duration(const char *text, int64_t *milliseconds);

// The shortest way to write the amount with a whole number and a unit.
void amount_format_size(int64_t bytes, char text[AMOUNT_TEXT_SIZE]);
void amount_format_duration(int64_t milliseconds, char text[AMOUNT_TEXT_SIZE]);

// About how much, for people: "1.2 GiB".
void amount_round_size(int64_t bytes, char text[AMOUNT_TEXT_SIZE]);

#endif
