// SPDX-License-Identifier: MIT
// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF.
#ifndef ROWCAST_UTF8_H
#define ROWCAST_UTF8_H

#include <stddef.h>

// The length (1 to 4) of the character that `bytes` begins with, or 0 if it is none or cut short.
size_t utf8_length(const char *bytes, size_t size);

// How many of the first `limit` bytes one can keep without cutting a character in two.
size_t utf8_cut(const char *bytes, size_t size, size_t limit);

// How many bytes it begins with are printable ASCII but " and \: what JSON strings hold as it is.
size_t utf8_plain(const char *bytes, size_t size);

#endif
