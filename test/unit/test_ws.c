/*
 * WebSocket: each rule of RFC 6455 by frames made by hand. Every input is played whole, cut in two at every byte, byte
 * by byte, and in pieces of some sizes; all must tell the same story.
 *
 * LINK: net/http/ws.c net/http/ws_key.c wire/utf8.c wire/sha1.c wire/base64.c
 */
/* SPDX-License-Identifier: MIT */
#include <stdarg.h>

#include "net/http/ws.h"
#include "test/test.h"

#define INPUT_MAX (70000 + 1024)
#define STORY_MAX (2 * INPUT_MAX)

/* Input of one test. */
static uint8_t input[INPUT_MAX];
static size_t input_length,
    played_length; /* of the input that is being made, and of the one that is played */
static uint32_t input_limit, played_limit;

/* What it told: "text[...]" or "binary[...]" for each message, "ping[...]", "pong", "close 1000[...]", "error 1002".
 * Of a message that an error cuts nothing is told: how much of it was given depends on the cuts. */
struct story {
    char text[STORY_MAX];
    size_t length, open; /* open: where the payload of the message under way begins; 0: none is */
    bool over;           /* an error or a Close was told */
};
static struct story whole, parts;

static void put(const void *bytes, size_t length)
{
    CHECK(length <= sizeof input - input_length);
    memcpy(input + input_length, bytes, length);
    input_length += length;
}

#define PUT(LITERAL) put(LITERAL, sizeof(LITERAL) - 1)

static void put_masked(const uint8_t mask[4], const void *payload, size_t length)
{
    put(mask, 4);
    put(payload, length);
    for (size_t i = 0; i < length; i++)
        input[input_length - length + i] ^= mask[i % 4];
}

/* A frame as a client sends it. `first`: its first byte. */
static void frame(uint8_t first, const void *payload, size_t length)
{
    static uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t head[10] = {first, (uint8_t)(0x80 | length)};
    size_t head_length = 2;
    if (length > 0xFFFF) {
        head[1] = 0x80 | 127;
        for (unsigned i = 0; i < 8; i++)
            head[2 + i] = (uint8_t)((uint64_t)length >> (56 - 8 * i));
        head_length = 10;
    } else if (length > 125) {
        head[1] = 0x80 | 126;
        head[2] = (uint8_t)(length >> 8);
        head[3] = (uint8_t)length;
        head_length = 4;
    }
    put(head, head_length);
    put_masked(mask, payload, length);
    mask[0]++, mask[3] = (uint8_t)(mask[3] * 5 + 1);
}

#define FRAME(FIRST, LITERAL) frame(FIRST, LITERAL, sizeof(LITERAL) - 1)

static void tell(struct story *story, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(story->text + story->length, STORY_MAX - story->length, format, arguments);
    va_end(arguments);
    CHECK(length >= 0 && (size_t)length < STORY_MAX - story->length);
    story->length += (size_t)length;
}

/* Bytes, those that are not printable as "<80>". */
static void tell_bytes(struct story *story, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] >= ' ' && bytes[i] < 0x7F)
            story->text[story->length++] = (char)bytes[i];
        else
            tell(story, "<%02x>", bytes[i]);
    story->text[story->length] = '\0';
}

static void tell_piece(struct story *story, const struct ws_event *event)
{
    CHECK_EQUAL(event->first, story->open == 0);
    CHECK(event->length > 0 || event->last);
    if (event->first) {
        tell(story, "%s[", event->text ? "text" : "binary");
        story->open = story->length;
    }
    tell_bytes(story, event->bytes, event->length);
    if (event->last) {
        tell(story, "]");
        story->open = 0;
    }
}

/* Where the message under way begins. */
static size_t open_begin(const struct story *story)
{
    return story->open - (story->text[story->open - 2] == 't' ? strlen("text[") : strlen("binary["));
}

