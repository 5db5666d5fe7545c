/*
 * A new image staged in a fake flash: every wrong file is refused by its reason, the right one is taken after it, in pieces of any
 * length; what is verified is what flash gives back. And the running image's part of the journal.
 *
 * LINK: update/update.c update/journal.c wire/image.c wire/ed25519.c wire/sha512.c
 */
/* SPDX-License-Identifier: MIT */
#include "update/update.h"

#include "board/image.h"
#include "test/test.h"
#include "wire/le.h"

enum {
    SLOT = 8192,
    ERASE = 2048,
    JOURNAL = 4096,
    HEADER = 392,
    LENGTH = 3000,
    SIGNED = LENGTH + 4 + IMAGE_TRAILER
};

/* ---- The board ---- */

static struct area {
    struct board_flash flash;
    uint8_t bytes[SLOT];
    uint32_t erases, programs;
} areas[BOARD_FLASH_AREAS];
static const char *broken; /* the contract of board/flash.h was, by this */
static bool refuses, swaps;
static uint32_t spoilt; /* a byte of the staged image that reads back wrong; 0: none */
static uint32_t running_crc;

static struct area *area_of(const struct board_flash *flash)
{
    for (unsigned i = 0; i < BOARD_FLASH_AREAS; i++)
        if (&areas[i].flash == flash)
            return &areas[i];
    abort();
}

const struct board_flash *board_flash(enum board_flash_area area)
{
    return areas[area].flash.size != 0 ? &areas[area].flash : NULL;
}

bool board_flash_read(const struct board_flash *flash, uint32_t at, void *bytes, uint32_t length)
{
    struct area *a = area_of(flash);
    if (at > flash->size || length > flash->size - at)
        return false;
    memcpy(bytes, a->bytes + at, length);
    if (spoilt != 0 && a == &areas[BOARD_FLASH_STAGED] && spoilt >= at && spoilt - at < length)
        ((uint8_t *)bytes)[spoilt - at] ^= 1;
    return true;
}

bool board_flash_erase(const struct board_flash *flash, uint32_t at)
{
    struct area *a = area_of(flash);
    if (at % flash->erase_size != 0 || at >= flash->size)
        broken = "erase of no unit";
    if (refuses || broken != NULL)
        return false;
    memset(a->bytes + at, 0xFF, flash->erase_size);
    a->erases++;
    return true;
}

static unsigned busy;

bool board_flash_erase_begin(const struct board_flash *flash, uint32_t at)
{
    if (busy != 0)
        broken = "two erases at once";
    busy = 3;
    return board_flash_erase(flash, at);
}

bool board_flash_busy(void)
{
    busy -= busy > 0;
    return busy > 0;
}

bool board_flash_program(const struct board_flash *flash, uint32_t at, const void *bytes, uint32_t length)
{
    struct area *a = area_of(flash);
    const uint8_t *from = bytes;
    if (at % flash->program_size != 0 || length % flash->program_size != 0 || at > flash->size ||
        length > flash->size - at)
        broken = "program of no units";
    if (refuses || broken != NULL)
        return false;
    for (uint32_t i = 0; i < length; i++)
        if (a->bytes[at + i] != 0xFF && from[i] != 0)
            broken = "programmed twice";
    memcpy(a->bytes + at, bytes, length);
    a->programs++;
    return true;
}

uint32_t board_image_header(void)
{
    return HEADER;
}

bool board_image_swaps(void)
{
    return swaps;
}

uint32_t board_image_id(void)
{
    return running_crc;
}

/* ---- Images ---- */

static const uint8_t key[32] = {0x23, 0x62, 0x80, 0x1e, 0x82, 0x90, 0x22, 0x1a, 0xd5, 0x48, 0x98,
                                0x54, 0xf1, 0x85, 0xff, 0xfe, 0xfe, 0xa0, 0x3d, 0x16, 0xa2, 0x96,
                                0x3b, 0x64, 0x63, 0xdc, 0xd8, 0xa7, 0x56, 0x26, 0xfd, 0xef};
static const uint8_t signature[64] = {
    0x1d, 0xf8, 0x56, 0x10, 0x70, 0xd0, 0x71, 0xcf, 0xf4, 0x99, 0x26, 0xf1, 0xbf, 0x7c, 0x01, 0xa2,
    0x2e, 0xf5, 0x8d, 0xa0, 0x68, 0x70, 0xcd, 0xf4, 0x6c, 0xb8, 0xa1, 0x73, 0x88, 0xc2, 0x31, 0xeb,
    0xb0, 0x9e, 0x2f, 0x03, 0xdc, 0x4c, 0x35, 0xd1, 0x22, 0x97, 0x09, 0xe7, 0x10, 0x3b, 0xdc, 0xa3,
    0xf0, 0x6a, 0xf6, 0x82, 0x70, 0x2d, 0x29, 0x76, 0x9b, 0x4b, 0x68, 0xcb, 0xbc, 0x9a, 0x83, 0x0d};

