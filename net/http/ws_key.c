/*
 * The key of WebSocket's opening handshake: SHA-1 of the key as it stands and a fixed text, in base64 (RFC 6455 4.2.2).
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/ws.h"

#include <string.h>

#include "wire/base64.h"
#include "wire/sha1.h"

#define KEY_BYTES  16
#define KEY_LENGTH BASE64_LENGTH(KEY_BYTES)

static const char key_end[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

bool ws_accept_key(const char *key, size_t length, char accept[WS_ACCEPT_LENGTH + 1])
{
    char text[KEY_LENGTH + sizeof key_end - 1];
    uint8_t digest[SHA1_LENGTH];
    _Static_assert(BASE64_LENGTH(SHA1_LENGTH) == WS_ACCEPT_LENGTH, "a digest in base64");
    if (length != KEY_LENGTH || base64_decode(key, length, text, KEY_BYTES) != KEY_BYTES)
        return false;
    memcpy(text, key, KEY_LENGTH);
    memcpy(text + KEY_LENGTH, key_end, sizeof key_end - 1);
    sha1(text, sizeof text, digest);
    base64_encode(digest, sizeof digest, accept);
    return true;
}