/* Control frames between fragments are told before the message they interrupt, so that all cuts tell the same. */
static void tell_control(struct story *story, const struct ws_event *event)
{
    static struct story piece;
    size_t begin = story->open == 0 ? 0 : open_begin(story);
    if (story->open != 0) {
        piece.length = 0;
        tell(&piece, "%s", story->text + begin);
        story->length = begin;
    }
    if (event->kind == WS_EVENT_PING)
        tell(story, "ping[");
    else if (event->kind == WS_EVENT_CLOSE)
        tell(story, "close %u[", event->code);
    if (event->kind == WS_EVENT_PONG) {
        tell(story, "pong");
    } else {
        tell_bytes(story, event->bytes, event->length);
        tell(story, "]");
    }
    if (story->open != 0) {
        story->open += story->length - begin;
        tell(story, "%s", piece.text);
    }
}

static void tell_event(struct story *story, const struct ws_event *event)
{
    CHECK(!story->over);
    story->over = event->kind == WS_EVENT_ERROR || event->kind == WS_EVENT_CLOSE;
    if (event->kind == WS_EVENT_PIECE) {
        tell_piece(story, event);
    } else if (event->kind == WS_EVENT_ERROR) {
        CHECK(event->length > 0 && event->length <= WS_REASON_MAX);
        if (story->open != 0)
            story->length = open_begin(story);
        tell(story, "error %u", event->code);
    } else {
        tell_control(story, event);
    }
}

/* Feed one part of the input; its copy ends where the part ends. */
static void feed(struct ws *ws, struct story *story, const uint8_t *bytes, size_t length)
{
    uint8_t *copy = malloc(length + 1), *at = copy + 1 - length % 2;
    memcpy(at, bytes, length);
    for (size_t from = 0; from < length;) {
        struct ws_event event;
        size_t used = ws_receive(ws, at + from, length - from, &event);
        CHECK(used > 0 && used <= length - from);
        CHECK(event.kind != WS_EVENT_NONE || used == length - from);
        if (event.kind == WS_EVENT_PIECE)
            CHECK(event.bytes >= at && event.bytes + event.length == at + from + used);
        if (event.kind != WS_EVENT_NONE)
            tell_event(story, &event);
        from += used;
    }
    free(copy);
}

/* Play the input in steps of `step` bytes, with another cut at `cut`. */
static void play(struct story *story, size_t step, size_t cut)
{
    struct ws *ws = malloc(sizeof *ws);
    memset(ws, 0xA5, sizeof *ws);
    ws_begin(ws, played_limit);
    story->length = story->open = 0;
    story->text[0] = '\0';
    story->over = false;
    for (size_t at = 0; at < played_length;) {
        size_t end = at + step < played_length ? at + step : played_length;
        if (cut > at && cut < end)
            end = cut;
        feed(ws, story, input + at, end - at);
        at = end;
    }
    free(ws);
}

static void same(size_t step, size_t cut)
{
    play(&parts, step, cut);
    if (strcmp(parts.text, whole.text) != 0)
        TEST_FAIL("steps of %zu, cut at %zu: \"%.200s\", whole: \"%.200s\"", step, cut, parts.text,
                  whole.text);
}

/* Play the input in all ways. Returns its story; the next frame begins a new input. */
static const char *told(void)
{
    static const size_t steps[] = {1, 2, 3, 5, 7, 64, 536, 1460};
    played_length = input_length;
    played_limit = input_limit;
    input_length = input_limit = 0;
    play(&whole, played_length, 0);
    for (size_t cut = 1; cut < played_length; cut++)
        if (played_length < 700 || cut < 32 || cut + 16 > played_length)
            same(played_length, cut);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        same(steps[i], 0);
    return whole.text;
}

#define TOLD(WANTED) CHECK_STRING(told(), WANTED)

