// SPDX-License-Identifier: MIT
// Offers of extensions, and what is agreed.
#include "rowcast/extension.h"

#include <stdio.h>
#include <string.h>

#define FINE 0
#define BAD_REQUEST 400
#define BITS_MAX 15
#define BITS_MIN_SERVER 9 // zlib cannot make a raw window of 2^8 bytes
#define BITS_MIN_CLIENT 8

enum { SERVER_ALONE = 1, CLIENT_ALONE = 2, SERVER_BITS = 4, CLIENT_BITS = 8 };

// One offer while it is read.
struct offer {
    bool deflate;  // of permessage-deflate
    bool declined; // something in it cannot be met
    unsigned seen; // parameters, to find them twice
    uint8_t window_bits;
};

// ---- the grammar ----

static void skip_blanks(struct http_text *rest)
{
    while (rest->size > 0 && (*rest->at == ' ' || *rest->at == '\t')) {
        rest->at++;
        rest->size--;
    }
}

static bool take_byte(struct http_text *rest, char byte)
{
    skip_blanks(rest);
    if (rest->size == 0 || *rest->at != byte)
        return false;
    rest->at++;
    rest->size--;
    return true;
}

static bool take_token(struct http_text *rest, struct http_text *token)
{
    skip_blanks(rest);
    *token = (struct http_text){rest->at, 0};
    while (token->size < rest->size && http_is_token_byte(rest->at[token->size]))
        token->size++;
    rest->at += token->size;
    rest->size -= token->size;
    return token->size > 0;
}

// Behind the opening quote. What is quoted must be a token all the same.
static bool take_quoted(struct http_text *rest, struct http_text *value)
{
    size_t at = 0;

    for (; at < rest->size && rest->at[at] != '"'; at++) {
        if (rest->at[at] == '\\' && at + 1 < rest->size)
            at++;
        if (!http_is_token_byte(rest->at[at]))
            return false;
    }
    if (at == 0 || at == rest->size)
        return false;
    *value = (struct http_text){rest->at, at}; // an escape stays: then it is no number
    rest->at += at + 1;
    rest->size -= at + 1;
    return true;
}

static bool take_value(struct http_text *rest, struct http_text *value)
{
    return take_byte(rest, '"') ? take_quoted(rest, value) : take_token(rest, value);
}

// ---- parameters ----

// 8 to 15, without a zero in front; 0 for anything else.
static uint8_t bits_of(struct http_text value)
{
    if (value.size == 1 && (*value.at == '8' || *value.at == '9'))
        return (uint8_t)(*value.at - '0');
    if (value.size == 2 && value.at[0] == '1' && value.at[1] >= '0' && value.at[1] <= '5')
        return (uint8_t)(10 + value.at[1] - '0');
    return 0;
}

static unsigned parameter_of(struct http_text name)
{
    static const struct {
        const char *name;
        unsigned parameter;
    } all[] = {
        {"server_no_context_takeover", SERVER_ALONE},
        {"client_no_context_takeover", CLIENT_ALONE},
        {"server_max_window_bits", SERVER_BITS},
        {"client_max_window_bits", CLIENT_BITS},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (http_is_like(name, all[i].name))
            return all[i].parameter;
    }
    return 0;
}

// `value.at` is NULL without one.
static bool is_fine(unsigned parameter, struct http_text value)
{
    if (parameter == SERVER_BITS)
        return bits_of(value) >= BITS_MIN_SERVER;
    if (parameter == CLIENT_BITS)
        return value.at == NULL || bits_of(value) >= BITS_MIN_CLIENT;
    return parameter != 0 && value.at == NULL;
}

static void take_parameter(struct offer *offer, struct http_text name, struct http_text value)
{
    unsigned parameter = parameter_of(name);

    offer->declined |= offer->seen & parameter || !is_fine(parameter, value);
    offer->seen |= parameter;
    if (parameter == SERVER_BITS && !offer->declined)
        offer->window_bits = bits_of(value);
}

static bool take_offer(struct http_text *rest, struct offer *offer)
{
    struct http_text name;

    *offer = (struct offer){.window_bits = BITS_MAX};
    if (!take_token(rest, &name))
        return false;
    offer->deflate = http_is_like(name, "permessage-deflate");
    while (take_byte(rest, ';')) {
        struct http_text value = {0};
        if (!take_token(rest, &name) || (take_byte(rest, '=') && !take_value(rest, &value)))
            return false;
        take_parameter(offer, name, value);
    }
    return true;
}

// ---- the header ----

// One line of it: offers between commas; empty ones are nothing (RFC 9110 section 5.6.1).
static int agree(struct http_text rest, struct deflate_terms *terms)
{
    struct offer offer;

    for (;;) {
        while (take_byte(&rest, ','))
            ;
        if (rest.size == 0)
            return FINE;
        if (!take_offer(&rest, &offer))
            return BAD_REQUEST;
        skip_blanks(&rest);
        if (rest.size > 0 && *rest.at != ',')
            return BAD_REQUEST;
        if (offer.deflate && !offer.declined && terms->window_bits == 0)
            terms->window_bits = offer.window_bits;
    }
}

int extension_agree(const struct http_request *request, struct deflate_terms *terms)
{
    *terms = (struct deflate_terms){0};
    for (uint32_t i = 0; i < request->header_count; i++) {
        if (!http_is_like(request->headers[i].name, "Sec-WebSocket-Extensions"))
            continue;
        int status = agree(request->headers[i].value, terms);
        if (status != FINE)
            return status;
    }
    return FINE;
}

void extension_text(const struct deflate_terms *terms, char text[EXTENSION_TEXT_SIZE])
{
    int size =
        snprintf(text, EXTENSION_TEXT_SIZE,
                 "permessage-deflate; server_no_context_takeover; client_no_context_takeover");

    if (terms->window_bits < BITS_MAX)
        snprintf(text + size, EXTENSION_TEXT_SIZE - (size_t)size, "; server_max_window_bits=%d",
                 terms->window_bits);
}
