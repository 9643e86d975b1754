// SPDX-License-Identifier: MIT
// Prometheus' text format 0.0.4.
#include "rowcast/exposition.h"

#include <inttypes.h>
#include <stdio.h>

#define NUMBER_SIZE 32

// As short as it reads back the same.
static void write_number(double number, char text[NUMBER_SIZE])
{
    double again;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, NUMBER_SIZE, "%.*g", digits, number);
        if (sscanf(text, "%lf", &again) == 1 && again == number)
            return;
    }
}

static void write_escaped(struct buffer *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            buffer_append_text(out, "\\n");
        else if (*text == '\\' || *text == '"')
            buffer_append(out, (char[]){'\\', *text}, 2);
        else
            buffer_append_byte(out, *text);
    }
}

static void write_label(struct buffer *out, const char *name, const char *value, const char *before)
{
    buffer_append_format(out, "%s%s=\"", before, name);
    write_escaped(out, value);
    buffer_append_byte(out, '"');
}

// `le` is the bound of a histogram's bucket, or NULL.
static void write_series(struct buffer *out, const char *name, const char *suffix,
                         const char *const *labels, const char *le)
{
    const char *before = "{";
    buffer_append_format(out, "%s%s", name, suffix);
    for (; labels && *labels; labels += 2, before = ",")
        write_label(out, labels[0], labels[1], before);
    if (le) {
        write_label(out, "le", le, before);
        before = ",";
    }
    buffer_append_text(out, *before == ',' ? "} " : " ");
}

void exposition_family(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_count(struct buffer *out, const char *name, const char *suffix,
                        const char *const *labels, const char *le, uint64_t count)
{
    write_series(out, name, suffix, labels, le);
    buffer_append_format(out, "%" PRIu64 "\n", count);
}

void exposition_count(struct buffer *out, const char *name, const char *const *labels,
                      uint64_t count)
{
    write_count(out, name, "", labels, NULL, count);
}

void exposition_number(struct buffer *out, const char *name, const char *const *labels,
                       double number)
{
    char text[NUMBER_SIZE];
    write_number(number, text);
    write_series(out, name, "", labels, NULL);
    buffer_append_format(out, "%s\n", text);
}

void exposition_histogram(struct buffer *out, const char *name, const char *const *labels,
                          const struct histogram *histogram, const struct histogram_bounds *bounds)
{
    char text[NUMBER_SIZE];
    uint64_t count = 0;
    for (size_t i = 0; i < bounds->count; i++) {
        count += counter_read(&histogram->buckets[i]);
        write_number((double)bounds->at[i] / 1e9, text);
        write_count(out, name, "_bucket", labels, text, count);
    }
    count += counter_read(&histogram->buckets[bounds->count]);
    write_count(out, name, "_bucket", labels, "+Inf", count);
    write_series(out, name, "_sum", labels, NULL);
    write_number((double)counter_read(&histogram->sum) / 1e9, text);
    buffer_append_format(out, "%s\n", text);
    write_count(out, name, "_count", labels, NULL, count);
}