static uint8_t file[SLOT + 4];
static struct update u;
static struct update_config config;

static void stamp(uint8_t *image, uint32_t length)
{
    store_le32(image + length, image_crc(UINT32_MAX, image, length));
}

static void image_make(uint8_t *image, uint32_t base)
{
    for (uint32_t i = 0; i < LENGTH; i++)
        image[i] = (uint8_t)(i * 7 + (i >> 8));
    uint8_t *h = image + HEADER;
    memset(h, 0, IMAGE_HEADER);
    store_le32(h + IMAGE_AT_MAGIC, IMAGE_MAGIC);
    store_le32(h + IMAGE_AT_BOARD, 407);
    store_le32(h + IMAGE_AT_LENGTH, LENGTH);
    store_le32(h + IMAGE_AT_FORMAT, IMAGE_FORMAT);
    store_le32(h + IMAGE_AT_BASE, base);
    store_le16(h + IMAGE_AT_VERSION, 1);
    store_le16(h + IMAGE_AT_VERSION + 2, 2);
    memcpy(h + IMAGE_AT_PRODUCT, "meter", 5);
    memcpy(h + IMAGE_AT_GIT, "1a2b3c4", 7);
    for (uint8_t i = 0; i < IMAGE_BUILD; i++)
        h[IMAGE_AT_BUILD + i] = i;
    stamp(image, LENGTH);
}

static void file_make(void)
{
    memset(file, 0x5A, sizeof file);
    image_make(file, 0x08020000);
    store_le32(file + LENGTH + 4, IMAGE_SIGNED);
    store_le32(file + LENGTH + 8, 0);
    memcpy(file + LENGTH + 12, signature, sizeof signature);
}

static void fresh(uint8_t program_size)
{
    static const uint32_t sizes[BOARD_FLASH_AREAS] = {[BOARD_FLASH_IMAGE] = SLOT,
                                                      [BOARD_FLASH_STAGED] = SLOT,
                                                      [BOARD_FLASH_JOURNAL] = JOURNAL,
                                                      [BOARD_FLASH_SCRATCH] = ERASE};
    memset(areas, 0, sizeof areas);
    for (unsigned i = 0; i < BOARD_FLASH_AREAS; i++) {
        areas[i].flash = (struct board_flash){.base = i == BOARD_FLASH_IMAGE ? 0x08020000 : 0x08080000,
                                              .size = sizes[i],
                                              .erase_size = ERASE,
                                              .program_size = program_size,
                                              .program_us = 60};
        memset(areas[i].bytes, i == BOARD_FLASH_STAGED ? 0x12 : 0xFF, SLOT);
    }
    image_make(areas[BOARD_FLASH_IMAGE].bytes, 0x08020000);
    running_crc = load_le32(areas[BOARD_FLASH_IMAGE].bytes + LENGTH);
    broken = NULL;
    refuses = false;
    swaps = true;
    spoilt = 0;
    config = (struct update_config){0};
    update_open(&u, &config);
    file_make();
}

static void work(void)
{
    for (unsigned i = 0; update_poll(&u); i++)
        CHECK(i < 10000);
}

/* Send `length` bytes, `step` at a time, as a route does. Returns the error. */
static enum update_error send(uint32_t announced, uint32_t length, uint32_t step)
{
    enum update_error error = update_begin(&u, announced);
    if (error != UPDATE_OK)
        return error;
    CHECK_EQUAL(update_write(&u, file, 1), 0); /* it erases */
    work();
    CHECK_EQUAL(u.state, UPDATE_RECEIVING);
    for (uint32_t at = 0; at < length;) {
        uint32_t part = step < length - at ? step : length - at;
        size_t taken = update_write(&u, file + at, part);
        CHECK(taken <= part);
        at += (uint32_t)taken;
        if (taken < part) {
            CHECK_EQUAL(u.room, 0);
            CHECK(!update_poll(&u));
        }
    }
    update_finish(&u);
    work();
    CHECK(broken == NULL);
    CHECK(u.state == UPDATE_READY || u.state == UPDATE_IDLE);
    CHECK_EQUAL(u.state == UPDATE_READY, u.error == UPDATE_OK);
    return u.error;
}

