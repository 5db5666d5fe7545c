/*
 * WebSocket for products (RFC 6455, no extensions): a path that pages open by `new WebSocket("/ws")`, and what is said on it.
 *
 *   static struct websocket_session sessions[4];
 *   static const struct websocket live = {.sessions = sessions, .count = 4, .message_max = 512,
 *                                       .message = take, .output = put};
 *
 *   static const struct http_route routes[] = {{.path = "/ws", HTTP_WEBSOCKET(&live)}};
 *
 *   websocket_wake_all(&live);    whenever there is something to tell, from any thread or interrupt
 *
 *   handshake ─→ open ─→ room, message, output, in any order ─→ closed, once
 *                  └→ a status of 400 to 599: refused, and no more is called
 *
 * All functions of a product are called in the loop's thread and none waits. One that breaks its contract costs its own
 * connection: that gets a Close with 1011, is counted, and named on the log. Pings are answered, texts are checked, and the
 * closing handshake is done for you. Pages of others get 403: a route with an upgrade is HTTP_SAME_ORIGIN unless it says
 * otherwise. Browsers can't send Authorization here, so a token comes as a cookie or as a subprotocol: name "Cookie" or
 * "Sec-WebSocket-Protocol" in the route's `headers`, and look at it in `open`. docs/websocket.md is the guide.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_HTTP_WEBSOCKET_H
#define PLUGNET_NET_HTTP_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/http/http.h"
#include "net/http/ws.h"
#include "wire/text.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEBSOCKET_FRAME_MAX (HTTP_PART_MAX - 4) /* bytes that `output` may put: payload of one frame, 620 */
#define WEBSOCKET_KEEP      24                  /* bytes of HTTP_KEEP_MAX that a handshake takes */

struct websocket;

/* An open WebSocket: 192 bytes on a Cortex-M4. The product owns the array, static and zeros at first; fields are ours. */
struct websocket_session {
    struct ws ws;
    struct http_request *request; /* NULL: free */
    const struct websocket *websocket;
    uint16_t code;    /* for `closed` */
    uint8_t protocol; /* chosen one's number in `protocols`, and 1; 0: none */
    uint8_t flags;
};

/* Part of a message, or all of it. */
struct websocket_piece {
    const uint8_t *bytes; /* until `message` returns; cut anywhere, also within a character */
    size_t length;        /* 0: an empty message, or the end of one */
    bool text;            /* checked to be UTF-8, so far; else binary */
    bool first;           /* a message begins */
    bool last;            /* it ends; only now a text is known to be whole */
};

/* What `output` has put. A message of several frames is one type, _MORE in all frames but the last one. */
enum websocket_frame {
    WEBSOCKET_NOTHING, /* nothing now; it is asked again after websocket_wake, and whenever something has come */
    WEBSOCKET_TEXT,    /* a text, whole or its last part */
    WEBSOCKET_BINARY,
    WEBSOCKET_TEXT_MORE, /* part of a text, and the next frame goes on with it */
    WEBSOCKET_BINARY_MORE,
};

/* A WebSocket that a product offers. Const; outlives the server. Functions that aren't needed are NULL. */
struct websocket {
    struct websocket_session *sessions; /* yours: one for each that may be open at a time; else 503 */
    size_t count;

    /* Bytes of the longest message; a longer one ends the connection by 1009. 0: no limit, for messages taken by pieces. */
    uint32_t message_max;

    /* Subprotocols, ended by NULL; of those that a client offers, the first one that is among them is chosen. NULL: none. */
    const char *const *protocols;

    /* The handshake is right and a session is taken; http_header, http_query, http_remote tell of `r` (its http_state
     * is ours). 0: welcome. 400 to 599: refused. NULL: all are welcome. */
    uint16_t (*open)(struct websocket_session *s, struct http_request *r);

    /* How many bytes may come now: no piece is longer, so a small buffer is enough for long messages. 0: none; the client is
     * held back, and it is asked again after websocket_wake, and after each frame of `output`. NULL: as many as come. */
    size_t (*room)(struct websocket_session *s);

    /* A piece has come, and is to be taken now. NULL: what comes is ignored. */
    void (*message)(struct websocket_session *s, const struct websocket_piece *piece);

    /* There is room for a frame: put its payload, at most WEBSOCKET_FRAME_MAX bytes, and say what it is; texts in UTF-8, which
     * may be cut anywhere between frames. NULL: we say nothing. */
    enum websocket_frame (*output)(struct websocket_session *s, struct text *out);

    /* The answer to a websocket_ping has come, or an unasked one. */
    void (*pong)(struct websocket_session *s);

    /* It is over; the last call for each session that `open` has welcomed. `code` is the client's (WS_CODE_NONE: it said
     * none), ours if it or we have broken the rules (WS_CODE_PROTOCOL and so on), or WS_CODE_LOST: it has gone without a word. */
    void (*closed)(struct websocket_session *s, uint16_t code);

    const void *data; /* yours: websocket_data */
};

/* For a route: `path`, `access`, `headers`, `query`, `begin` are yours, before it. */
#define HTTP_WEBSOCKET(websocket) .upgrade = &websocket_upgrade, .data = (websocket) + WEBSOCKET_FITS

extern const struct http_upgrade websocket_upgrade;

/* 0, if HTTP_KEEP_MAX is large enough; C++ says so by an array of negative size. */
#ifdef __cplusplus
#define WEBSOCKET_FITS (sizeof(char[HTTP_KEEP_MAX >= WEBSOCKET_KEEP ? 1 : -1]) - 1)
#else
#define WEBSOCKET_FITS                                                                                       \
    (sizeof(struct {                                                                                         \
         _Static_assert(HTTP_KEEP_MAX >= WEBSOCKET_KEEP, "HTTP_KEEP_MAX: a WebSocket's handshake takes 24"); \
         char none;                                                                                          \
     }) -                                                                                                    \
     1)
#endif

/* Let `output` and `room` be asked again. Any thread, and interrupts; too often, or after `closed`, does no harm. */
void websocket_wake(struct websocket_session *s);

/* The same for all that are open. */
void websocket_wake_all(const struct websocket *websocket);

/* The rest is for the loop's thread. */

/* Begin to close: neither `message` nor `output` is called any more, and `closed` when the client has answered, or hasn't for
 * 10 s. `code` as ws_code_allowed says, or 0: none. `reason`: UTF-8, at most WS_REASON_MAX bytes, in flash or as long as the
 * session; NULL: none. False: a code or reason that isn't allowed, or it closes already. */
bool websocket_close(struct websocket_session *s, uint16_t code, const char *reason);

/* Send a Ping, without payload; `pong` hears of the answer. TCP finds out by itself when a client has gone: 15 s without a word. */
void websocket_ping(struct websocket_session *s);

/* The open session behind `after`, NULL: the first one. NULL: there is none. */
struct websocket_session *websocket_next(const struct websocket *websocket, struct websocket_session *after);

/* Its place in `sessions`, for what a product keeps for each; from `open` to `closed`. */
size_t websocket_number(const struct websocket_session *s);

/* The subprotocol that was chosen; NULL: none. */
const char *websocket_protocol(const struct websocket_session *s);

/* The request it came by: http_context, http_remote, http_query, http_header. */
struct http_request *websocket_request(const struct websocket_session *s);
const void *websocket_data(const struct websocket_session *s);

#ifdef __cplusplus
}
#endif

#endif