/* The answer to the RFC's own example (1.3), and what is no key. */
TEST(ws_accept)
{
    static const char *const bad[] = {"",
                                      "dGhlIHNhbXBsZSBub25jZQ=",
                                      "dGhlIHNhbXBsZSBub25jZQ===",
                                      "dGhlIHNhbXBsZSBub25jZR==",
                                      "dGhlIHNhbXBsZSBub25jZQ= ",
                                      "dGhlIHNhbXBsZSBub25jZWE=",
                                      "dGhlIHNhbXBsZSBub25jZWFi",
                                      "dGhlIHNhbXBsZSBub25j",
                                      "dGhlIHNhbXBs?SBub25jZQ=="};
    char accept[WS_ACCEPT_LENGTH + 1];
    CHECK(ws_accept_key("dGhlIHNhbXBsZSBub25jZQ==", 24, accept));
    CHECK_STRING(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!ws_accept_key(bad[i], strlen(bad[i]), accept));
}

/* Section 5.7's example, and messages of each kind. */
TEST(ws_messages)
{
    PUT("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    TOLD("text[Hello]");
    FRAME(0x81, "");
    FRAME(0x82, "");
    FRAME(0x82, "\x00\xff\x80");
    FRAME(0x81, "one");
    FRAME(0x81, "two");
    TOLD("text[]binary[]binary[<00><ff><80>]text[one]text[two]");
}

TEST(ws_fragments)
{
    FRAME(0x01, "Hel");
    FRAME(0x80, "lo");
    FRAME(0x02, "a");
    FRAME(0x00, "b");
    FRAME(0x00, "");
    FRAME(0x00, "c");
    FRAME(0x80, "");
    TOLD("text[Hello]binary[abc]");
    FRAME(0x01, "");
    FRAME(0x00, "");
    FRAME(0x80, "");
    FRAME(0x01, "");
    FRAME(0x80, "x");
    TOLD("text[]text[x]");
}

TEST(ws_control_between_fragments)
{
    FRAME(0x01, "a\xC3");
    FRAME(0x89, "still there?");
    FRAME(0x00, "\xBC");
    FRAME(0x8A, "yes");
    FRAME(0x8A, "");
    FRAME(0x80, "c");
    FRAME(0x89, "");
    TOLD("ping[still there?]pongpongtext[a<c3><bc>c]ping[]");
    FRAME(0x02, "a");
    FRAME(0x88, "\x03\xe8");
    FRAME(0x80, "b");
    TOLD("close 1000[]binary[a");
}

TEST(ws_fragments_mixed_up)
{
    FRAME(0x80, "continues nothing");
    TOLD("error 1002");
    FRAME(0x00, "");
    TOLD("error 1002");
    FRAME(0x81, "whole");
    FRAME(0x80, "and more");
    TOLD("text[whole]error 1002");
    for (uint8_t first = 0x01; first <= 0x02; first++)
        for (uint8_t second = 0x01; second <= 0x02; second++)
            for (unsigned last = 0; last <= 0x80; last += 0x80) {
                FRAME(first, "");
                FRAME((uint8_t)(second | last), "interleaved");
                TOLD("error 1002");
            }
}

TEST(ws_reserved_bits_and_opcodes)
{
    for (unsigned first = 0; first < 256; first++) {
        unsigned opcode = first & 15;
        bool right = (first & 0x70) == 0 && (opcode <= 2 || (first >= 0x88 && first <= 0x8A));
        if (opcode == 0)
            FRAME(0x01, "");
        frame((uint8_t)first, "", 0);
        told();
        bool error = strstr(whole.text, "error 1002") != NULL;
        if (error == right)
            TEST_FAIL("first byte %02x: %.200s", first, whole.text);
    }
}

TEST(ws_not_masked)
{
    for (uint8_t opcode = 0x81; opcode <= 0x8A; opcode += opcode == 0x82 ? 6 : 1) {
        PUT("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
        put(&opcode, 1);
        PUT("\x05Hello");
        TOLD("text[Hello]error 1002");
    }
}

TEST(ws_control_length)
{
    static char payload[200], wanted[400];
    memset(payload, 'p', sizeof payload);
    frame(0x89, payload, 125);
    snprintf(wanted, sizeof wanted, "ping[%.125s]", payload);
    TOLD(wanted);
    frame(0x8A, payload, 125);
    TOLD("pong");
    memcpy(payload, "\x03\xe9", 2);
    frame(0x88, payload, 125);
    snprintf(wanted, sizeof wanted, "close 1001[%.123s]", payload + 2);
    TOLD(wanted);
    for (uint8_t first = 0x88; first <= 0x8A; first++) {
        frame(first, payload, 126);
        TOLD("error 1002");
        PUT("\x89\x80\x01\x02\x03\x04");
        put(&first, 1);
        PUT("\xFF\x00\x00\x00\x00\x00\x01\x00\x00");
        TOLD("ping[]error 1002");
        frame(first & 0x0F, payload, 2);
        TOLD("error 1002");
    }
}

TEST(ws_lengths)
{
    static const size_t lengths[] = {1, 124, 125, 126, 127, 255, 256, 65535, 65536, 65537};
    static char payload[65537];
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (char)('!' + i % 90);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        frame(0x82, payload, lengths[i]);
        FRAME(0x81, "next");
        told();
        CHECK_EQUAL(whole.length, lengths[i] + strlen("binary[]text[next]"));
        CHECK_BYTES(whole.text + 7, payload, lengths[i]);
        CHECK_STRING(whole.text + 7 + lengths[i], "]text[next]");
    }
}

/* A length takes as few bytes as it can, and its highest bit is 0 (5.2). */
TEST(ws_length_encoding)
{
    PUT("\x82\xFE\x00\x7D\x01\x02\x03\x04");
    TOLD("error 1002");
    PUT("\x82\xFE\x00\x00\x01\x02\x03\x04");
    TOLD("error 1002");
    PUT("\x82\xFF\x00\x00\x00\x00\x00\x00\xFF\xFF\x01\x02\x03\x04");
    TOLD("error 1002");
    PUT("\x82\xFF\x00\x00\x00\x00\x00\x00\x00\x05\x01\x02\x03\x04");
    TOLD("error 1002");
    PUT("\x82\xFF\x80\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04");
    TOLD("error 1002");
    PUT("\x82\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x02\x03\x04");
    TOLD("error 1002");
    PUT("\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00\x00\x00\x00still coming");
    TOLD("binary[still coming");
    PUT("\x82\xFF\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00still coming");
    TOLD("binary[still coming");
}

TEST(ws_limit)
{
    input_limit = 5;
    FRAME(0x81, "12345");
    FRAME(0x82, "12345");
    FRAME(0x89, "a ping of any length");
    FRAME(0x81, "123456");
    TOLD("text[12345]binary[12345]ping[a ping of any length]error 1009");
    input_limit = 5;
    FRAME(0x01, "12");
    FRAME(0x00, "");
    FRAME(0x00, "345");
    FRAME(0x80, "");
    FRAME(0x01, "123");
    FRAME(0x80, "456");
    TOLD("text[12345]error 1009");
    input_limit = UINT32_MAX;
    PUT("\x82\xFF\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00");
    TOLD("error 1009");
    input_limit = UINT32_MAX;
    FRAME(0x02, "1");
    PUT("\x80\xFF\x00\x00\x00\x00\xFF\xFF\xFF\xFF\x00\x00\x00\x00");
    TOLD("error 1009");
    /* Announced is enough: none of the payload has come. */
    input_limit = 1000;
    PUT("\x82\xFE\x03\xE9\x00\x00\x00\x00");
    TOLD("error 1009");
}

TEST(ws_text_is_utf8)
{
    FRAME(0x81, "\xE6\xB0\xB4 \xF0\x9F\x98\x80");
    TOLD("text[<e6><b0><b4> <f0><9f><98><80>]");
    FRAME(0x01, "\xF0");
    FRAME(0x00, "\x9F\x98");
    FRAME(0x00, "");
    FRAME(0x80, "\x80");
    FRAME(0x82, "\xF0");
    TOLD("text[<f0><9f><98><80>]binary[<f0>]");
    FRAME(0x81, "\xE6\xB0");
    TOLD("error 1007");
    FRAME(0x01, "\xE6\xB0");
    FRAME(0x80, "");
    TOLD("error 1007");
    FRAME(0x01, "good \xED");
    FRAME(0x89, "between");
    FRAME(0x80, "\xA0\x80");
    TOLD("ping[between]error 1007");
    FRAME(0x01, "cut \xC3");
    FRAME(0x80, "(");
    TOLD("error 1007");
    /* A text begins anew after one that was right. */
    FRAME(0x81, "ok");
    FRAME(0x81, "\x80");
    TOLD("text[ok]error 1007");
}

/* Invalid text is told at once, though the frame announces more and the message never ends. */
TEST(ws_text_fails_early)
{
    PUT("\x01\xFE\x10\x00\x00\x00\x00\x00"
        "good \xED\xA0");
    told();
    CHECK_STRING(whole.text, "error 1007");
    PUT("\x01\xFE\x10\x00\x00\x00\x00\x00"
        "good \xED");
    TOLD("text[good <ed>");
}

TEST(ws_close_codes)
{
    for (unsigned code = 0; code < 65536; code += code < 5100 ? 1 : 997) {
        bool right = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                     (code >= 3000 && code <= 4999);
        uint8_t payload[] = {(uint8_t)(code >> 8), (uint8_t)code, 'w', 'h', 'y'};
        char wanted[40] = "error 1002";
        if (right)
            snprintf(wanted, sizeof wanted, "close %u[why]", code);
        frame(0x88, payload, sizeof payload);
        TOLD(wanted);
        CHECK_EQUAL(ws_code_allowed((uint16_t)code), right);
    }
}

TEST(ws_close_payload)
{
    FRAME(0x88, "");
    TOLD("close 1005[]");
    FRAME(0x88, "\x03");
    TOLD("error 1002");
    FRAME(0x89, "\x03\xe8");
    FRAME(0x88, "\x03");
    TOLD("ping[<03><e8>]error 1002");
    FRAME(0x88, "\x03\xe8");
    TOLD("close 1000[]");
    FRAME(0x88, "\x03\xe8"
                "bye \xC3\xBC");
    TOLD("close 1000[bye <c3><bc>]");
    FRAME(0x88, "\x03\xe8"
                "bye \xC3");
    TOLD("error 1007");
    FRAME(0x88, "\x03\xe8\xFF");
    TOLD("error 1007");
    FRAME(0x88, "\x03\xed\xFF");
    TOLD("error 1002");
}

/* Whatever comes behind a Close or an error is ignored. */
TEST(ws_nothing_after_the_end)
{
    FRAME(0x88, "\x03\xe8");
    FRAME(0x81, "more");
    FRAME(0x88, "\x03\xe9");
    PUT("\xFF\xFF\xFF");
    TOLD("close 1000[]");
    PUT("\xFF\xFF\xFF");
    FRAME(0x88, "\x03\xe8");
    FRAME(0x89, "ping");
    TOLD("error 1002");
}

TEST(ws_headers)
{
    uint8_t out[WS_HEADER_MAX];
    CHECK_EQUAL(ws_header(out, WS_TEXT, true, 5), 2);
    CHECK_BYTES(out, "\x81\x05", 2);
    CHECK_EQUAL(ws_header(out, WS_TEXT, false, 3), 2);
    CHECK_BYTES(out, "\x01\x03", 2);
    CHECK_EQUAL(ws_header(out, WS_CONTINUATION, true, 125), 2);
    CHECK_BYTES(out, "\x80\x7D", 2);
    CHECK_EQUAL(ws_header(out, WS_BINARY, true, 126), 4);
    CHECK_BYTES(out, "\x82\x7E\x00\x7E", 4);
    CHECK_EQUAL(ws_header(out, WS_BINARY, true, 256), 4);
    CHECK_BYTES(out, "\x82\x7E\x01\x00", 4);
    CHECK_EQUAL(ws_header(out, WS_BINARY, true, 65535), 4);
    CHECK_BYTES(out, "\x82\x7E\xFF\xFF", 4);
    CHECK_EQUAL(ws_header(out, WS_BINARY, true, 65536), 10);
    CHECK_BYTES(out, "\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 10);
    CHECK_EQUAL(ws_header(out, WS_BINARY, true, UINT32_MAX), 10);
    CHECK_BYTES(out, "\x82\x7F\x00\x00\x00\x00\xFF\xFF\xFF\xFF", 10);
    CHECK_EQUAL(ws_header(out, WS_PING, true, 0), 2);
    CHECK_BYTES(out, "\x89\x00", 2);
}

/* A connection for the tests of the closing handshake; what was put is received whole. */
static struct ws ws;
static uint8_t out[WS_OUTPUT_MAX];

static void receive_all(void)
{
    struct ws_event event;
    for (size_t at = 0; at < input_length;)
        at += ws_receive(&ws, input + at, input_length - at, &event);
    input_length = 0;
}

#define OUTPUT(LITERAL)                                                                                      \
    do {                                                                                                     \
        CHECK_EQUAL(ws_output(&ws, out), sizeof(LITERAL) - 1);                                               \
        CHECK_BYTES(out, LITERAL, sizeof(LITERAL) - 1);                                                      \
        ws_output_taken(&ws);                                                                                \
    } while (0)

#define STATE(OPEN, WAITING, FINISHED)                                                                       \
    do {                                                                                                     \
        CHECK_EQUAL(ws_open(&ws), OPEN);                                                                     \
        CHECK_EQUAL(ws_waiting(&ws), WAITING);                                                               \
        CHECK_EQUAL(ws_finished(&ws), FINISHED);                                                             \
    } while (0)

TEST(ws_client_closes)
{
    ws_begin(&ws, 0);
    STATE(true, false, false);
    CHECK_EQUAL(ws_output(&ws, out), 0);
    FRAME(0x88, "\x0f\xa1"
                "bye");
    receive_all();
    STATE(false, false, false);
    CHECK(!ws_close(&ws, WS_CODE_NORMAL, NULL));
    CHECK_EQUAL(ws_output(&ws, out), 4);
    STATE(false, false, false);
    OUTPUT("\x88\x02\x0f\xa1");
    STATE(false, false, true);
    CHECK_EQUAL(ws_output(&ws, out), 0);
    ws_begin(&ws, 0);
    FRAME(0x88, "");
    receive_all();
    OUTPUT("\x88\x00");
    STATE(false, false, true);
}

TEST(ws_server_closes)
{
    ws_begin(&ws, 0);
    CHECK(ws_close(&ws, WS_CODE_AWAY, "update"));
    STATE(false, false, false);
    CHECK(!ws_close(&ws, WS_CODE_NORMAL, NULL));
    OUTPUT("\x88\x08\x03\xe9update");
    STATE(false, true, false);
    CHECK(!ws_close(&ws, WS_CODE_NORMAL, NULL));
    /* What was on its way still comes, and a Ping is answered until the client's Close is there (5.5.2). */
    FRAME(0x81, "late");
    FRAME(0x89, "p");
    receive_all();
    OUTPUT("\x8A\x01p");
    STATE(false, true, false);
    FRAME(0x88, "\x03\xe9");
    receive_all();
    STATE(false, false, true);
    CHECK_EQUAL(ws_output(&ws, out), 0);
}

/* Both close at the same time: one Close each way. */
TEST(ws_both_close)
{
    ws_begin(&ws, 0);
    CHECK(ws_close(&ws, 0, NULL));
    FRAME(0x88, "\x03\xe8");
    receive_all();
    STATE(false, false, false);
    OUTPUT("\x88\x00");
    STATE(false, false, true);
    CHECK_EQUAL(ws_output(&ws, out), 0);
}

TEST(ws_error_closes)
{
    ws_begin(&ws, 0);
    FRAME(0x89, "answered no more");
    PUT("\x81\x05Hello");
    receive_all();
    STATE(false, false, false);
    OUTPUT("\x88\x0c\x03\xeanot masked");
    STATE(false, false, true);
    CHECK_EQUAL(ws_output(&ws, out), 0);
    /* After our Close there is no second one. */
    ws_begin(&ws, 0);
    CHECK(ws_close(&ws, WS_CODE_NORMAL, ""));
    OUTPUT("\x88\x02\x03\xe8");
    FRAME(0x81, "\xFF");
    receive_all();
    STATE(false, false, true);
    CHECK_EQUAL(ws_output(&ws, out), 0);
    /* Ours was due: the error's code goes first, as the more useful one. */
    ws_begin(&ws, 0);
    CHECK(ws_close(&ws, WS_CODE_NORMAL, NULL));
    FRAME(0x81, "\xFF");
    receive_all();
    OUTPUT("\x88\x13\x03\xeftext is not UTF-8");
    STATE(false, false, true);
}

TEST(ws_close_refuses)
{
    char reason[WS_REASON_MAX + 2];
    memset(reason, 'r', sizeof reason);
    reason[WS_REASON_MAX + 1] = '\0';
    ws_begin(&ws, 0);
    CHECK(!ws_close(&ws, WS_CODE_NONE, NULL));
    CHECK(!ws_close(&ws, WS_CODE_LOST, NULL));
    CHECK(!ws_close(&ws, 999, NULL));
    CHECK(!ws_close(&ws, 0, "why"));
    CHECK(!ws_close(&ws, WS_CODE_NORMAL, reason));
    STATE(true, false, false);
    CHECK_EQUAL(ws_output(&ws, out), 0);
    reason[WS_REASON_MAX] = '\0';
    CHECK(ws_close(&ws, WS_CODE_NORMAL, reason));
    CHECK_EQUAL(ws_output(&ws, out), WS_OUTPUT_MAX);
    CHECK_BYTES(out, "\x88\x7D\x03\xe8rrr", 7);
}

TEST(ws_pongs)
{
    uint8_t payload[WS_CONTROL_MAX];
    memset(payload, 0xAB, sizeof payload);
    ws_begin(&ws, 0);
    frame(0x89, payload, sizeof payload);
    receive_all();
    CHECK_EQUAL(ws_output(&ws, out), WS_OUTPUT_MAX);
    CHECK_BYTES(out, "\x8A\x7D", 2);
    CHECK_BYTES(out + 2, payload, sizeof payload);
    /* A Pong and a message between don't touch it; the next Ping replaces it. */
    FRAME(0x8A, "zzz");
    FRAME(0x81, "zzz");
    receive_all();
    CHECK_EQUAL(ws_output(&ws, out), WS_OUTPUT_MAX);
    CHECK_BYTES(out + 2, payload, sizeof payload);
    FRAME(0x89, "second");
    input_length--;
    receive_all();
    CHECK_EQUAL(ws_output(&ws, out), 0);
    uint8_t last = input[12 - 1];
    ws_receive(&ws, &last, 1, &(struct ws_event){0});
    CHECK_EQUAL(ws_output(&ws, out), 2 + 6);
    CHECK_BYTES(out, "\x8A\x06second", 8);
    /* A Close of ours waits for the Pong; the client's Close makes the Pong needless. */
    CHECK(ws_close(&ws, WS_CODE_NORMAL, NULL));
    OUTPUT("\x8A\x06second");
    OUTPUT("\x88\x02\x03\xe8");
    ws_begin(&ws, 0);
    FRAME(0x89, "first");
    FRAME(0x88, "\x03\xe8");
    receive_all();
    OUTPUT("\x88\x02\x03\xe8");
    STATE(false, false, true);
}

TEST_MAIN()
