// SPDX-License-Identifier: MIT
// Prometheus' text format 0.0.4. Pure: a family's header first, then its samples, then the next family.
#ifndef ROWCAST_EXPOSITION_H
#define ROWCAST_EXPOSITION_H

#include <stdint.h>

#include "rowcast/buffer.h"
#include "rowcast/histogram.h"

// `type`: counter, gauge or histogram. `name` without suffixes of a histogram.
void exposition_family(struct buffer *out, const char *name, const char *type, const char *help);

// `labels`: names and values in turn, ended by NULL; NULL: none. Values are UTF-8, escaped here.
void exposition_count(struct buffer *out, const char *name, const char *const *labels,
                      uint64_t count);
void exposition_number(struct buffer *out, const char *name, const char *const *labels,
                       double number);
void exposition_histogram(struct buffer *out, const char *name, const char *const *labels,
                          const struct histogram *histogram, const struct histogram_bounds *bounds);

#define EXPOSITION_LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
