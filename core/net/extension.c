// SPDX-License-Identifier: MIT
// The offers in Sec-WebSocket-Extensions.
#include "rowcast/extension.h"

#include <string.h>

static bool at_end(const struct http_text *text)
{
    return text->size == 0;
}

static char take(struct http_text *text)
{
    text->size--;
    return *text->at++;
}

static void skip_blanks(struct http_text *text)
{
    while (!at_end(text) && (*text->at == ' ' || *text->at == '\t'))
        take(text);
}

// Takes the byte off, and the blanks around it, if it is next.
static bool take_if(struct http_text *text, char byte)
{
    skip_blanks(text);
    if (at_end(text) || *text->at != byte)
        return false;
    take(text);
    skip_blanks(text);
    return true;
}

static bool take_token(struct http_text *text)
{
    size_t before = text->size;

    while (!at_end(text) && http_is_token_byte(*text->at))
        take(text);
    return text->size < before;
}

// Behind the opening quote. What is quoted must be a token all the same.
static bool take_quoted(struct http_text *text)
{
    bool any = false;

    while (!at_end(text)) {
        char byte = take(text);
        if (byte == '"')
            return any;
        if (byte == '\\' && !at_end(text))
            byte = take(text);
        if (!http_is_token_byte(byte))
            return false;
        any = true;
    }
    return false;
}

static bool take_parameter(struct http_text *text)
{
    if (!take_token(text))
        return false;
    if (!take_if(text, '='))
        return true;
    return take_if(text, '"') ? take_quoted(text) : take_token(text);
}

static bool take_offer(struct http_text *text)
{
    if (!take_token(text))
        return false;
    while (take_if(text, ';')) {
        if (!take_parameter(text))
            return false;
    }
    return true;
}

// Elements of a list may be empty (RFC 9110 section 5.6.1).
static bool is_sound(struct http_text list)
{
    do {
        while (take_if(&list, ','))
            ;
        if (!at_end(&list) && !take_offer(&list))
            return false;
    } while (take_if(&list, ','));
    return at_end(&list);
}

bool extension_offers_sound(const struct http_request *request)
{
    for (uint32_t i = 0; i < request->header_count; i++) {
        if (http_is_like(request->headers[i].name, "Sec-WebSocket-Extensions") &&
            !is_sound(request->headers[i].value))
            return false;
    }
    return true;
}
