// SPDX-License-Identifier: MIT
// The head of an HTTP request, read strictly.
#include "rowcast/http.h"

#include <string.h>
#include <strings.h>

#define BAD_REQUEST 400
#define METHOD_NOT_ALLOWED 405
#define URI_TOO_LONG 414
#define HEADERS_TOO_LARGE 431
#define VERSION_NOT_SUPPORTED 505

#define FINE 0

// ---- characters ----

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool http_is_token_byte(char c)
{
    return is_alphanumeric(c) || is_one_of(c, "!#$%&'*+-.^_`|~");
}

static bool is_visible(char c)
{
    return c > ' ' && c < 0x7f;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_token(struct http_text text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!http_is_token_byte(text.at[i]))
            return false;
    }
    return text.size > 0;
}

// ---- texts ----

bool http_is(struct http_text text, const char *word)
{
    return text.size == strlen(word) && memcmp(text.at, word, text.size) == 0;
}

bool http_is_like(struct http_text text, const char *word)
{
    return text.size == strlen(word) && strncasecmp(text.at, word, text.size) == 0;
}

static bool starts_like(struct http_text text, const char *word)
{
    size_t size = strlen(word);

    return text.size >= size && strncasecmp(text.at, word, size) == 0;
}

// Takes off what stands before `end`, and `end` itself. False, and nothing taken, without one.
static bool cut(struct http_text *text, char end, struct http_text *before)
{
    const char *found = text->size > 0 ? memchr(text->at, end, text->size) : NULL;

    if (found == NULL)
        return false;
    before->at = text->at;
    before->size = (size_t)(found - text->at);
    text->at += before->size + 1;
    text->size -= before->size + 1;
    return true;
}

static struct http_text trim(struct http_text text)
{
    while (text.size > 0 && is_blank(text.at[0])) {
        text.at++;
        text.size--;
    }
    while (text.size > 0 && is_blank(text.at[text.size - 1]))
        text.size--;
    return text;
}

// ---- the request line ----

// "http://authority" in front of a path is dropped: routing goes by the path (RFC 9112 section
// 3.2.2).
static struct http_text drop_authority(struct http_text target)
{
    static const char *const schemes[] = {"http://", "https://", "ws://", "wss://"};

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (!starts_like(target, schemes[i]))
            continue;
        size_t at = strlen(schemes[i]);
        size_t begin = at;
        while (at < target.size && target.at[at] != '/' && target.at[at] != '?')
            at++;
        if (at == begin)
            return (struct http_text){0};
        return (struct http_text){target.at + at, target.size - at};
    }
    return target;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || is_one_of(c, "abcdefABCDEF");
}

// Each '%' is followed by two hex digits, which are not those of NUL. The query is left to scripts.
static bool is_path(struct http_text path)
{
    for (size_t i = 0; i < path.size; i++) {
        const char *at = path.at + i;
        if (*at == '%' && (path.size - i < 3 || !is_hex(at[1]) || !is_hex(at[2]) ||
                           (at[1] == '0' && at[2] == '0')))
            return false;
    }
    return path.size > 0 && path.at[0] == '/';
}

static int read_target(struct http_text target, struct http_request *request)
{
    for (size_t i = 0; i < target.size; i++) {
        if (!is_visible(target.at[i]) || target.at[i] == '#')
            return BAD_REQUEST;
    }
    struct http_text rest = drop_authority(target);
    if (rest.at == NULL)
        return BAD_REQUEST;
    bool absolute = rest.at != target.at;

    if (cut(&rest, '?', &request->path))
        request->query = rest;
    else
        request->path = rest;
    if (request->path.size == 0 && absolute)
        request->path = (struct http_text){"/", 1};
    return is_path(request->path) ? FINE : BAD_REQUEST;
}

