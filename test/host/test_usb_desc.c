/*
 * The configuration parser against descriptors that are right, wrong in one thing, cut off, or noise.
 */
/* SPDX-License-Identifier: MIT */
#include "host/usb_desc.h"
#include "test/host/fake.h"
#include "test/test.h"

static struct fake fake;
static struct usb_desc desc;

static const char *parse(void)
{
    /* A copy of the exact size: the sanitizer sees a read beyond its end. */
    uint8_t *copy = malloc(fake.config_length);
    memcpy(copy, fake.config, fake.config_length);
    const char *error = usb_desc_parse(&desc, copy, fake.config_length);
    free(copy);
    return error;
}

static void begin(void)
{
    fake_free(&fake);
    fake_init(&fake);
}

TEST(desc_good)
{
    begin();
    CHECK(usb_desc_parse(&desc, fake.config, fake.config_length) == NULL);
    CHECK_EQUAL(desc.setting_count, 3);
    CHECK_EQUAL(desc.bmAttributes, 0xA0);
    const struct usb_desc_setting *control = usb_desc_setting(&desc, 0, 0);
    CHECK(control != NULL);
    CHECK_EQUAL(control->extra_length, 5 + 5 + 13 + 6);
    CHECK_EQUAL(control->extra[2], 0);
    CHECK_EQUAL(control->function_count, 2);
    const struct usb_desc_setting *data = usb_desc_setting(&desc, 1, 1);
    CHECK_EQUAL(data->endpoint_count, 2);
    CHECK_EQUAL(usb_desc_endpoint(data, USB_ENDPOINT_BULK, true)->bEndpointAddress, 0x82);
    CHECK_EQUAL(usb_desc_endpoint(data, USB_ENDPOINT_BULK, false)->bEndpointAddress, 0x02);
    CHECK(usb_desc_endpoint(data, USB_ENDPOINT_INTERRUPT, true) == NULL);
    CHECK(usb_desc_setting(&desc, 1, 2) == NULL);
    CHECK_EQUAL(usb_desc_setting(&desc, 1, 0)->endpoint_count, 0);
}

TEST(desc_wrong_in_one_thing)
{
    static const struct {
        uint8_t at, value;
        const char *why;
    } cases[] = {
        {0, 8, "no configuration"},
        {1, 4, "no configuration"},
        {2, 93, "wTotalLength"},
        {3, 1, "wTotalLength"},
        {4, 3, "no setting 0"},
        {4, 1, "not below bNumInterfaces"},
        {9, 7, "shorter than 8"},  /* association */
        {17, 8, "shorter than 9"}, /* interface */
        {21, 2, "bNumEndpoints"},
        {21, 0, "bNumEndpoints"},
        {55, 2, "shorter than 7"},
        {57, 0x80, "reserved or zero"},
        {57, 0x91, "reserved or zero"},
        {59, 0, "wMaxPacketSize"},
        {59, 65, "wMaxPacketSize"},
        {71, 0, "beyond the end"},
        {74, 0, "twice"}, /* both settings of interface 1 are number 0 */
        {84, 48, "8, 16, 32 or 64"},
        {89, 0x82, "twice"},
        {87, 1, "beyond the end"},
        {87, 8, "beyond the end"},
        {10, 2, "inside another"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin();
        fake.config[cases[i].at] = cases[i].value;
        const char *error = parse();
        if (error == NULL || strstr(error, cases[i].why) == NULL)
            TEST_FAIL("case %u: byte %u = %u: \"%s\"", i, cases[i].at, cases[i].value,
                      error != NULL ? error : "accepted");
    }
}

TEST(desc_cut_off_anywhere)
{
    for (unsigned length = 0; length < 94; length++) {
        begin();
        fake.config_length = (uint16_t)length;
        CHECK(parse() != NULL);
        if (length >= 4)
            store_le16(fake.config + 2, (uint16_t)length);
        CHECK((parse() == NULL) == (length == 71)); /* there: two interfaces, setting 0 each */
    }
}

TEST(desc_too_many_settings_and_endpoints)
{
    static uint8_t bytes[9 + 40 * 9 + 20 * 7];
    uint8_t head[9] = {9, 2, 0, 0, 1, 1, 0, 0x80, 50};
    memcpy(bytes, head, 9);
    for (unsigned i = 0; i < 40; i++) {
        uint8_t setting[9] = {9, 4, 0, (uint8_t)i, 0, 255, 0, 0, 0};
        memcpy(bytes + 9 + 9 * i, setting, 9);
    }
    store_le16(bytes + 2, 9 + 40 * 9);
    CHECK_STRING(usb_desc_parse(&desc, bytes, 9 + 40 * 9), "too many interface descriptors");
    for (unsigned i = 0; i < 20; i++) {
        uint8_t endpoint[7] = {7, 5, (uint8_t)(i % 15 + 1), 2, 64, 0, 0};
        memcpy(bytes + 18 + 7 * i, endpoint, 7);
    }
    store_le16(bytes + 2, 18 + 20 * 7);
    CHECK_STRING(usb_desc_parse(&desc, bytes, 18 + 20 * 7), "too many endpoints in one setting");
}

TEST(desc_noise_is_bounded)
{
    uint64_t x = 88172645463325252u;
    unsigned accepted = 0;
    for (unsigned round = 0; round < 20000; round++) {
        if (round % 16 == 0)
            begin();
        for (unsigned i = 0; i < 1 + round % 4; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            fake.config[x % 94] = (uint8_t)(x >> 32);
        }
        accepted += parse() == NULL;
    }
    CHECK(accepted > 100 && accepted < 15000);
}

TEST_MAIN()