static void taken(uint32_t length)
{
    CHECK_EQUAL(send(length, length, 1460), UPDATE_OK);
    CHECK_BYTES(areas[BOARD_FLASH_STAGED].bytes, file, length);
}

#define WRONG(error)                                                                                         \
    do {                                                                                                     \
        CHECK_EQUAL(send(LENGTH + 4, LENGTH + 4, 1000), error);                                              \
        file_make();                                                                                         \
        taken(LENGTH + 4);                                                                                   \
    } while (0)

/* ---- Tests ---- */

TEST(staging_in_pieces_of_any_length)
{
    for (unsigned size = 4; size <= 8; size += 4) {
        fresh((uint8_t)size);
        for (uint32_t step = 1; step < 40; step++) {
            CHECK_EQUAL(send(step % 2 ? UINT32_MAX : LENGTH + 4, LENGTH + 4, step), UPDATE_OK);
            CHECK_BYTES(areas[BOARD_FLASH_STAGED].bytes, file, LENGTH + 4);
        }
        taken(LENGTH + 4);
        taken(SIGNED); /* a signature that nobody asks for */
        CHECK_STRING(u.staged.product, "meter");
    }
}

TEST(staging_erases_what_it_needs)
{
    fresh(4);
    taken(LENGTH + 4);
    CHECK_EQUAL(areas[BOARD_FLASH_STAGED].erases, 2);
    CHECK_EQUAL(send(UINT32_MAX, LENGTH + 4, 100), UPDATE_OK);
    CHECK_EQUAL(areas[BOARD_FLASH_STAGED].erases, 2 + 4);
    CHECK_EQUAL(areas[BOARD_FLASH_IMAGE].erases + areas[BOARD_FLASH_IMAGE].programs, 0);
}

TEST(staging_refuses_by_reason)
{
    fresh(8);
    uint8_t *h = file + HEADER;
    store_le32(h + IMAGE_AT_BOARD, 476), stamp(file, LENGTH);
    WRONG(UPDATE_OTHER_BOARD);
    h[IMAGE_AT_PRODUCT] = 'p', stamp(file, LENGTH);
    WRONG(UPDATE_OTHER_PRODUCT);
    store_le32(h + IMAGE_AT_BASE, 0x08004000), stamp(file, LENGTH);
    WRONG(UPDATE_OTHER_BASE);
    store_le16(h + IMAGE_AT_VERSION + 2, 1), stamp(file, LENGTH);
    WRONG(UPDATE_OLDER);
    store_le32(h + IMAGE_AT_MAGIC, 0);
    WRONG(UPDATE_NO_IMAGE);
    store_le32(h + IMAGE_AT_FORMAT, 0);
    WRONG(UPDATE_OLD_FORMAT);
    store_le32(h + IMAGE_AT_LENGTH, 8), stamp(file, LENGTH);
    WRONG(UPDATE_NO_IMAGE);
    store_le32(h + IMAGE_AT_LENGTH, 0x7FFFFFFC);
    WRONG(UPDATE_TOO_LONG);
    store_le32(h + IMAGE_AT_LENGTH, LENGTH + 4);
    WRONG(UPDATE_CUT);
    store_le32(h + IMAGE_AT_LENGTH, LENGTH - 4), stamp(file, LENGTH - 4);
    CHECK_EQUAL(send(LENGTH + 4, LENGTH + 4, 77), UPDATE_CUT); /* neither alone nor with a whole trailer */
    file_make();
    CHECK_EQUAL(send(SIGNED, SIGNED - 1, 1000), UPDATE_CUT);
    CHECK_EQUAL(send(SIGNED + 1, SIGNED + 1, 1000), UPDATE_JUNK);
    file[LENGTH + 4] ^= 1;
    CHECK_EQUAL(send(SIGNED, SIGNED, 1000), UPDATE_JUNK);
    file_make();
    CHECK_EQUAL(send(UINT32_MAX, 0, 1), UPDATE_EMPTY);
    CHECK_EQUAL(update_begin(&u, 0), UPDATE_EMPTY);
    CHECK_EQUAL(update_begin(&u, SLOT + 1), UPDATE_TOO_LONG);
    memset(file, 0xA5, sizeof file);
    CHECK_EQUAL(send(SLOT, SLOT, 1460), UPDATE_NO_IMAGE); /* a slot full of junk */
    CHECK_EQUAL(send(UINT32_MAX, SLOT + 4, 1460), UPDATE_NO_IMAGE);
    file_make();
    CHECK_EQUAL(send(UINT32_MAX, SLOT + 4, 1460), UPDATE_TOO_LONG);
    taken(LENGTH + 4);
    config.downgrade = true;
    store_le16(file + HEADER + IMAGE_AT_VERSION + 2, 1), stamp(file, LENGTH);
    taken(LENGTH + 4);
}