static int read_version(struct http_text version, struct http_request *request)
{
    bool well_formed = version.size == 8 && memcmp(version.at, "HTTP/", 5) == 0 &&
                       version.at[5] >= '0' && version.at[5] <= '9' && version.at[6] == '.' &&
                       version.at[7] >= '0' && version.at[7] <= '9';

    if (!well_formed)
        return BAD_REQUEST;
    if (version.at[5] != '1' || version.at[7] > '1')
        return VERSION_NOT_SUPPORTED;
    request->minor = version.at[7] - '0';
    return FINE;
}

static int read_request_line(struct http_text line, struct http_request *request)
{
    struct http_text method, target;

    if (!cut(&line, ' ', &method) || !cut(&line, ' ', &target) || !is_token(method))
        return BAD_REQUEST;
    int status = read_version(line, request);
    if (status != FINE)
        return status;
    request->head = http_is(method, "HEAD");
    if (!request->head && !http_is(method, "GET"))
        return METHOD_NOT_ALLOWED;
    return read_target(target, request);
}

// ---- the header lines ----

static int read_header(struct http_text line, struct http_request *request)
{
    struct http_header header;

    // A blank at the front (a folded line) or before the colon is no token either.
    if (!cut(&line, ':', &header.name) || !is_token(header.name))
        return BAD_REQUEST;
    if (request->header_count == HTTP_MAX_HEADERS)
        return HEADERS_TOO_LARGE;
    header.value = trim(line);
    request->headers[request->header_count++] = header;
    return FINE;
}

int http_count(const struct http_request *request, const char *name)
{
    int count = 0;

    for (uint32_t i = 0; i < request->header_count; i++)
        count += http_is_like(request->headers[i].name, name);
    return count;
}

struct http_text http_value(const struct http_request *request, const char *name)
{
    for (uint32_t i = 0; i < request->header_count; i++) {
        if (http_is_like(request->headers[i].name, name))
            return request->headers[i].value;
    }
    return (struct http_text){0};
}

bool http_next(struct http_text *list, struct http_text *element)
{
    while (list->size > 0) {
        if (!cut(list, ',', element)) {
            *element = *list;
            list->size = 0;
        }
        *element = trim(*element);
        if (element->size > 0)
            return true;
    }
    return false;
}

bool http_lists(const struct http_request *request, const char *name, const char *element)
{
    for (uint32_t i = 0; i < request->header_count; i++) {
        if (!http_is_like(request->headers[i].name, name))
            continue;
        struct http_text list = request->headers[i].value, one;
        while (http_next(&list, &one)) {
            if (http_is_like(one, element))
                return true;
        }
    }
    return false;
}

// A name or an address with an optional port (RFC 9110 section 7.2), no user part.
static bool is_host(struct http_text host)
{
    for (size_t i = 0; i < host.size; i++) {
        if (!is_alphanumeric(host.at[i]) && !is_one_of(host.at[i], "-._~!$&'()*+,;=%:[]"))
            return false;
    }
    return host.size > 0;
}

// What decides where a message ends and whom it is for (RFC 9112 sections 3.2 and 6).
static int check_headers(const struct http_request *request)
{
    int hosts = http_count(request, "Host"), lengths = http_count(request, "Content-Length");

    if (hosts > 1 || (hosts == 0 && request->minor > 0))
        return BAD_REQUEST;
    if (hosts == 1 && !is_host(http_value(request, "Host")))
        return BAD_REQUEST;
    if (http_count(request, "Transfer-Encoding") > 0 || lengths > 1)
        return BAD_REQUEST;
    if (lengths == 1 && !http_is(http_value(request, "Content-Length"), "0"))
        return BAD_REQUEST;
    return FINE;
}

// ---- the whole ----

// The line from `from` whose CRLF ends before `to`.
static struct http_text line_between(const char *bytes, size_t from, size_t to)
{
    return (struct http_text){bytes + from, to - from - 2};
}

