// SPDX-License-Identifier: MIT
// The proof in a WebSocket handshake (RFC 6455 section 4.2.2). The net room's door to OpenSSL's
// digests.
#ifndef ROWCAST_HANDSHAKE_H
#define ROWCAST_HANDSHAKE_H

#define HANDSHAKE_KEY_SIZE 24    // of Sec-WebSocket-Key: base64 of 16 bytes
#define HANDSHAKE_ACCEPT_SIZE 29 // of Sec-WebSocket-Accept, with its NUL

void handshake_accept(const char key[HANDSHAKE_KEY_SIZE], char accept[HANDSHAKE_ACCEPT_SIZE]);

#endif
