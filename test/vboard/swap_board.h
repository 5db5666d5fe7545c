/*
 * What tests of the swap share: two versions of a board's real image, planted into the flash of a virtual board, and what its
 * first-stage boot loader makes of them.
 *
 *   swap_open ─→ swap_plant ─→ swap_record … ─→ vboard_power ─→ swap_outcome ─→ swap_holds, swap_last …
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_VBOARD_SWAP_BOARD_H
#define PLUGNET_TEST_VBOARD_SWAP_BOARD_H

#include "test/test.h"
#include "test/vboard/image_board.h"
#include "vboard/board.h"
#include "vboard/cpu.h"
#include "wire/image.h"
#include "wire/le.h"
#include "wire/swap_journal.h"

#define MS         1000000ull
#define FLASH      0x08000000u
#define IMAGE_MAX  0x40000u
#define RUN_MS_MAX 40000 /* a swap takes up to 10 s, LSE of the L476 2 s after power-on */

/* Offsets in flash, as docs/update.md's "Layout" has them. */
struct facts {
    const char *board;
    uint32_t running, staged, slot, journal, journal_size, scratch, unit, settings, settings_size;
};

static const struct facts f407 = {.board = "stm32f4discovery",
                                  .running = 0x20000,
                                  .staged = 0x80000,
                                  .slot = 0x60000,
                                  .journal = 0xC000,
                                  .journal_size = 0x4000,
                                  .scratch = 0xE0000,
                                  .unit = 0x20000,
                                  .settings = 0x4000,
                                  .settings_size = 0x8000};
static const struct facts f411 = {.board = "blackpill-f411",
                                  .running = 0x20000,
                                  .staged = 0x40000,
                                  .slot = 0x20000,
                                  .journal = 0xC000,
                                  .journal_size = 0x4000,
                                  .scratch = 0x60000,
                                  .unit = 0x20000,
                                  .settings = 0x4000,
                                  .settings_size = 0x8000};
static const struct facts l476 = {.board = "32l476gdiscovery",
                                  .running = 0x4000,
                                  .staged = 0x80000,
                                  .slot = 0x7C000,
                                  .journal = 0xFE000,
                                  .journal_size = 0x1000,
                                  .scratch = 0xFF000,
                                  .unit = 0x1000,
                                  .settings = 0xFC000,
                                  .settings_size = 0x2000};

/* An image as it lies in a slot. */
struct version {
    uint8_t bytes[IMAGE_MAX];
    uint32_t length; /* with the CRC word */
};

static struct {
    const struct facts *facts;
    struct vboard *board;
    struct version old, new;
    uint32_t used; /* in JOURNAL_USED_UNIT */
} t;

/* The CRC unit of the chip, by its definition: polynomial 0x04C11DB7, whole words, no reflection. */
static inline uint32_t crc_of(const uint8_t *bytes, uint32_t length)
{
    static uint32_t table[256];
    uint32_t value = ~0u;
    for (uint32_t i = 0; table[255] == 0 && i < 256; i++) {
        table[i] = i << 24;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] << 1 ^ (table[i] >> 31 ? 0x04C11DB7u : 0);
    }
    for (uint32_t i = 0; i < length; i += 4)
        for (int byte = 3; byte >= 0; byte--)
            value = value << 8 ^ table[value >> 24 ^ bytes[i + (uint32_t)byte]];
    return value;
}

static inline uint32_t header_at(const uint8_t *image)
{
    for (uint32_t at = 0; at < 0x400; at += 4)
        if (load_le32(image + at) == IMAGE_MAGIC)
            return at;
    TEST_FAIL("no header");
}

static inline uint32_t crc_word(const struct version *v)
{
    return load_le32(v->bytes + v->length - 4);
}

/* tool/stamp.py's work. */
static inline void stamp(struct version *v)
{
    store_le32(v->bytes + v->length - 4, crc_of(v->bytes, v->length - 4));
}

/* As long as `length` bytes with the CRC word; what is behind the code is noise. */
static inline void lengthen(struct version *v, uint32_t length)
{
    uint32_t seed = crc_word(v);
    for (uint32_t i = v->length - 4; i < length; i++) {
        seed = seed * 1664525u + 1013904223u;
        v->bytes[i] = (uint8_t)(seed >> 24);
    }
    v->length = length;
    store_le32(v->bytes + header_at(v->bytes) + IMAGE_AT_LENGTH, length - 4);
    stamp(v);
}

