/*
 * What the WebSocket engine costs on the virtual core: instructions for each byte of payload, a frame, a handshake.
 *
 *   flash 0x08000000  ws_image.S, the engine as the firmware compiles it      RAM 0x20000000  stack, structs, bytes
 */
/* SPDX-License-Identifier: MIT */
#include "bench/core_call.h"

#define WS_BASE    (CORE_RAM_BASE + 0x1000) /* the stack ends below it */
#define EVENT_BASE (CORE_RAM_BASE + 0x1400)
#define DATA_BASE  (CORE_RAM_BASE + 0x2000)
#define CALLS_MAX  200000u /* cycles of one call, more than the longest needs */
#define PAYLOAD    1400u   /* bytes, about a segment's */

/* Words of the image, see ws_image.S. */
enum image_word { IMAGE_RETURNED = 2, IMAGE_BEGIN, IMAGE_RECEIVE, IMAGE_ACCEPT_KEY };

extern const uint8_t ws_image[], ws_image_end[];
__asm__(".pushsection .rodata\n"
        "ws_image: .incbin \"" WS_IMAGE "\"\n"
        "ws_image_end:\n"
        ".popsection\n");

/* Call a function on the core. Returns what it returned; *instructions is what it executed. */
static uint32_t call(enum image_word function, const uint32_t arguments[4], uint64_t *instructions)
{
    core_start(ws_image, ws_image_end, IMAGE_RETURNED);
    return core_call(function, IMAGE_RETURNED, arguments, WS_BASE, CALLS_MAX, instructions);
}

/* Receive a frame of `length` bytes, a repeated text. Returns the instructions. */
static uint64_t receive(uint8_t first, const char *text, uint32_t length, uint32_t alignment)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint32_t from = DATA_BASE + alignment, head = length > 125 ? 8 : 6;
    uint64_t instructions;
    uint8_t *to = core_at(from);
    to[0] = first;
    to[1] = (uint8_t)(0x80 | (length > 125 ? 126 : length));
    to[2] = (uint8_t)(length >> 8);
    to[3] = (uint8_t)length;
    memcpy(to + head - 4, mask, 4);
    for (uint32_t i = 0; i < length; i++)
        to[head + i] = (uint8_t)text[i % strlen(text)] ^ mask[i % 4];
    call(IMAGE_BEGIN, (const uint32_t[4]){WS_BASE, 0}, &instructions);
    uint32_t used =
        call(IMAGE_RECEIVE, (const uint32_t[4]){WS_BASE, from, head + length, EVENT_BASE}, &instructions);
    CHECK_EQUAL(used, head + length);
    CHECK_EQUAL(*core_at(EVENT_BASE), 1); /* WS_EVENT_PIECE */
    for (uint32_t i = 0; i < length; i++)
        CHECK_EQUAL(to[head + i], (uint8_t)text[i % strlen(text)]);
    return instructions;
}

/* Instructions for each byte of payload, in hundredths; prints them. */
static unsigned per_byte(const char *what, uint8_t first, const char *text)
{
    unsigned worst = 0;
    for (uint32_t alignment = 0; alignment < 4; alignment++) {
        uint64_t frame = receive(first, text, 0, alignment);
        uint64_t more = receive(first, text, PAYLOAD, alignment) - frame;
        unsigned hundredths = (unsigned)(more * 100 / PAYLOAD);
        if (hundredths > worst)
            worst = hundredths;
        if (alignment == 0)
            printf("%s: %u for an empty frame, ", what, (unsigned)frame);
    }
    printf("%u.%02u for a byte\n", worst / 100, worst % 100);
    return worst;
}

TEST(ws_cost_binary)
{
    CHECK(per_byte("binary", 0x82, "\x80\xFF\x01") < 300);
}

TEST(ws_cost_ascii)
{
    CHECK(per_byte("ASCII", 0x81, "a line of ASCII\n") < 500);
}

/* Texts that are not ASCII cost more, but there is a bound. */
TEST(ws_cost_text)
{
    CHECK(per_byte("German", 0x81,
                   "Die Gr\xC3\xB6\xC3\x9F"
                   "e ist hier egal.\n") < 1400);
    CHECK(per_byte("Cyrillic", 0x81, "\xD0\xB4\xD0\xB0") < 2500);
}

TEST(ws_cost_handshake)
{
    uint64_t instructions;
    memcpy(core_at(DATA_BASE), "dGhlIHNhbXBsZSBub25jZQ==", 24);
    CHECK_EQUAL(call(IMAGE_ACCEPT_KEY, (const uint32_t[4]){DATA_BASE, 24, DATA_BASE + 64}, &instructions), 1);
    CHECK_STRING((const char *)core_at(DATA_BASE + 64), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    printf("handshake: %u instructions\n", (unsigned)instructions);
    CHECK(instructions < 40000);
}

TEST_MAIN()
