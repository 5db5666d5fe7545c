/*
 * An image's header: every byte of a good one with every value; its trailer; versions in their order, the standard's examples and
 * more; the CRC as tool/stamp.py and the chip's unit have it.
 *
 * LINK: wire/image.c
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "wire/image.h"
#include "wire/le.h"

static uint8_t header[IMAGE_HEADER];
static struct image image;

static void good_header(void)
{
    memset(header, 0, sizeof header);
    store_le32(header, 0x75506E50);
    store_le32(header + 4, 0x12090001);
    store_le32(header + 8, 0x00012344);
    store_le32(header + 12, 0x31486E50);
    store_le32(header + 16, 0x08020000);
    store_le16(header + 20, 1);
    store_le16(header + 22, 0xFFFF);
    store_le16(header + 24, 30);
    strcpy((char *)header + 28, "rc.1-2");
    strcpy((char *)header + 48, "Pump \"2\"");
    strcpy((char *)header + 80, "1a2b3c4-dirty");
    for (unsigned i = 0; i < 16; i++)
        header[104 + i] = (uint8_t)(0xF0 + i);
}

TEST(image_good_header)
{
    good_header();
    CHECK_EQUAL(image_read(&image, header), IMAGE_GOOD);
    CHECK_EQUAL(image.board, 0x12090001);
    CHECK_EQUAL(image.length, 0x12344);
    CHECK_EQUAL(image.base, 0x08020000);
    CHECK_EQUAL(image.version.major, 1);
    CHECK_EQUAL(image.version.minor, 65535);
    CHECK_EQUAL(image.version.patch, 30);
    CHECK_STRING(image.version.pre, "rc.1-2");
    CHECK_STRING(image.product, "Pump \"2\"");
    CHECK_STRING(image.git, "1a2b3c4-dirty");
    CHECK_BYTES(image.build, header + 104, 16);
}

TEST(image_longest_texts)
{
    good_header();
    memset(header + 28, 'a', 19);
    memset(header + 48, '~', 31);
    memset(header + 80, ' ', 23);
    CHECK_EQUAL(image_read(&image, header), IMAGE_GOOD);
    CHECK_EQUAL(strlen(image.version.pre), 19);
    CHECK_EQUAL(strlen(image.product), 31);
    CHECK_EQUAL(strlen(image.git), 23);
    for (unsigned at = 28; at < 104; at++)
        if (header[at] == 0) { /* the end of one is gone */
            header[at] = 'x';
            CHECK_EQUAL(image_read(&image, header), IMAGE_MALFORMED);
            header[at] = 0;
        }
    memset(header + 28, 0, 76); /* none at all */
    CHECK_EQUAL(image_read(&image, header), IMAGE_GOOD);
    CHECK_STRING(image.version.pre, "");
    CHECK_STRING(image.product, "");
    CHECK_STRING(image.git, "");
}

/* A text of this many bytes, in other words than the code's: printable, an end, nothing behind it. */
static bool text_fits(unsigned at, unsigned size)
{
    unsigned length = (unsigned)strnlen((const char *)header + at, size);
    for (unsigned i = 0; i < size; i++)
        if (i < length ? header[at + i] < 32 || header[at + i] > 126 : header[at + i] != 0)
            return false;
    return length < size;
}

static enum image_read wanted(void)
{
    if (load_le32(header) != 0x75506E50)
        return IMAGE_FOREIGN;
    if (load_le32(header + 12) != 0x31486E50)
        return IMAGE_OLD;
    for (unsigned i = 0; i < 8; i++)
        if (header[120 + i])
            return IMAGE_MALFORMED;
    uint32_t length = load_le32(header + 8);
    bool fits = length % 4 == 0 && length > 128 && !header[26] && !header[27] && text_fits(28, 20) &&
                text_fits(48, 32) && text_fits(80, 24);
    return fits ? IMAGE_GOOD : IMAGE_MALFORMED;
}

