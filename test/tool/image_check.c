/*
 * What a board thinks of an update file, by the code that a board has: image_check FILE, with `update_key` as tool/image.py prints it
 * in front (gcc -include). Prints one line: product, version, base, build ID, and "good", "wrong" or "unsigned".
 */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "wire/ed25519.h"
#include "wire/image.h"
#include "wire/le.h"

static uint8_t file[0x100000];

static const char *signature_says(const struct image *image, size_t size)
{
    static struct ed25519 v;
    const uint8_t *trailer = file + image->length + 4, *signature = NULL;

    if (size == image->length + 4)
        return "unsigned";
    if (size == image->length + 4 + IMAGE_TRAILER)
        signature = image_signature(trailer);
    if (!signature)
        return "no trailer";
    ed25519_begin(&v, update_key, signature);
    ed25519_update(&v, file, image->length + 4);
    while (ed25519_step(&v))
        continue;
    return ed25519_good(&v) ? "good" : "wrong";
}

int main(int count, char **words)
{
    struct image image;
    FILE *from = count == 2 ? fopen(words[1], "rb") : NULL;
    size_t size = from ? fread(file, 1, sizeof file, from) : 0;

    for (size_t at = 0; at < 0x400 && at + IMAGE_HEADER < size; at += 4) {
        if (image_read(&image, file + at) != IMAGE_GOOD)
            continue;
        if (size < image.length + 4 ||
            load_le32(file + image.length) != image_crc(UINT32_MAX, file, image.length)) {
            puts("damaged");
            return 1;
        }
        printf("%s %u.%u.%u%s%s %08x ", image.product, image.version.major, image.version.minor,
               image.version.patch, *image.version.pre ? "-" : "", image.version.pre, (unsigned)image.base);
        for (unsigned i = 0; i < IMAGE_BUILD; i++)
            printf("%02x", image.build[i]);
        printf(" %s\n", signature_says(&image, size));
        return 0;
    }
    puts("no image");
    return 1;
}
