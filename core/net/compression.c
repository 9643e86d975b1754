// SPDX-License-Identifier: MIT
// Messages of permessage-deflate. The one door to zlib.
#include "rowcast/compression.h"

#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>

#include "rowcast/memory.h"

#define RAW_WINDOW (-15)
#define MEMORY_LEVEL 5    // a small table, since each message clears it
#define TOO_SMALL 32      // bytes of payload that are not worth a try
#define PIECE (16u << 10) // bytes inflated at a time
#define OPCODE 0x0f
#define AT_BLOCK 128 // of data_type: between two blocks
#define BAD_DATA 1007
#define TOO_BIG 1009

// What a sender cuts off the end of each message (RFC 7692 section 7.2.1).
static const unsigned char tail[] = {0x00, 0x00, 0xff, 0xff};

struct compression {
    z_stream deflater, inflater;
    struct buffer scratch; // a compressed message, until its size is known
    unsigned char piece[PIECE];
};

struct compression *compression_new(void)
{
    struct compression *compression = memory_new(sizeof *compression);

    // Being out of memory is the only reason for either to fail.
    if (deflateInit2(&compression->deflater, Z_DEFAULT_COMPRESSION, Z_DEFLATED, RAW_WINDOW,
                     MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK ||
        inflateInit2(&compression->inflater, RAW_WINDOW) != Z_OK)
        abort();
    buffer_init(&compression->scratch, SIZE_MAX / 2);
    return compression;
}

void compression_free(struct compression *compression)
{
    if (compression == NULL)
        return;
    deflateEnd(&compression->deflater);
    inflateEnd(&compression->inflater);
    buffer_release(&compression->scratch);
    free(compression);
}

size_t compression_bound(size_t size)
{
    return size + size / 1000 + 64;
}

// ---- out ----

struct frame *compression_deflate(struct compression *compression, const struct frame *frame)
{
    z_stream *stream = &compression->deflater;
    size_t size;
    const unsigned char *payload = frame_payload(frame, &size);

    if (size < TOO_SMALL)
        return NULL;
    buffer_clear(&compression->scratch);
    deflateReset(stream);
    stream->next_in = (unsigned char *)payload;
    stream->avail_in = (uInt)size;
    stream->next_out = (unsigned char *)buffer_reserve(&compression->scratch, size);
    stream->avail_out = (uInt)size; // more than that is not wanted
    deflate(stream, Z_SYNC_FLUSH);
    if (stream->avail_in > 0 || stream->avail_out == 0)
        return NULL;
    size_t deflated = size - stream->avail_out - sizeof tail;
    return frame_new((enum frame_opcode)((frame->bytes[0] & OPCODE) | FRAME_DEFLATED),
                     compression->scratch.bytes, deflated);
}

// ---- in ----

// Inflates the bytes. 0, or the code that ends it. *ended: the last block said that it is the last.
static int inflate_all(struct compression *compression, const unsigned char *bytes, size_t size,
                       struct buffer *message, bool *ended)
{
    z_stream *stream = &compression->inflater;
    int result = Z_OK;

    stream->next_in = (unsigned char *)bytes;
    stream->avail_in = (uInt)size;
    do {
        stream->next_out = compression->piece;
        stream->avail_out = PIECE;
        result = inflate(stream, Z_SYNC_FLUSH);
        buffer_append(message, compression->piece, PIECE - stream->avail_out);
        if (message->overflowed)
            return TOO_BIG;
        *ended = result == Z_STREAM_END;
        if (*ended)
            inflateReset(stream); // another may follow (RFC 7692 section 7.2.3.4)
    } while ((result == Z_OK || result == Z_STREAM_END) &&
             (stream->avail_in > 0 || stream->avail_out == 0));
    return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR ? 0 : BAD_DATA;
}

int compression_inflate(struct compression *compression, const char *bytes, size_t size,
                        struct buffer *message)
{
    bool ended;

    if (size == 0)
        return 0;
    inflateReset(&compression->inflater);
    int code = inflate_all(compression, (const unsigned char *)bytes, size, message, &ended);
    if (code != 0 || ended)
        return code;
    code = inflate_all(compression, tail, sizeof tail, message, &ended);
    if (code != 0)
        return code;
    return compression->inflater.data_type & AT_BLOCK ? 0 : BAD_DATA;
}
