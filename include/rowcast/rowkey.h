// SPDX-License-Identifier: MIT
// How people are told which row a change is of.
#ifndef ROWCAST_ROWKEY_H
#define ROWCAST_ROWKEY_H

#include "rowcast/buffer.h"
#include "rowcast/change.h"

#define ROWKEY_MAX_SIZE 256

// "id=7": the columns of the key. Recorded rows do not say which ones those are, and under REPLICA IDENTITY FULL
// all are: then "id", else the first one, stands for them. Nothing for a change without a row.
void rowkey_append(struct buffer *out, const struct change *change);

// "insert public.trades id=7", or "message".
void rowkey_append_change(struct buffer *out, const struct change *change);

#endif
