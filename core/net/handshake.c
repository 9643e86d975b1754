// SPDX-License-Identifier: MIT
// The proof in a WebSocket handshake.
#include "rowcast/handshake.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

void handshake_accept(const char key[HANDSHAKE_KEY_SIZE], char accept[HANDSHAKE_ACCEPT_SIZE])
{
    unsigned char proof[HANDSHAKE_KEY_SIZE + sizeof guid - 1];
    unsigned char digest[SHA_DIGEST_LENGTH];

    memcpy(proof, key, HANDSHAKE_KEY_SIZE);
    memcpy(proof + HANDSHAKE_KEY_SIZE, guid, sizeof guid - 1);
    if (SHA1(proof, sizeof proof, digest) == NULL)
        abort(); // only where OpenSSL has no SHA-1 at all
    EVP_EncodeBlock((unsigned char *)accept, digest, sizeof digest);
}
