/*
 * PUT /upload: takes bytes as they come, as many as the client has, and answers with their number and CRC-32. Nothing is kept,
 * so there is no limit; a product of yours writes them into its flash.
 */
/* SPDX-License-Identifier: MIT */
#include "meter.h"
#include "wire/crc32.h"

struct upload {
    uint32_t length;
    uint32_t crc;
};

_Static_assert(sizeof(struct upload) <= HTTP_STATE_MAX, "HTTP_STATE_MAX");

size_t upload_body(struct http_request *r, const uint8_t *bytes, size_t length)
{
    struct upload *u = http_state(r);

    u->crc = crc32_add(u->crc, bytes, length);
    u->length += (uint32_t)length;
    return length;
}

enum http_progress upload_output(struct http_request *r, struct text *out)
{
    const struct upload *u = http_state(r);

    text_put(out, "{");
    text_put_json_u32(out, "length", u->length);
    text_put(out, ",\"crc32\":\"");
    text_put_hex(out, u->crc, 8);
    text_put(out, "\"}\n");
    return HTTP_END;
}