TEST(staging_of_every_cut_length)
{
    fresh(4);
    for (uint32_t length = 1; length < LENGTH + 4; length++) {
        CHECK_EQUAL(send(UINT32_MAX, length, 1460), UPDATE_CUT);
    }
    taken(LENGTH + 4);
}

TEST(staging_with_a_flipped_bit)
{
    fresh(4);
    for (uint32_t i = 0; i < (LENGTH + 4) * 8;
         i += i / 8 < HEADER || i / 8 >= HEADER + IMAGE_HEADER ? 2 : 1) {
        file[i / 8] ^= (uint8_t)(1u << i % 8);
        enum update_error error = send(LENGTH + 4, LENGTH + 4, 1460);
        file[i / 8] ^= (uint8_t)(1u << i % 8);
        if (error == UPDATE_OK)
            TEST_FAIL("bit %u of byte %u is not missed", i % 8, i / 8);
    }
    taken(LENGTH + 4);
}

TEST(staging_verifies_what_flash_gives_back)
{
    fresh(8);
    for (uint32_t at = HEADER + IMAGE_HEADER; at < LENGTH + 4; at += 97) {
        spoilt = at;
        CHECK_EQUAL(send(LENGTH + 4, LENGTH + 4, 1460), UPDATE_CRC);
    }
    spoilt = 0;
    taken(LENGTH + 4);
}

TEST(staging_wants_a_signature)
{
    static const uint8_t other[32] = {[0] = 1};
    const struct update_trust *trust = &(struct update_trust){.key = key,
                                                              .work = &(struct ed25519){.bit = -1},
                                                              .begin = ed25519_begin,
                                                              .add = ed25519_update,
                                                              .step = ed25519_step,
                                                              .good = ed25519_good};
    struct update_trust wrong = *trust;
    fresh(4);
    config.trust = trust;
    taken(SIGNED);
    CHECK_EQUAL(send(LENGTH + 4, LENGTH + 4, 1460), UPDATE_UNSIGNED);
    for (uint32_t i = 0; i < SIGNED * 8;
         i += 241) { /* with a right CRC: only the key's owner can have meant it */
        file[i / 8] ^= (uint8_t)(1u << i % 8);
        if (i / 8 < LENGTH)
            stamp(file, LENGTH);
        CHECK(send(SIGNED, SIGNED, 1460) != UPDATE_OK);
        file_make();
    }
    store_le32(file + HEADER + IMAGE_AT_BUILD, 7), stamp(file, LENGTH);
    CHECK_EQUAL(send(SIGNED, SIGNED, 1460), UPDATE_SIGNATURE);
    file_make();
    wrong.key = other;
    config.trust = &wrong;
    CHECK_EQUAL(send(SIGNED, SIGNED, 1460), UPDATE_SIGNATURE);
    config.trust = trust;
    taken(SIGNED);
}

TEST(staging_one_at_a_time)
{
    fresh(4);
    CHECK_EQUAL(update_begin(&u, LENGTH + 4), UPDATE_OK);
    CHECK_EQUAL(update_begin(&u, LENGTH + 4), UPDATE_BUSY);
    update_cancel(&u, UPDATE_ABANDONED);
    CHECK_EQUAL(u.error, UPDATE_ABANDONED);
    CHECK_EQUAL(update_install(&u), UPDATE_NOTHING);
    taken(LENGTH + 4);
    CHECK_EQUAL(update_install(&u), UPDATE_OK);
    CHECK_EQUAL(update_begin(&u, LENGTH + 4), UPDATE_BUSY);
    update_cancel(&u, UPDATE_OK);
    CHECK_EQUAL(u.state, UPDATE_INSTALLING);
}

