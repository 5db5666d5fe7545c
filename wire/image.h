/*
 * An image of ours: what stands in front of its code and behind it, in flash as in a file. Tools and boards read it without
 * running it. Pure functions; the first-stage boot loader, which calls nothing, uses the offsets alone.
 *
 *   | vector table | header, 128 bytes | code … data | CRC word | trailer, 72 bytes, where it is signed |
 *   0                                                ↑ length                                  image_size ↑
 *
 * Numbers are little-endian, texts end with a 0. The first three words never change: boot guards in the field read them. The
 * CRC word is that of the STM32's unit over all before it: polynomial 0x04C11DB7 over whole words, begun with all ones. The signature is
 * Ed25519's (wire/ed25519.h) over all before the trailer, so it covers header and CRC word.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_IMAGE_H
#define PLUGNET_WIRE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IMAGE_MAGIC  0x75506E50u /* "PnPu": an image of ours */
#define IMAGE_FORMAT 0x31486E50u /* "PnH1": its header has all that is here */
#define IMAGE_SIGNED 0x31536E50u /* "PnS1": the trailer's first word; the second is 0 */

enum {
    IMAGE_HEADER = 128, /* bytes */
    IMAGE_TRAILER = 72,
    IMAGE_SIGNATURE = 64, /* the trailer's last bytes */

    /* Where it stands in the header. */
    IMAGE_AT_MAGIC = 0,
    IMAGE_AT_BOARD = 4,
    IMAGE_AT_LENGTH = 8,
    IMAGE_AT_FORMAT = 12,
    IMAGE_AT_BASE = 16,
    IMAGE_AT_VERSION = 20, /* major, minor, patch; a half word each, and one of zeros */
    IMAGE_AT_PRE = 28,
    IMAGE_AT_PRODUCT = 48,
    IMAGE_AT_GIT = 80,
    IMAGE_AT_BUILD = 104, /* and 8 bytes of zeros behind it */

    /* Bytes of each text, with its 0. */
    IMAGE_PRE = 20,
    IMAGE_PRODUCT = 32,
    IMAGE_GIT = 24,
    IMAGE_BUILD = 16,
};

/* A semantic version; what stands behind a '+' is not part of it. */
struct image_version {
    uint16_t major, minor, patch;
    char pre[IMAGE_PRE]; /* "rc.1" of 1.2.0-rc.1; "": none */
};

struct image {
    uint32_t board;  /* BOARD_ID */
    uint32_t length; /* bytes in front of the CRC word, a multiple of 4 */
    uint32_t base;   /* the address that it is linked for */
    struct image_version version;
    char product[IMAGE_PRODUCT];
    char git[IMAGE_GIT]; /* "1a2b3c4", "1a2b3c4-dirty"; "": it wasn't built in a checkout */
    /* The first bytes of the SHA-256 of all before the CRC word, with zeros for these. */
    uint8_t build[IMAGE_BUILD];
};

enum image_read {
    IMAGE_GOOD,
    IMAGE_FOREIGN, /* no image of ours */
    IMAGE_OLD,     /* one of ours, from before there were such headers */
    /* Length no multiple of 4, texts without end or with characters that aren't printable ASCII, … */
    IMAGE_MALFORMED,
};

/* Read IMAGE_HEADER bytes. `image` holds something where they are IMAGE_GOOD alone. */
enum image_read image_read(struct image *image, const uint8_t header[IMAGE_HEADER]);

/* The signature, IMAGE_SIGNATURE bytes, in the IMAGE_TRAILER bytes behind the CRC word; NULL: they are no trailer. */
const uint8_t *image_signature(const uint8_t trailer[IMAGE_TRAILER]);

/* Below 0: a is older; 0: both are the same; above 0: a is newer. By precedence:
 * Semantic Versioning 2.0.0, item 11. */
int image_version_compare(const struct image_version *a, const struct image_version *b);

/* The CRC word's number: of what `crc` is the CRC of, with `length` bytes behind it, a multiple of 4; UINT32_MAX is that of nothing. */
uint32_t image_crc(uint32_t crc, const void *bytes, size_t length);

#ifdef __cplusplus
}
#endif

#endif
