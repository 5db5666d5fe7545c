/*
 * Fuzz an image's header: two of anything, read; what is good becomes the same bytes again, and their versions compare the same way
 * from both sides.
 *
 * Bytes: [header] [header]
 *
 * SECONDS: 10
 * LINK: wire/image.c
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "wire/image.h"
#include "wire/le.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

static void is_the_same(const struct image *image, const uint8_t *header)
{
    uint8_t again[IMAGE_HEADER] = {0};
    store_le32(again + IMAGE_AT_MAGIC, IMAGE_MAGIC);
    store_le32(again + IMAGE_AT_BOARD, image->board);
    store_le32(again + IMAGE_AT_LENGTH, image->length);
    store_le32(again + IMAGE_AT_FORMAT, IMAGE_FORMAT);
    store_le32(again + IMAGE_AT_BASE, image->base);
    store_le16(again + IMAGE_AT_VERSION, image->version.major);
    store_le16(again + IMAGE_AT_VERSION + 2, image->version.minor);
    store_le16(again + IMAGE_AT_VERSION + 4, image->version.patch);
    memcpy(again + IMAGE_AT_PRE, image->version.pre, IMAGE_PRE);
    memcpy(again + IMAGE_AT_PRODUCT, image->product, IMAGE_PRODUCT);
    memcpy(again + IMAGE_AT_GIT, image->git, IMAGE_GIT);
    memcpy(again + IMAGE_AT_BUILD, image->build, IMAGE_BUILD);
    REQUIRE(memcmp(again, header, IMAGE_HEADER) == 0);
    REQUIRE(strlen(image->version.pre) < IMAGE_PRE && strlen(image->product) < IMAGE_PRODUCT &&
            strlen(image->git) < IMAGE_GIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image image[2];
    unsigned good = 0;
    for (size_t i = 0; i < 2 && size >= (i + 1) * IMAGE_HEADER; i++) {
        uint8_t *header = malloc(IMAGE_HEADER); /* its edges are the sanitizer's */
        memcpy(header, data + i * IMAGE_HEADER, IMAGE_HEADER);
        if (image_read(&image[i], header) == IMAGE_GOOD) {
            is_the_same(&image[i], header);
            good++;
        }
        free(header);
    }
    if (good == 2) {
        int order = image_version_compare(&image[0].version, &image[1].version);
        int back = image_version_compare(&image[1].version, &image[0].version);
        REQUIRE((order < 0) == (back > 0) && (order > 0) == (back < 0));
        REQUIRE(image_version_compare(&image[0].version, &image[0].version) == 0);
    }
    return 0;
}