TEST(staging_where_flash_refuses)
{
    fresh(4);
    refuses = true;
    CHECK_EQUAL(update_begin(&u, LENGTH + 4), UPDATE_OK);
    work();
    CHECK_EQUAL(u.error, UPDATE_FLASH);
    refuses = false;
    CHECK_EQUAL(update_begin(&u, LENGTH + 4), UPDATE_OK);
    work();
    refuses = true;
    CHECK_EQUAL(update_write(&u, file, 1000), 1000);
    CHECK_EQUAL(u.error, UPDATE_FLASH);
    refuses = false;
    taken(LENGTH + 4);
    refuses = true;
    CHECK_EQUAL(update_install(&u), UPDATE_NO_JOURNAL);
    refuses = false;
    CHECK_EQUAL(update_install(&u), UPDATE_OK);
    swaps = false;
    update_open(&u, &config);
    CHECK_EQUAL(update_begin(&u, LENGTH + 4), UPDATE_OLD_LOADER);
    areas[BOARD_FLASH_STAGED].flash.size = 0;
    update_open(&u, &config);
    CHECK_EQUAL(update_begin(&u, LENGTH + 4), UPDATE_NO_SLOT);
}

/* ---- The journal ---- */

static uint32_t end;

static void note(uint8_t code, uint8_t index, uint32_t value)
{
    uint32_t words[2];
    journal_write(&(struct journal_record){code, index, value}, words);
    memcpy(areas[BOARD_FLASH_JOURNAL].bytes + end, words, 8);
    end += 8;
}

TEST(journal_of_a_trial)
{
    fresh(8);
    taken(SIGNED);
    CHECK_EQUAL(update_install(&u), UPDATE_OK);
    struct journal_record record;
    uint32_t words[2];
    memcpy(words, areas[BOARD_FLASH_JOURNAL].bytes, 8);
    CHECK(journal_read(&record, words));
    CHECK_EQUAL(record.code, JOURNAL_REQUEST);
    CHECK_EQUAL(record.index, 2);           /* of 2 KiB */
    CHECK_EQUAL(record.value, running_crc); /* both are the same here */
    end = 8;
    note(JOURNAL_KEPT, 0, 5), note(JOURNAL_TAKEN, 0, 0), note(JOURNAL_TRIAL, 0, running_crc);
    update_open(&u, &config);
    CHECK(u.on_trial);
    CHECK_EQUAL(update_begin(&u, SIGNED), UPDATE_ON_TRIAL);
    note(JOURNAL_FAILED, 2, 0);
    update_open(&u, &config);
    CHECK(u.on_trial && update_confirm(&u) && !u.on_trial && !update_confirm(&u) &&
          !update_back(&u, JOURNAL_TIME));
    update_open(&u, &config);
    CHECK(!u.on_trial);
    CHECK_EQUAL(u.journal.last.code, JOURNAL_CONFIRMED);
    end = u.journal.end;
    note(JOURNAL_TRIAL, 0, running_crc ^ 1); /* another image's: this one came by DFU */
    update_open(&u, &config);
    CHECK(!u.on_trial);
    note(JOURNAL_TRIAL, 0, running_crc);
    update_open(&u, &config);
    CHECK(update_back(&u, JOURNAL_TIME));
    update_open(&u, &config);
    CHECK_EQUAL(u.journal.last.code, JOURNAL_BACK);
    CHECK_EQUAL(u.journal.last.index, JOURNAL_TIME);
    CHECK_EQUAL(u.journal.last.value, 2);
    CHECK(broken == NULL);
}

TEST(journal_is_erased_when_it_is_full)
{
    for (uint8_t size = 4; size <= 8; size = (uint8_t)(size + 4)) {
        fresh(size);
        for (unsigned i = 0; i < 400; i++) {
            taken(LENGTH + 4);
            CHECK_EQUAL(update_install(&u), UPDATE_OK);
            end = u.journal.end;
            note(JOURNAL_TRIAL, 0, running_crc);
            update_open(&u, &config);
            CHECK(update_confirm(&u));
            update_open(&u, &config);
        }
        CHECK(areas[BOARD_FLASH_JOURNAL].erases > 2);
        CHECK(broken == NULL);
    }
}

TEST(journal_of_junk)
{
    uint32_t seed = 1;
    fresh(8);
    for (unsigned i = 0; i < JOURNAL; i++)
        areas[BOARD_FLASH_JOURNAL].bytes[i] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
    update_open(&u, &config);
    CHECK(!u.on_trial);
    taken(LENGTH + 4);
    CHECK_EQUAL(update_install(&u), UPDATE_OK);
    CHECK_EQUAL(areas[BOARD_FLASH_JOURNAL].erases, 2);
    CHECK(broken == NULL);
}

TEST(updates_have_words_for_each_error)
{
    for (unsigned i = 0; i < UPDATE_ERRORS; i++)
        CHECK(update_error_code((enum update_error)i) != NULL &&
              strlen(update_error_text((enum update_error)i)) > 8);
}

TEST_MAIN()
