// SPDX-License-Identifier: MIT
// Messages of permessage-deflate (RFC 7692 section 7.2), each compressed on its own: no window lives on
// between two, so a connection costs nothing and one compressed frame serves everybody. The one door
// to zlib. One thread only.
#ifndef ROWCAST_COMPRESSION_H
#define ROWCAST_COMPRESSION_H

#include <stddef.h>

#include "rowcast/buffer.h"
#include "rowcast/frame.h"

struct compression; // zlib's state: what one thread needs for all its connections

struct compression *compression_new(void);
void compression_free(struct compression *compression); // NULL is fine

// The frame of the same message, compressed within the largest window; owned by the caller. NULL where
// it would not be smaller. `frame` is a whole, uncompressed data message.
struct frame *compression_deflate(struct compression *compression, const struct frame *frame);

// Appends what a compressed message of a client says. 0; 1009 as soon as it is more than `message` may
// hold; 1007 for what is no deflate data. Takes memory for what comes out, not for what is claimed.
int compression_inflate(struct compression *compression, const char *bytes, size_t size,
                        struct buffer *message);

// The most bytes that a message of `size` bytes may reasonably take: what does not compress grows a
// little.
size_t compression_bound(size_t size);

#endif