/* What was read, as bytes again. */
static void is_the_same(void)
{
    uint8_t again[IMAGE_HEADER] = {0};
    store_le32(again, 0x75506E50);
    store_le32(again + 4, image.board);
    store_le32(again + 8, image.length);
    store_le32(again + 12, 0x31486E50);
    store_le32(again + 16, image.base);
    store_le16(again + 20, image.version.major);
    store_le16(again + 22, image.version.minor);
    store_le16(again + 24, image.version.patch);
    memcpy(again + 28, image.version.pre, 20);
    memcpy(again + 48, image.product, 32);
    memcpy(again + 80, image.git, 24);
    memcpy(again + 104, image.build, 16);
    CHECK_BYTES(again, header, sizeof again);
}

TEST(image_every_byte_of_every_value)
{
    unsigned count[4] = {0};
    for (unsigned at = 0; at < IMAGE_HEADER; at++)
        for (unsigned value = 0; value < 256; value++) {
            good_header();
            header[at] = (uint8_t)value;
            enum image_read result = image_read(&image, header);
            if (result != wanted())
                TEST_FAIL("byte %u with %u gives %d, not %d", at, value, (int)result, (int)wanted());
            if (result == IMAGE_GOOD)
                is_the_same();
            count[result]++;
        }
    CHECK_EQUAL(count[IMAGE_FOREIGN], 4 * 255);
    CHECK_EQUAL(count[IMAGE_OLD], 4 * 255);
    CHECK(count[IMAGE_MALFORMED] > 10000 && count[IMAGE_GOOD] > 6000);
}

TEST(image_short_length)
{
    good_header();
    store_le32(header + 8, 128);
    CHECK_EQUAL(image_read(&image, header), IMAGE_MALFORMED);
    store_le32(header + 8, 132);
    CHECK_EQUAL(image_read(&image, header), IMAGE_GOOD);
}

TEST(image_erased_and_empty)
{
    memset(header, 0xFF, sizeof header);
    CHECK_EQUAL(image_read(&image, header), IMAGE_FOREIGN);
    memset(header, 0, sizeof header);
    CHECK_EQUAL(image_read(&image, header), IMAGE_FOREIGN);
}

