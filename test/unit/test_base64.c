/*
 * Base64: the examples of RFC 4648 section 10, all short bytes there and back, and what is refused.
 *
 * LINK: wire/base64.c
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "wire/base64.h"

static const char *const examples[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"},
                                          {"\x14\xfb\x9c\x03\xd9\x7e", "FPucA9l+"},
                                          {"Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}};

static int decode(const char *text, void *bytes, size_t room)
{
    return base64_decode(text, strlen(text), bytes, room);
}

TEST(base64_examples)
{
    char text[40];
    uint8_t bytes[40];
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        size_t length = strlen(examples[i][0]);
        base64_encode(examples[i][0], length, text);
        CHECK_STRING(text, examples[i][1]);
        CHECK_EQUAL(strlen(text), BASE64_LENGTH(length));
        CHECK_EQUAL(decode(text, bytes, length), length);
        CHECK_BYTES(bytes, examples[i][0], length);
        CHECK_EQUAL(decode(text, text, sizeof text), length);
        CHECK_BYTES(text, examples[i][0], length);
    }
}

/* Every value of one and two bytes; of three, every value of six bits at each place. Buffers as long as promised. */
TEST(base64_there_and_back)
{
    for (uint32_t number = 0; number < 0x10000 + 256 + 4 * 64; number++) {
        size_t length = number < 256 ? 1 : number < 256 + 0x10000 ? 2 : 3;
        uint32_t bits = number < 256             ? number << 16
                        : number < 256 + 0x10000 ? (number - 256) << 8
                                                 : (number % 64) << (6 * (number / 64 % 4));
        uint8_t bytes[3] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
        char *text = malloc(5);
        uint8_t *back = malloc(length);
        base64_encode(bytes, length, text);
        CHECK_EQUAL(strlen(text), 4);
        CHECK_EQUAL(base64_decode(text, 4, back, length), length);
        CHECK_BYTES(back, bytes, length);
        CHECK_EQUAL(base64_decode(text, 4, back, length - 1), -1);
        free(text);
        free(back);
    }
}

/* A room that is too small by any number of bytes is refused, and nothing is written behind it. */
TEST(base64_rooms)
{
    static const char text[] = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNk";
    size_t length = strlen(text) / 4 * 3;
    for (size_t room = 0; room <= length; room++) {
        uint8_t *bytes = malloc(room);
        CHECK_EQUAL(base64_decode(text, strlen(text), bytes, room), room < length ? -1 : (int)length);
        free(bytes);
    }
}

TEST(base64_refuses)
{
    static const char *const bad[] = {"Z",    "Zg",   "Zg=",     "Zg===", "=",       "==",       "===",
                                      "====", "Z===", "A===",    "Z=g=",  "=Zg=",    "Zg==Zg==", "Zm9=Zm9v",
                                      "Zh==", "Zn==", "Zv==",    "Zm9=",  "Zm+=",    "Zm9v\n",   " Zm9v",
                                      "Zm-v", "Zm_v", "Zm9\x80", "Zm9.",  "Zm9v===="};
    uint8_t bytes[16];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (decode(bad[i], bytes, sizeof bytes) != -1)
            TEST_FAIL("\"%s\" is taken", bad[i]);
    /* Of all characters, 64 have a value. */
    unsigned taken = 0;
    for (unsigned c = 0; c < 256; c++) {
        char text[4] = {'A', (char)c, 'A', 'A'};
        taken += base64_decode(text, 4, bytes, sizeof bytes) == 3;
    }
    CHECK_EQUAL(taken, 64);
}

TEST_MAIN()
