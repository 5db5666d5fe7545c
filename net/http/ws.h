/*
 * A WebSocket server's engine (RFC 6455): received bytes in, events out; frames to send; who has said Close. No sockets,
 * no memory but struct ws, no extensions.
 *
 *   ws_accept_key        Sec-WebSocket-Key becomes Sec-WebSocket-Accept; then the transport answers 101
 *   ws_begin
 *     ws_receive         until all received bytes are consumed; each call gives at most one event
 *     ws_output          after each event, and whenever there is room again: a Pong or a Close that is due
 *     ws_output_taken    that frame is queued, whole
 *     ws_header          in front of each frame of the product's own, while ws_open
 *     ws_close           the product, or a time limit, ends the connection
 *     ws_waiting         our Close is sent, the client's has not come: give it some seconds, then close anyway
 *     ws_finished        close the TCP connection now; the server does it first (7.1.1)
 *
 * Frames go out one behind the other: no ws_output between ws_header and the last byte of its payload; a frame that can't be
 * finished costs the connection. Back-pressure: don't call ws_receive; give it at most N bytes, and no piece is longer.
 * A connection that ends without Close has code WS_CODE_LOST. Any context, but one at a time for each struct ws.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_HTTP_WS_H
#define PLUGNET_NET_HTTP_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/utf8.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WS_ACCEPT_LENGTH 28  /* characters of Sec-WebSocket-Accept */
#define WS_HEADER_MAX    10  /* bytes of a frame's header as a server sends it */
#define WS_CONTROL_MAX   125 /* bytes of a control frame's payload (5.5) */
#define WS_OUTPUT_MAX    (2 + WS_CONTROL_MAX)
#define WS_REASON_MAX    (WS_CONTROL_MAX - 2) /* bytes of a Close's reason */

/* Opcodes (5.2). */
#define WS_CONTINUATION 0x0
#define WS_TEXT         0x1
#define WS_BINARY       0x2
#define WS_CLOSE        0x8
#define WS_PING         0x9
#define WS_PONG         0xA

/* Close codes that we name (7.4.1). */
#define WS_CODE_NORMAL    1000
#define WS_CODE_AWAY      1001 /* the server stops, the link goes down */
#define WS_CODE_PROTOCOL  1002 /* sent by the engine */
#define WS_CODE_TYPE      1003 /* the product takes no text, or no binary data */
#define WS_CODE_NONE      1005 /* never sent: the client's Close had no code */
#define WS_CODE_LOST      1006 /* never sent: there was no Close */
#define WS_CODE_NOT_UTF8  1007 /* sent by the engine */
#define WS_CODE_POLICY    1008
#define WS_CODE_TOO_LONG  1009 /* sent by the engine */
#define WS_CODE_OUR_FAULT 1011

enum ws_event_kind {
    WS_EVENT_NONE,  /* all bytes are consumed */
    WS_EVENT_PIECE, /* part of a message, or all of it */
    WS_EVENT_PING,  /* whole; its Pong is the next output */
    WS_EVENT_PONG,  /* the client lives; the payload is not kept */
    WS_EVENT_CLOSE, /* the client's Close; nothing follows */
    WS_EVENT_ERROR, /* the client has broken the protocol; our Close is due, unless it is sent, and nothing follows */
};

/* What has been received. */
struct ws_event {
    enum ws_event_kind kind;
    bool text;            /* piece: of a text message; else of a binary one */
    bool first;           /* piece: a message begins */
    bool last;            /* piece: it ends; only now a text is known to be whole UTF-8 */
    uint16_t code;        /* close: the client's code or WS_CODE_NONE; error: the code we send */
    size_t length;        /* of bytes; a piece of length 0 ends a message, or is an empty one */
    const uint8_t *bytes; /* piece: in the received bytes, unmasked, cut anywhere, also within a character;
                           * ping: payload, close: reason, error: what is wrong. Until the next ws_receive. */
};

/* One connection: 176 bytes on a Cortex-M4. The caller owns it, fields are ours. */
struct ws {
    uint64_t left;      /* bytes that the payload under way still lacks */
    const char *reason; /* of the Close that is due; NULL: none */
    uint32_t mask;      /* its lowest byte is for the next byte of payload */
    uint32_t limit;     /* bytes of a message, 0: none */
    uint32_t message;   /* bytes of the message under way, as its frames have announced; only with a limit */
    uint16_t code;      /* of the Close that is due; 0: none */
    struct utf8 utf8;   /* of the text under way */
    uint8_t flags;
    uint8_t head_length;    /* bytes of the next frame's header that have come */
    uint8_t head[14];       /* header of the next frame, or of the one under way */
    uint8_t control_length; /* of a Ping's or Close's payload, so far */
    uint8_t control[WS_CONTROL_MAX];
};

/* Make the answer to Sec-WebSocket-Key, ended by a zero byte. False: `key` is not 16 bytes in base64; the request is to be
 * refused by 400. The transport has checked the rest (4.2.1): GET, HTTP/1.1, Upgrade that names websocket, Connection that
 * lists Upgrade, Sec-WebSocket-Version 13 (else 426 with that header field); no extension is ever agreed to (4.2.2). */
bool ws_accept_key(const char *key, size_t length, char accept[WS_ACCEPT_LENGTH + 1]);

/* A new connection, behind its 101; what came behind the request's header section is already for ws_receive. `limit`:
 * bytes of the longest message; one that is longer is refused when a frame's header announces it (code 1009). 0: no
 * limit, for products that take messages by pieces. */
void ws_begin(struct ws *ws, uint32_t limit);

/* Consume received bytes, up to the next event; payload is unmasked in place. Returns how many: `length` if there is
 * none. After a Close or an error all bytes are consumed and ignored. Instructions on a Cortex-M4 for each byte of
 * payload: 1.5, of ASCII text 2.7, of other text up to 18; for each frame 300 more. */
size_t ws_receive(struct ws *ws, uint8_t *bytes, size_t length, struct ws_event *event);

/* The Pong or Close that is due, whole. Returns its length, 0: none. Of several Pings that came before there was room, the
 * last one is answered (5.5.3). */
size_t ws_output(const struct ws *ws, uint8_t out[WS_OUTPUT_MAX]);

/* The frame that ws_output has just given is queued, whole; no ws_receive and no ws_close was in between. */
void ws_output_taken(struct ws *ws);

/* Write a frame's header. Returns its length: 2, 4 or 10. A message in several frames: `opcode` in the first one, then
 * WS_CONTINUATION, `last` in the last one. A Ping of ours: ws_header(out, WS_PING, true, 0). */
size_t ws_header(uint8_t out[WS_HEADER_MAX], unsigned opcode, bool last, uint32_t length);

/* Begin to close: a Close becomes due. `code`: see ws_code_allowed; 0: none. `reason`: UTF-8, at most WS_REASON_MAX
 * bytes, lasts until the Close is taken; NULL: none, as with code 0. False: code or reason is not allowed, or a Close is
 * due, sent or received already. */
bool ws_close(struct ws *ws, uint16_t code, const char *reason);

/* True: this code may stand in a Close (7.4): 1000 to 1003, 1007 to 1014, 3000 to 4999. */
bool ws_code_allowed(uint16_t code);

/* True: a new frame of data may be sent: no Close is due, sent or received. */
bool ws_open(const struct ws *ws);

/* True: we have sent Close and wait for the client's. Pieces that were on their way still come; ignore them. */
bool ws_waiting(const struct ws *ws);

/* True: all is said. Close the TCP connection; what still comes is discarded. */
bool ws_finished(const struct ws *ws);

#ifdef __cplusplus
}
#endif

#endif
