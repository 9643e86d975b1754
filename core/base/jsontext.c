// SPDX-License-Identifier: MIT
// Walks a valid JSON text.
#include "rowcast/jsontext.h"

#include <string.h>

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at;
}

// Behind the quote that ends it.
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        at += *at == '\\';
    return at < end ? at + 1 : end;
}

static const char *skip_container(const char *at, const char *end)
{
    int depth = 0;
    do {
        if (*at == '"') {
            at = skip_string(at, end);
            continue;
        }
        depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
        at++;
    } while (depth > 0 && at < end);
    return at;
}

struct jsontext jsontext_value(const char *at, const char *end)
{
    at = skip_blanks(at, end);
    const char *begin = at;
    if (at < end && *at == '"')
        at = skip_string(at, end);
    else if (at < end && (*at == '{' || *at == '['))
        at = skip_container(at, end);
    else
        while (at < end && !strchr(",]} \t\r\n", *at))
            at++;
    return (struct jsontext){begin, (size_t)(at - begin)};
}

bool jsontext_is_object(struct jsontext value)
{
    return value.size > 0 && *value.at == '{';
}

bool jsontext_is_array(struct jsontext value)
{
    return value.size > 0 && *value.at == '[';
}

bool jsontext_equal(struct jsontext a, struct jsontext b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

void jsontext_walk(struct jsontext_walk *walk, struct jsontext container)
{
    *walk = (struct jsontext_walk){.at = container.at + 1,
                                   .end = container.at + container.size - 1,
                                   .object = *container.at == '{'};
}

bool jsontext_next(struct jsontext_walk *walk)
{
    walk->at = skip_blanks(walk->at, walk->end);
    if (walk->at < walk->end && *walk->at == ',')
        walk->at = skip_blanks(walk->at + 1, walk->end);
    if (walk->at >= walk->end)
        return false;
    if (walk->object) {
        walk->key = jsontext_value(walk->at, walk->end);
        walk->at = skip_blanks(walk->key.at + walk->key.size, walk->end) + 1; // the colon
    }
    walk->value = jsontext_value(walk->at, walk->end);
    walk->at = walk->value.at + walk->value.size;
    return walk->value.size > 0;
}

bool jsontext_member(struct jsontext object, struct jsontext key, struct jsontext *value)
{
    struct jsontext_walk walk;
    jsontext_walk(&walk, object);
    while (jsontext_next(&walk))
        if (jsontext_equal(walk.key, key)) {
            *value = walk.value;
            return true;
        }
    return false;
}