TEST(image_trailer)
{
    uint8_t trailer[IMAGE_TRAILER] = {'P', 'n', 'S', '1'};
    CHECK(image_signature(trailer) == trailer + 8);
    for (unsigned bit = 0; bit < 64; bit++) {
        trailer[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(image_signature(trailer) == NULL);
        trailer[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    memset(trailer, 0xFF, sizeof trailer);
    CHECK(image_signature(trailer) == NULL);
}

static int compare(struct image_version a, struct image_version b)
{
    int order = image_version_compare(&a, &b), back = image_version_compare(&b, &a);
    if ((order < 0) != (back > 0) || (order > 0) != (back < 0))
        TEST_FAIL("%s against %s is %d, and the other way %d", a.pre, b.pre, order, back);
    return order;
}

/* Each is older than all behind it, and the same as itself. */
static void in_order(const struct image_version *versions, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < count; j++) {
            int order = compare(versions[i], versions[j]);
            if (i < j ? order >= 0 : i > j ? order <= 0 : order != 0)
                TEST_FAIL("%u.%u.%u-%s against %u.%u.%u-%s is %d", versions[i].major, versions[i].minor,
                          versions[i].patch, versions[i].pre, versions[j].major, versions[j].minor,
                          versions[j].patch, versions[j].pre, order);
        }
}

/* Item 11 of the standard gives both chains. */
TEST(image_versions_of_the_standard)
{
    static const struct image_version numbers[] = {
        {1, 0, 0, ""}, {2, 0, 0, ""}, {2, 1, 0, ""}, {2, 1, 1, ""}};
    static const struct image_version pre[] = {
        {1, 0, 0, "alpha"},  {1, 0, 0, "alpha.1"}, {1, 0, 0, "alpha.beta"}, {1, 0, 0, "beta"},
        {1, 0, 0, "beta.2"}, {1, 0, 0, "beta.11"}, {1, 0, 0, "rc.1"},       {1, 0, 0, ""},
    };
    in_order(numbers, sizeof numbers / sizeof numbers[0]);
    in_order(pre, sizeof pre / sizeof pre[0]);
}

/* Numbers longer than a machine's, numbers before words, letters by ASCII, a hyphen is none that parts. */
TEST(image_versions_at_the_edges)
{
    static const struct image_version versions[] = {
        {0, 0, 0, "0"},
        {0, 0, 0, "0.0"},
        {0, 0, 0, "9"},
        {0, 0, 0, "10"},
        {0, 0, 0, "4294967295"},
        {0, 0, 0, "4294967296"},
        {0, 0, 0, "9999999999999999998"},
        {0, 0, 0, "9999999999999999999"},
        {0, 0, 0, "-"},
        {0, 0, 0, "-1"},
        {0, 0, 0, "10a"},
        {0, 0, 0, "9a"},
        {0, 0, 0, "RC"},
        {0, 0, 0, "a.1"},
        {0, 0, 0, "a-b"},
        {0, 0, 0, "ab"},
        {0, 0, 0, "rc"},
        {0, 0, 0, "rc.1"},
        {0, 0, 0, "rc.1.0"},
        {0, 0, 0, "rc.2"},
        {0, 0, 0, "rc1"},
        {0, 0, 0, ""},
        {0, 0, 1, "a"},
        {0, 0, 65535, ""},
        {0, 1, 0, "a"},
        {0, 65535, 0, ""},
        {1, 0, 0, "a"},
        {65535, 0, 0, ""},
    };
    in_order(versions, sizeof versions / sizeof versions[0]);
}

/* A text of full length that ends in an empty identifier: nothing behind it is read. */
TEST(image_versions_end_with_their_text)
{
    static const struct image_version version = {1, 2, 3, "aaaaaaaaaaaaaaaaaa."};
    struct image_version *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    *a = *b = version;
    CHECK_EQUAL(image_version_compare(a, b), 0);
    free(a);
    free(b);
}

/* No versions by the standard, but the header may hold them: the order stays one. */
TEST(image_versions_that_are_none)
{
    static const char *const texts[] = {"",   ".", "..",   "a.", ".a", "1.",
                                        "01", "1", "a..b", "~",  " ",  "..................."};
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (unsigned j = 0; j < sizeof texts / sizeof texts[0]; j++) {
            struct image_version a = {1, 2, 3, ""}, b = {1, 2, 3, ""};
            strcpy(a.pre, texts[i]);
            strcpy(b.pre, texts[j]);
            CHECK_EQUAL(compare(a, b) == 0, i == j);
        }
}

/* Every number of words; the last number is of tool/stamp.py over all of them. */
TEST(image_crc_as_the_chip_has_it)
{
    uint8_t bytes[1200], all[300 * 4];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    CHECK_EQUAL(image_crc(UINT32_MAX, "1234", 4), 0xC2091428);
    for (unsigned words = 0; words < 300; words++) {
        uint32_t crc = UINT32_MAX, part = image_crc(UINT32_MAX, bytes, words / 3 * 4);
        for (unsigned i = 0; i < words; i++) { /* by its definition */
            crc ^= load_le32(bytes + 4 * i);
            for (int bit = 0; bit < 32; bit++)
                crc = crc << 1 ^ (crc >> 31 ? 0x04C11DB7u : 0);
        }
        CHECK_EQUAL(image_crc(UINT32_MAX, bytes, 4 * words), crc);
        CHECK_EQUAL(image_crc(part, bytes + words / 3 * 4, 4 * (words - words / 3)), crc);
        store_le32(all + 4 * words, crc);
    }
    CHECK_EQUAL(image_crc(UINT32_MAX, all, sizeof all), 0xA9E7DD00);
}

TEST_MAIN()
