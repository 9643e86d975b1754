// SPDX-License-Identifier: MIT
// What is wrong with scripts, collected.
#include "rowcast/findings.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/memory.h"

struct finding {
    char *text;
    size_t path; // bytes of the path
    long line;
};

void findings_release(struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++)
        free(findings->items[i].text);
    free(findings->items);
    *findings = (struct findings){0};
}

// A text without a place counts as one of line 0.
static struct finding split(const char *text)
{
    for (const char *at = strchr(text, ':'); at; at = strchr(at + 1, ':')) {
        size_t digits = strspn(at + 1, "0123456789");
        if (digits > 0 && at[1 + digits] == ':')
            return (struct finding){NULL, (size_t)(at - text), strtol(at + 1, NULL, 10)};
    }
    return (struct finding){NULL, strlen(text), 0};
}

static bool is_same_place(const struct finding *a, const char *text, const struct finding *b)
{
    return a->line == b->line && a->path == b->path && memcmp(a->text, text, b->path) == 0;
}

static void add(struct findings *findings, const char *text, bool consequence)
{
    struct finding finding = split(text);
    for (size_t i = 0; i < findings->count; i++)
        if (strcmp(findings->items[i].text, text) == 0 ||
            (consequence && is_same_place(&findings->items[i], text, &finding)))
            return;
    finding.text = memory_text(text);
    findings->items =
        memory_resize(findings->items, (findings->count + 1) * sizeof *findings->items);
    findings->items[findings->count++] = finding;
}

void findings_add(struct findings *findings, const char *text)
{
    add(findings, text, false);
}

void findings_add_consequence(struct findings *findings, const char *text)
{
    add(findings, text, true);
}

void findings_add_format(struct findings *findings, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add(findings, text, false);
}

static int compare(const void *left, const void *right)
{
    const struct finding *a = left, *b = right;
    size_t common = a->path < b->path ? a->path : b->path;
    int order = memcmp(a->text, b->text, common);
    if (order == 0 && a->path != b->path)
        return a->path < b->path ? -1 : 1;
    if (order == 0 && a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return order ? order : strcmp(a->text, b->text);
}

void findings_print(struct findings *findings, FILE *out)
{
    if (findings->count > 0)
        qsort(findings->items, findings->count, sizeof *findings->items, compare);
    for (size_t i = 0; i < findings->count; i++)
        fprintf(out, "%s\n", findings->items[i].text);
}
