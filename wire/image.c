/*
 * An image's header and trailer, read; versions in their order; the CRC of the STM32's unit by half bytes: its table is what
 * each value of the top four bits leaves behind, 64 bytes.
 *
 * Source: Semantic Versioning 2.0.0, items 2, 9, 10 and 11.
 */
/* SPDX-License-Identifier: MIT */
#include "wire/image.h"

#include <string.h>

#include "wire/le.h"

/* A text with its end in the field, printable before it and nothing behind it. */
static bool text_read(char *text, const uint8_t *field, size_t size)
{
    size_t length = 0;

    while (length < size && field[length] >= ' ' && field[length] <= '~')
        length++;
    if (length == size)
        return false;
    for (size_t i = length; i < size; i++)
        if (field[i])
            return false;
    memcpy(text, field, size);
    return true;
}

enum image_read image_read(struct image *image, const uint8_t header[IMAGE_HEADER])
{
    const uint8_t *version = header + IMAGE_AT_VERSION, *end = header + IMAGE_AT_BUILD + IMAGE_BUILD;

    if (load_le32(header + IMAGE_AT_MAGIC) != IMAGE_MAGIC)
        return IMAGE_FOREIGN;
    if (load_le32(header + IMAGE_AT_FORMAT) != IMAGE_FORMAT)
        return IMAGE_OLD;
    image->board = load_le32(header + IMAGE_AT_BOARD);
    image->length = load_le32(header + IMAGE_AT_LENGTH);
    image->base = load_le32(header + IMAGE_AT_BASE);
    image->version.major = load_le16(version);
    image->version.minor = load_le16(version + 2);
    image->version.patch = load_le16(version + 4);
    if (image->length % 4 || image->length <= IMAGE_HEADER || load_le16(version + 6) || load_le32(end) ||
        load_le32(end + 4) || !text_read(image->version.pre, header + IMAGE_AT_PRE, IMAGE_PRE) ||
        !text_read(image->product, header + IMAGE_AT_PRODUCT, IMAGE_PRODUCT) ||
        !text_read(image->git, header + IMAGE_AT_GIT, IMAGE_GIT))
        return IMAGE_MALFORMED;
    memcpy(image->build, header + IMAGE_AT_BUILD, IMAGE_BUILD);
    return IMAGE_GOOD;
}

const uint8_t *image_signature(const uint8_t trailer[IMAGE_TRAILER])
{
    return load_le32(trailer) == IMAGE_SIGNED && load_le32(trailer + 4) == 0
               ? trailer + IMAGE_TRAILER - IMAGE_SIGNATURE
               : NULL;
}

static size_t identifier_length(const char *text)
{
    size_t length = 0;

    while (text[length] && text[length] != '.')
        length++;
    return length;
}

static bool is_number(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return true;
}

/* Two identifiers: numbers by their value, which come before all others; those by ASCII. */
static int identifier_compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
    bool a_number = is_number(a, a_length), b_number = is_number(b, b_length);

    if (a_number != b_number)
        return a_number ? -1 : 1;
    if (a_number && a_length != b_length) /* none begins with 0: the longer one is larger */
        return a_length < b_length ? -1 : 1;
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order ? order : (a_length > b_length) - (a_length < b_length);
}

int image_version_compare(const struct image_version *a, const struct image_version *b)
{
    const char *a_text = a->pre, *b_text = b->pre;

    if (a->major != b->major)
        return a->major < b->major ? -1 : 1;
    if (a->minor != b->minor)
        return a->minor < b->minor ? -1 : 1;
    if (a->patch != b->patch)
        return a->patch < b->patch ? -1 : 1;
    if (!*a_text || !*b_text) /* without one it is newer */
        return !*a_text - !*b_text;
    for (;;) {
        size_t a_length = identifier_length(a_text), b_length = identifier_length(b_text);
        int order = identifier_compare(a_text, a_length, b_text, b_length);
        if (order)
            return order;
        a_text += a_length;
        b_text += b_length;
        if (!*a_text || !*b_text) /* all that both have is the same: more of them is newer */
            return !!*a_text - !!*b_text;
        a_text++;
        b_text++;
    }
}

uint32_t image_crc(uint32_t crc, const void *bytes, size_t length)
{
    static const uint32_t table[16] = {
        0x00000000, 0x04C11DB7, 0x09823B6E, 0x0D4326D9, 0x130476DC, 0x17C56B6B, 0x1A864DB2, 0x1E475005,
        0x2608EDB8, 0x22C9F00F, 0x2F8AD6D6, 0x2B4BCB61, 0x350C9B64, 0x31CD86D3, 0x3C8EA00A, 0x384FBDBD,
    };
    const uint8_t *byte = bytes;

    for (; length >= 4; length -= 4, byte += 4) {
        crc ^= load_le32(byte);
        for (unsigned i = 0; i < 8; i++)
            crc = crc << 4 ^ table[crc >> 28];
    }
    return crc;
}
