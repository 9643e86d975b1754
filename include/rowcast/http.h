// SPDX-License-Identifier: MIT
// The head of an HTTP request (RFC 9112), read strictly: what could be read in two ways is refused.
// Pure: bytes in, a struct out. GET and HEAD without a body are all there is.
#ifndef ROWCAST_HTTP_H
#define ROWCAST_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_MAX_HEADERS 100

// A part of the head, not NUL-terminated. `at` is NULL for what is absent.
struct http_text {
    const char *at;
    size_t size;
};

struct http_header {
    struct http_text name, value; // without the blanks around
};

// Points into the bytes it was read from.
struct http_request {
    struct http_text path;  // begins with '/'; of an absolute target, too
    struct http_text query; // behind the '?'
    int minor;              // HTTP/1.minor: 0 or 1
    bool head;              // HEAD: the answer goes out without its body
    uint32_t header_count;
    struct http_header headers[HTTP_MAX_HEADERS];
};

// How far a head that arrives in pieces has been looked at: each byte once. Zeroed memory is a
// beginning.
struct http_scan {
    size_t at;     // bytes looked at
    size_t line;   // where the current line begins
    int lines;     // complete ones, without an empty one in front
    bool blank;    // there was an empty line in front (RFC 9112 section 2.2 wants one ignored)
    bool after_cr; // the next byte must be LF
};

enum { HTTP_MORE = 0, HTTP_COMPLETE = 1 };

// Reads on. `bytes` are all bytes of the connection so far, `size` grows from call to call. Returns
// HTTP_MORE; HTTP_COMPLETE, with the request filled in and scan->at where the head ends; or the
// status to refuse the request with (400, 405, 414, 431, 505). `maximum` bytes are the longest
// head; what lies behind them is not looked at.
int http_read(struct http_scan *scan, const char *bytes, size_t size, size_t maximum,
              struct http_request *request);

bool http_is_token_byte(char c);                            // RFC 9110 section 5.6.2
bool http_is(struct http_text text, const char *word);      // byte for byte
bool http_is_like(struct http_text text, const char *word); // in any case

int http_count(const struct http_request *request, const char *name);
struct http_text http_value(const struct http_request *request, const char *name); // of the first

// The first value of a parameter of the query (`name=value&...`), percent-decoded, with a NUL behind it.
// Broken: it does not fit, has a NUL, or an escape that is none.
enum http_parameter { HTTP_PARAMETER_ABSENT, HTTP_PARAMETER_FOUND, HTTP_PARAMETER_BROKEN };

enum http_parameter http_parameter(struct http_text query, const char *name, char *value,
                                   size_t room);

// Takes the next element off a comma-separated list: without blanks around, empty ones skipped.
// False at the end.
bool http_next(struct http_text *list, struct http_text *element);
// Whether a list header, in all its lines together, has the element, in any case.
bool http_lists(const struct http_request *request, const char *name, const char *element);

#endif
