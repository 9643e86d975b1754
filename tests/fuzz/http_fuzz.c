// SPDX-License-Identifier: MIT
// A request's head: read in two pieces it is what it is in one, and it lies within its bytes.
#include "rowcast/http.h"

#include "fuzz.h"
#include "rowcast/extension.h"

#define MAXIMUM 2048

static void check_text(struct http_text text, const char *bytes, size_t size)
{
    if (text.at == NULL)
        return;
    FUZZ_CHECK(text.at >= bytes && text.at + text.size <= bytes + size);
    for (size_t i = 0; i < text.size; i++)
        FUZZ_CHECK(text.at[i] != '\r' && text.at[i] != '\n' && text.at[i] != '\0');
}

static void check_request(const struct http_request *request, const char *bytes, size_t size)
{
    struct http_text element;

    if (!http_is(request->path, "/")) // of "http://host" it is nowhere in the bytes
        check_text(request->path, bytes, size);
    check_text(request->query, bytes, size);
    FUZZ_CHECK(request->path.size > 0 && request->path.at[0] == '/');
    FUZZ_CHECK(request->header_count <= HTTP_MAX_HEADERS);
    struct deflate_terms terms;
    int status = extension_agree(request, &terms);
    FUZZ_CHECK(status == 400 || (status == 0 && terms.window_bits <= 15 &&
                                 (terms.window_bits == 0 || terms.window_bits >= 9)));
    for (uint32_t i = 0; i < request->header_count; i++) {
        struct http_text list = request->headers[i].value;
        check_text(request->headers[i].name, bytes, size);
        check_text(list, bytes, size);
        while (http_next(&list, &element))
            FUZZ_CHECK(element.size > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    size_t first = bytes[0] % size;
    char *head = fuzz_exact(bytes + 1, --size);
    struct http_scan whole = {0}, pieces = {0};
    struct http_request request, same;

    int status = http_read(&whole, head, size, MAXIMUM, &request);
    int begun = http_read(&pieces, head, first, MAXIMUM, &same);
    if (begun == HTTP_MORE)
        begun = http_read(&pieces, head, size, MAXIMUM, &same);
    FUZZ_CHECK(begun == status);
    if (status == HTTP_COMPLETE) {
        FUZZ_CHECK(whole.at <= size && whole.at == pieces.at);
        FUZZ_CHECK(request.header_count == same.header_count);
        check_request(&request, head, whole.at);
    }
    free(head);
    return 0;
}