/* Instead of a symbol's first instructions. */
static inline void patch(struct version *v, const char *symbol, uint32_t code)
{
    uint32_t address = 0, size;
    CHECK(vboard_symbol(t.board, symbol, &address, &size));
    store_le32(v->bytes + (address & ~1u) - FLASH - t.facts->running, code);
    stamp(v);
}

/* The old version is what was built, the new one differs in its texts; both have a whole header. */
static inline void versions_make(void)
{
    size_t size;
    const uint8_t *image = vboard_flash(t.board, &size) + t.facts->running;
    uint32_t at = header_at(image), body = load_le32(image + at + IMAGE_AT_LENGTH);
    CHECK(body + 4 < IMAGE_MAX);
    CHECK_EQUAL(crc_of(image, body), load_le32(image + body));
    CHECK_EQUAL(load_le32(image + at + IMAGE_AT_FORMAT), IMAGE_FORMAT);
    CHECK_EQUAL(load_le32(image + at + IMAGE_AT_BASE), FLASH + t.facts->running);
    for (unsigned i = 0; i < 2; i++) {
        struct version *v = i == 0 ? &t.old : &t.new;
        v->length = body + 4;
        memcpy(v->bytes, image, v->length);
        v->bytes[at + IMAGE_AT_VERSION] = (uint8_t)(1 + i);
        strcpy((char *)v->bytes + at + IMAGE_AT_PRODUCT, "swap");
        stamp(v);
    }
    uint8_t *text = t.new.bytes;
    while (text < t.new.bytes + body && memcmp(text, "plugnet demo", 12) != 0)
        text++;
    CHECK(text < t.new.bytes + body);
    memcpy(text, "plugnet next", 12);
    stamp(&t.new);
}

static inline uint32_t used_of(const struct version *a, const struct version *b)
{
    uint32_t longer = a->length > b->length ? a->length : b->length;
    return (longer + JOURNAL_USED_UNIT - 1) / JOURNAL_USED_UNIT;
}

static inline void erased(struct vboard *board, uint32_t at, uint32_t size)
{
    static uint8_t ones[0x80000];
    memset(ones, 0xFF, sizeof ones);
    CHECK(size <= sizeof ones);
    vboard_flash_set(board, at, ones, size);
}

static inline void noise(struct vboard *board, uint32_t at, uint32_t size, uint32_t seed)
{
    static uint8_t bytes[0x20000];
    CHECK(size <= sizeof bytes);
    for (uint32_t i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(seed >> 24);
    }
    vboard_flash_set(board, at, bytes, size);
}

static inline void slot_set(struct vboard *board, uint32_t at, const struct version *v)
{
    erased(board, at, t.facts->slot);
    vboard_flash_set(board, at, v->bytes, v->length);
}

/* The board is off: this image runs, that one is staged, scratch has what an earlier swap left, the journal is empty. */
static inline void swap_plant(struct vboard *board, const struct version *running,
                              const struct version *staged)
{
    vboard_power(board, false);
    slot_set(board, t.facts->running, running);
    slot_set(board, t.facts->staged, staged);
    noise(board, t.facts->scratch, t.facts->unit, 7);
    noise(board, t.facts->settings, t.facts->settings_size, 11);
    erased(board, t.facts->journal, t.facts->journal_size);
    t.used = used_of(running, staged);
}

static inline void record_at(struct vboard *board, uint32_t place, enum journal_code code, uint32_t index,
                             uint32_t value)
{
    struct journal_record record = {(uint8_t)code, (uint8_t)index, value};
    uint32_t words[2];
    uint8_t bytes[JOURNAL_RECORD];
    journal_write(&record, words);
    store_le32(bytes, words[0]);
    store_le32(bytes + 4, words[1]);
    vboard_flash_set(board, t.facts->journal + place * JOURNAL_RECORD, bytes, sizeof bytes);
}

static inline void record_words(struct vboard *board, uint32_t place, uint32_t words[2])
{
    size_t size;
    const uint8_t *at = vboard_flash(board, &size) + t.facts->journal + place * JOURNAL_RECORD;
    words[0] = load_le32(at);
    words[1] = load_le32(at + 4);
}

