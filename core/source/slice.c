// SPDX-License-Identifier: MIT
// Decoded JSON beside its bytes. jansson has checked the text and keeps members in the order they
// are written, so walking the bytes needs no grammar of its own.
#include "slice.h"

#include <string.h>

struct text {
    const char *at, *end;
};

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

// Also over what separates members: commas and colons.
static void skip_between(struct text *text)
{
    while (text->at < text->end && (is_space(*text->at) || *text->at == ',' || *text->at == ':'))
        text->at++;
}

static void skip_string(struct text *text)
{
    text->at++;
    while (text->at < text->end && *text->at != '"')
        text->at += *text->at == '\\' && text->at + 1 < text->end ? 2 : 1;
    if (text->at < text->end)
        text->at++;
}

static void skip_container(struct text *text)
{
    size_t depth = 0;
    while (text->at < text->end) {
        char byte = *text->at;
        if (byte == '"') {
            skip_string(text);
            continue;
        }
        text->at++;
        if (byte == '{' || byte == '[')
            depth++;
        else if ((byte == '}' || byte == ']') && --depth == 0)
            return;
    }
}

static bool ends_word(char byte)
{
    return is_space(byte) || byte == ',' || byte == '}' || byte == ']';
}

static void skip_value(struct text *text)
{
    if (text->at == text->end)
        return;
    if (*text->at == '"')
        skip_string(text);
    else if (*text->at == '{' || *text->at == '[')
        skip_container(text);
    else
        while (text->at < text->end && !ends_word(*text->at))
            text->at++;
}

static bool at_end(const struct text *text)
{
    return text->at == text->end || *text->at == '}' || *text->at == ']';
}

// Behind the opening bracket.
static const char *inside(const struct slice *container)
{
    return (const char *)memchr(container->text, json_is_object(container->json) ? '{' : '[',
                                container->size) +
           1;
}

static void next_member(const struct slice *object, struct slice_walk *walk, struct slice *member)
{
    walk->member = walk->member ? json_object_iter_next(object->json, walk->member)
                                : json_object_iter(object->json);
    walk->key = walk->member ? json_object_iter_key(walk->member) : NULL;
    member->json = walk->member ? json_object_iter_value(walk->member) : NULL;
}

bool slice_next(const struct slice *container, struct slice_walk *walk, struct slice *member)
{
    bool object = json_is_object(container->json);
    if (object)
        next_member(container, walk, member);
    else
        member->json = json_array_get(container->json, walk->index++);
    struct text text = {walk->at ? walk->at : inside(container), container->text + container->size};
    skip_between(&text);
    if (!member->json || at_end(&text))
        return false;
    if (object) {
        skip_string(&text);
        skip_between(&text);
    }
    member->text = text.at;
    skip_value(&text);
    member->size = (size_t)(text.at - member->text);
    walk->at = text.at;
    return true;
}

bool slice_member(const struct slice *object, const char *key, struct slice *member)
{
    struct slice_walk walk = {0};
    while (slice_next(object, &walk, member))
        if (strcmp(walk.key, key) == 0)
            return true;
    return false;
}

bool slice_keys_unique(const struct slice *object)
{
    struct text text = {inside(object), object->text + object->size};
    size_t count = 0;
    for (skip_between(&text); !at_end(&text); skip_between(&text)) {
        skip_string(&text);
        skip_between(&text);
        skip_value(&text);
        count++;
    }
    return count == json_object_size(object->json);
}
