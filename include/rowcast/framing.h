// SPDX-License-Identifier: MIT
// Walks the frame headers of a client in front of wslay: knows where messages end, refuses at the
// header what wslay refuses late, without a code, or not at all, and keeps Close frames to itself
// (wslay checks their text wrongly when they come in pieces). Pure: bytes in, a close code out.
#ifndef ROWCAST_FRAMING_H
#define ROWCAST_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAMING_MASK 4
#define FRAMING_CLOSE_MAX 125

struct framing_limits {
    uint64_t max_message;
    uint64_t max_deflated;  // the same for the wire's form of a compressed one
    uint32_t max_fragments; // of one message, empty ones too
};

// Zeroed memory stands at the beginning of a stream.
struct framing {
    bool deflate;     // set by the owner: messages may be compressed (RFC 7692 section 6)
    bool deflated;    // the current message is
    uint64_t payload; // bytes to come of the current frame
    uint64_t message; // bytes that the frames of the current message have claimed
    uint32_t fragments;
    bool fragmented; // between two frames of one message
    bool closing;    // the current frame is a Close
    uint8_t size;    // of `header`: a header that is not complete yet
    uint8_t header[10];
    uint8_t close_size; // of `close`: mask and payload, as far as they have come
    unsigned char close[FRAMING_MASK + FRAMING_CLOSE_MAX];
};

enum { FRAMING_FINE = 0, FRAMING_CLOSE = 1 };

// Walks over `size` bytes; the first *good of them are for wslay. Returns FRAMING_FINE;
// FRAMING_CLOSE when the peer's Close is complete; or the code to close with, 1002 or 1009. Nothing
// may be walked after a Close or a fault.
int framing_walk(struct framing *framing, const struct framing_limits *limits,
                 const unsigned char *bytes, size_t size, size_t *good);

// The payload of the Close, not masked any more.
const unsigned char *framing_close(const struct framing *framing, size_t *size);

// At the boundary of two messages: nothing of what was walked is waiting for more.
bool framing_rests(const struct framing *framing);

#endif
