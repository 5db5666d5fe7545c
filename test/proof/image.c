/*
 * An image's header and trailer, and versions: any bytes of their lengths.
 */
/* SPDX-License-Identifier: MIT */
#include "proof.h"

#include "wire/image.c"

#define PRE_BYTES 6 /* of a pre-release, with its 0: the rounds for its identifiers are counted out */

static bool ends(const char *text, size_t size)
{
    return text[size - 1] == 0;
}

void prove_image_read(void)
{
    uint8_t *header = any_bytes(IMAGE_HEADER);
    struct image image;

    enum image_read read = image_read(&image, header);
    if (read != IMAGE_GOOD)
        return;
    PROVE(load_le32(header + IMAGE_AT_MAGIC) == IMAGE_MAGIC &&
          load_le32(header + IMAGE_AT_FORMAT) == IMAGE_FORMAT);
    PROVE(image.length % 4 == 0 && image.length > IMAGE_HEADER);
    PROVE(ends(image.version.pre, IMAGE_PRE) && ends(image.product, IMAGE_PRODUCT) &&
          ends(image.git, IMAGE_GIT));
    if (image.product[IMAGE_PRODUCT - 2] != 0)
        REACHED("a good one, with the longest text");
}

void prove_image_signature(void)
{
    uint8_t *trailer = any_bytes(IMAGE_TRAILER);
    const uint8_t *signature = image_signature(trailer);

    if (signature != NULL) {
        PROVE(INSIDE(signature, IMAGE_SIGNATURE, trailer, IMAGE_TRAILER));
        REACHED("a signature");
    }
}

/* As image_read leaves texts: they end in their field. */
void prove_image_version_compare(void)
{
    struct image_version a, b;

    memset(a.pre + PRE_BYTES - 1, 0, IMAGE_PRE - PRE_BYTES + 1);
    memset(b.pre + PRE_BYTES - 1, 0, IMAGE_PRE - PRE_BYTES + 1);
    int order = image_version_compare(&a, &b);
    PROVE(order >= 0 || a.major <= b.major);
    PROVE(order <= 0 || a.major >= b.major);
    if (order == 0 && a.pre[0] != 0)
        REACHED("the same");
}

void prove_image_crc(void)
{
    size_t length = any_size(1 << 20);

    image_crc(nondet_u32(), any_bytes(length), length);
    REACHED("the end");
}
