// SPDX-License-Identifier: MIT
// Writes what a spec has in it as Lua source. Pure.
#ifndef ROWCAST_LUALITERAL_H
#define ROWCAST_LUALITERAL_H

#include "rowcast/buffer.h"
#include "rowcast/jsontext.h"

// A string, in double quotes.
void lualiteral_append_string(struct buffer *out, const char *bytes, size_t size);

// "name" or ["any name"], as the key of a table.
void lualiteral_append_key(struct buffer *out, const char *bytes, size_t size);

// A valid JSON value: tables a member a line, indented by two spaces for each level from `level` on; null is rowcast.null, an
// empty array rowcast.array {}.
void lualiteral_append_json(struct buffer *out, struct jsontext value, int level);

#endif
