// SPDX-License-Identifier: MIT
// Compressed messages: what was compressed comes back, and whatever comes stays within the maximum.
#include "rowcast/compression.h"

#include "fuzz.h"

#define MAXIMUM 4096

static void inflate_anything(struct compression *compression, const char *bytes, size_t size)
{
    struct buffer message;

    buffer_init(&message, MAXIMUM);
    int code = compression_inflate(compression, bytes, size, &message);
    FUZZ_CHECK(code == 0 || code == 1007 || code == 1009);
    FUZZ_CHECK(message.size <= MAXIMUM && (code == 1009) == message.overflowed);
    buffer_release(&message);
}

static void go_and_come_back(struct compression *compression, const char *bytes, size_t size)
{
    struct frame *frame = frame_new(FRAME_BINARY, bytes, size);
    struct frame *deflated = compression_deflate(compression, frame);

    if (deflated != NULL) {
        struct buffer message;
        size_t deflated_size;
        const unsigned char *payload = frame_payload(deflated, &deflated_size);
        buffer_init(&message, size);
        FUZZ_CHECK(deflated_size < size);
        FUZZ_CHECK(
            compression_inflate(compression, (const char *)payload, deflated_size, &message) == 0);
        FUZZ_CHECK(message.size == size && memcmp(message.bytes, bytes, size) == 0);
        buffer_release(&message);
        frame_unref(deflated);
    }
    frame_unref(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct compression *compression = compression_new();
    char *exact = fuzz_exact(bytes, size);

    inflate_anything(compression, exact, size);
    go_and_come_back(compression, exact, size);
    inflate_anything(compression, exact, size); // nothing is left of what was before
    free(exact);
    compression_free(compression);
    return 0;
}