/* The place behind the last one that isn't free. */
static inline uint32_t journal_end(struct vboard *board)
{
    uint32_t place = t.facts->journal_size / JOURNAL_RECORD, words[2] = {~0u, ~0u};
    while (place > 0 && journal_is_free(words))
        record_words(board, --place, words);
    return place + !journal_is_free(words);
}

static inline void swap_record(struct vboard *board, enum journal_code code, uint32_t index, uint32_t value)
{
    record_at(board, journal_end(board), code, index, value);
}

static inline void swap_request(struct vboard *board)
{
    swap_record(board, JOURNAL_REQUEST, t.used, crc_word(&t.new));
}

/* Record number `back` from the end; code 0: none. */
static inline struct journal_record swap_last(struct vboard *board, uint32_t back)
{
    struct journal_record record;
    for (uint32_t place = journal_end(board); place-- > 0;) {
        uint32_t words[2];
        record_words(board, place, words);
        if (vboard_flash_readable(board, t.facts->journal + place * JOURNAL_RECORD) &&
            journal_read(&record, words) && back-- == 0)
            return record;
    }
    return (struct journal_record){0};
}

static inline void check_last(struct vboard *board, enum journal_code code, uint32_t index, uint32_t value)
{
    struct journal_record last = swap_last(board, 0);
    if (last.code != code || last.index != index || last.value != value)
        TEST_FAIL("%s: the last record is %u, index %u, value %08x; wanted %u, %u, %08x", t.facts->board,
                  last.code, last.index, last.value, code, index, value);
}

static inline bool swap_holds(struct vboard *board, uint32_t slot, const struct version *v)
{
    size_t size;
    return memcmp(vboard_flash(board, &size) + slot, v->bytes, v->length) == 0;
}

static inline void check_settings(struct vboard *board)
{
    static uint8_t before[0x8000];
    size_t size;
    memcpy(before, vboard_flash(board, &size) + t.facts->settings, t.facts->settings_size);
    noise(board, t.facts->settings, t.facts->settings_size, 11);
    CHECK_BYTES(vboard_flash(board, &size) + t.facts->settings, before, t.facts->settings_size);
}

/* Where a board has come to: 'r' ROM, 'v' a version on the bus, '0' no power, '?' neither. */
static inline char swap_outcome(struct vboard *board)
{
    struct cable cable = vboard_cable(board);
    uint64_t begin = vboard_time_ns(board);
    cable.ops->vbus(cable.device, true);
    for (uint32_t ms = 1; ms < RUN_MS_MAX; ms++) {
        struct vboard_stats stats = vboard_stats(board);
        if (!stats.powered)
            return '0';
        if (stats.rom)
            return 'r';
        if (stats.rom_refused)
            return '?';
        if (!stats.locked_up && cable.ops->pulled_up(cable.device))
            return 'v';
        vboard_advance(board, begin + ms * MS);
    }
    return '?';
}

/* Power, and a version serves; which one, and what the other slot holds. */
static inline void serves(struct vboard *board, const struct version *running, const struct version *staged)
{
    char where;
    vboard_power(board, true);
    where = swap_outcome(board);
    if (where != 'v')
        TEST_FAIL("%s: '%c' instead of a version (%s)", t.facts->board, where, image_warning);
    CHECK(swap_holds(board, t.facts->running, running));
    CHECK(staged == NULL || swap_holds(board, t.facts->staged, staged));
}

static inline void pass(struct vboard *board, uint32_t ms)
{
    uint64_t begin = vboard_time_ns(board);
    for (uint32_t i = 1; i <= ms; i++)
        vboard_advance(board, begin + i * MS);
}

static inline struct vboard *swap_board(const struct facts *facts)
{
    return image_board(facts->board, BUILD "/%s-none/plugnet.elf", NULL);
}

static inline void swap_open(const struct facts *facts)
{
    memset(&t, 0, sizeof t);
    image_warning[0] = 0;
    t.facts = facts;
    t.board = swap_board(facts);
    versions_make();
    swap_plant(t.board, &t.old, &t.new);
}

static inline void swap_close(void)
{
    check_settings(t.board);
    vboard_free(t.board);
    CHECK_STRING(image_warning, "");
}

#endif
