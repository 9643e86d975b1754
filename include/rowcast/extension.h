// SPDX-License-Identifier: MIT
// The offers of Sec-WebSocket-Extensions (RFC 6455 section 9.1), read strictly, and what is agreed of
// permessage-deflate (RFC 7692 section 7.1). Pure.
#ifndef ROWCAST_EXTENSION_H
#define ROWCAST_EXTENSION_H

#include "rowcast/http.h"

// What the client may be sent: nothing, or messages deflated within a window of 2^bits bytes (9 to
// 15), each on its own. It may send the same, with whatever window.
struct deflate_terms {
    uint8_t window_bits; // 0: not agreed
};

// Takes the first offer of permessage-deflate that can be met; others are declined by silence. 0,
// or 400 for a header that is not the grammar's.
int extension_agree(const struct http_request *request, struct deflate_terms *terms);

#define EXTENSION_TEXT_SIZE 128

// The value of the answer's header. `terms` are agreed.
void extension_text(const struct deflate_terms *terms, char text[EXTENSION_TEXT_SIZE]);

#endif
