/* A token beside the handshake's key: Cookie or Sec-WebSocket-Protocol. */
/* SPDX-License-Identifier: MIT */
#define HTTP_KEEP_MAX 80
