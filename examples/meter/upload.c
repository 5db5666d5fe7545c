/*
 * PUT /upload: takes bytes as they come, as many as the client has, and answers with their number and CRC-32. Nothing is kept,
 * so there is no limit; a product of yours writes them into its flash.
 */
/* SPDX-License-Identifier: MIT */
#include "meter.h"

struct upload {
    uint32_t length;
    uint32_t crc;
};

_Static_assert(sizeof(struct upload) <= HTTP_STATE_MAX, "HTTP_STATE_MAX");

/* CRC-32 as zlib has it (polynomial 0xEDB88320, reflected), four bits at a time. */
static uint32_t crc_add(uint32_t crc, const uint8_t *bytes, size_t length)
{
    static const uint32_t nibbles[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
        0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };

    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ nibbles[crc & 15];
        crc = crc >> 4 ^ nibbles[crc & 15];
    }
    return crc;
}

uint16_t upload_begin(struct http_request *r)
{
    struct upload *u = http_state(r);

    u->crc = 0xFFFFFFFF;
    return 0;
}

size_t upload_body(struct http_request *r, const uint8_t *bytes, size_t length)
{
    struct upload *u = http_state(r);

    u->crc = crc_add(u->crc, bytes, length);
    u->length += (uint32_t)length;
    return length;
}

enum http_progress upload_output(struct http_request *r, struct text *out)
{
    const struct upload *u = http_state(r);

    text_put(out, "{");
    text_put_json_u32(out, "length", u->length);
    text_put(out, ",\"crc32\":\"");
    text_put_hex(out, ~u->crc, 8);
    text_put(out, "\"}\n");
    return HTTP_END;
}