// Reads the head again, now that all of it is there: `size` bytes, in lines that all end with CRLF.
static int read_head(const char *bytes, size_t size, struct http_request *request)
{
    struct http_text rest = {bytes, size}, line;
    int status = FINE;

    memset(request, 0, offsetof(struct http_request, headers));
    if (rest.at[0] == '\r')
        cut(&rest, '\n', &line);
    cut(&rest, '\n', &line);
    line.size--;
    status = read_request_line(line, request);
    while (status == FINE && cut(&rest, '\n', &line) && line.size > 1) {
        line.size--;
        status = read_header(line, request);
    }
    return status != FINE ? status : check_headers(request);
}

// A line has ended before scan->at. The first one is judged at once: who does not speak HTTP learns
// it now.
static int end_line(struct http_scan *scan, const char *bytes, struct http_request *request)
{
    struct http_text line = line_between(bytes, scan->line, scan->at);

    scan->line = scan->at;
    if (line.size == 0) {
        if (scan->lines > 0)
            return HTTP_COMPLETE;
        if (scan->blank)
            return BAD_REQUEST;
        scan->blank = true;
        return HTTP_MORE;
    }
    if (scan->lines++ > 0)
        return HTTP_MORE;
    int status = read_request_line(line, request);
    return status == FINE ? HTTP_MORE : status;
}

static int scan_byte(struct http_scan *scan, const char *bytes, struct http_request *request)
{
    unsigned char c = (unsigned char)bytes[scan->at++];

    if (scan->after_cr) {
        scan->after_cr = false;
        return c == '\n' ? end_line(scan, bytes, request) : BAD_REQUEST;
    }
    if (c == '\r') {
        scan->after_cr = true;
        return HTTP_MORE;
    }
    if ((c < ' ' && c != '\t') || c == 0x7f || (c >= 0x80 && scan->lines == 0))
        return BAD_REQUEST;
    return HTTP_MORE;
}

int http_read(struct http_scan *scan, const char *bytes, size_t size, size_t maximum,
              struct http_request *request)
{
    while (scan->at < size && scan->at < maximum) {
        int result = scan_byte(scan, bytes, request);
        if (result == HTTP_COMPLETE) {
            int status = read_head(bytes, scan->at, request);
            return status == FINE ? HTTP_COMPLETE : status;
        }
        if (result != HTTP_MORE)
            return result;
    }
    if (scan->at < maximum)
        return HTTP_MORE;
    return scan->lines == 0 ? URI_TOO_LONG : HEADERS_TOO_LARGE;
}

// ---- the query ----

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The byte that an escape stands for; -1: it is broken, or NUL.
static int escaped(const char *at, const char *end)
{
    if (end - at < 3 || digit(at[1]) < 0 || digit(at[2]) < 0)
        return -1;
    int byte = digit(at[1]) * 16 + digit(at[2]);
    return byte != 0 ? byte : -1;
}

static enum http_parameter decode(const char *at, const char *end, char *value, size_t room)
{
    size_t size = 0;
    for (; at < end; at++) {
        int byte = *at == '%' ? escaped(at, end) : *at == '+' ? ' ' : (unsigned char)*at;
        if (byte < 0 || size + 1 == room)
            return HTTP_PARAMETER_BROKEN;
        if (*at == '%')
            at += 2;
        value[size++] = (char)byte;
    }
    value[size] = '\0';
    return HTTP_PARAMETER_FOUND;
}

enum http_parameter http_parameter(struct http_text query, const char *name, char *value,
                                   size_t room)
{
    size_t size = strlen(name);
    const char *end = query.at + query.size;
    for (const char *at = query.at; at && at < end;) {
        const char *next = memchr(at, '&', (size_t)(end - at));
        const char *behind = next ? next : end;
        if ((size_t)(behind - at) > size && memcmp(at, name, size) == 0 && at[size] == '=')
            return decode(at + size + 1, behind, value, room);
        at = behind + 1;
    }
    return HTTP_PARAMETER_ABSENT;
}
