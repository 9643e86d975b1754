// SPDX-License-Identifier: MIT
// HTTP answers as bytes for the wire.
#include "rowcast/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowcast/handshake.h"
#include "rowcast/memory.h"

struct status {
    int code;
    const char *reason;
    const char *headers; // that this status asks for
    const char *help;    // for who reads the refusal
};

static const struct status statuses[] = {
    {200, "OK", "", ""},
    {400, "Bad Request", "", "The request is not HTTP/1.1 as RFC 9112 and RFC 6455 write it."},
    {403, "Forbidden", "", "Pages of this Origin may not connect; see the setting 'origins'."},
    {404, "Not Found", "",
     "There is nothing here; WebSockets are at / and /ws unless set otherwise."},
    {405, "Method Not Allowed", "Allow: GET, HEAD\r\n", "GET and HEAD are all there is."},
    {408, "Request Timeout", "", "The request did not come to its end in time."},
    {414, "URI Too Long", "", "The request line is longer than the setting 'max_header' allows."},
    {426, "Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
     "This is a WebSocket: connect to it with ws:// or wss://, version 13."},
    {429, "Too Many Requests", "Retry-After: 5\r\n",
     "This address has as many connections as it may have."},
    {431, "Request Header Fields Too Large", "",
     "The headers are more, or longer, than the server reads (100; the setting 'max_header')."},
    {503, "Service Unavailable", "Retry-After: 5\r\n",
     "The server is full, or is stopping: try again later."},
    {505, "HTTP Version Not Supported", "", "HTTP/1.1 is expected."},
    {500, "Internal Server Error", "", ""}, // for what is not above
};

static const struct status *find(int code)
{
    const struct status *last = &statuses[sizeof statuses / sizeof *statuses - 1];
    const struct status *status = statuses;

    while (status != last && status->code != code)
        status++;
    return status;
}

static struct frame *take_text(char *text)
{
    struct frame *frame = frame_raw(text, strlen(text));

    free(text);
    return frame;
}

static struct frame *answer(int code, const char *type, const char *body)
{
    const struct status *status = find(code);
    const char *upgrade = code == 426 ? "Upgrade, " : ""; // RFC 9110 section 7.8 wants it named

    return take_text(memory_format("HTTP/1.1 %d %s\r\n"
                                   "Connection: %sclose\r\n"
                                   "%s"
                                   "Content-Type: %s\r\n"
                                   "Content-Length: %zu\r\n"
                                   "Cache-Control: no-store\r\n"
                                   "X-Content-Type-Options: nosniff\r\n"
                                   "\r\n"
                                   "%s",
                                   status->code, status->reason, upgrade, status->headers, type,
                                   strlen(body), body));
}

struct frame *answer_json(int status, const char *body)
{
    return answer(status, "application/json", body);
}

struct frame *answer_text(int status, const char *body)
{
    return answer(status, "text/plain; charset=utf-8", body);
}

struct frame *answer_metrics(const char *body)
{
    return answer(200, "text/plain; version=0.0.4; charset=utf-8", body);
}

struct frame *answer_refusal(int status)
{
    char body[160];
    const struct status *found = find(status);

    snprintf(body, sizeof body, "%d %s\n%s\n", found->code, found->reason, found->help);
    return answer_text(status, body);
}

struct frame *answer_without_body(struct frame *answer)
{
    const unsigned char *end = memmem(answer->bytes, answer->size, "\r\n\r\n", 4);
    struct frame *head = frame_raw(answer->bytes, (size_t)(end + 4 - answer->bytes));

    frame_unref(answer);
    return head;
}

// A header of its own, or nothing.
static char *header(const char *name, const char *value)
{
    return value != NULL ? memory_format("%s: %s\r\n", name, value) : memory_text("");
}

struct frame *answer_upgrade(const char *key, const char *protocol, const char *extension)
{
    char accept[HANDSHAKE_ACCEPT_SIZE];

    char *agreed = header("Sec-WebSocket-Protocol", protocol);
    char *extended = header("Sec-WebSocket-Extensions", extension);

    handshake_accept(key, accept);
    char *text = memory_format("HTTP/1.1 101 Switching Protocols\r\n"
                               "Upgrade: websocket\r\n"
                               "Connection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: %s\r\n"
                               "%s%s\r\n",
                               accept, agreed, extended);
    free(agreed);
    free(extended);
    return take_text(text);
}
