/*
 * See update.h.
 */
/* SPDX-License-Identifier: MIT */
#include "update/update.h"

#include <string.h>

#include "board/image.h"

#define PIECE      128u /* bytes read back at a time, on the stack */
#define PIECES     8u   /* of a call */
#define STEPS      12u  /* of the signature's check, of a call */
#define CRC_LENGTH 4u
#define UNKNOWN    UINT32_MAX
#define HEADER_END (board_image_header() + IMAGE_HEADER)
#define HOLD(u)    ((u)->slot->program_size)

/* Bytes of an image with its CRC word. */
static uint32_t image_end(const struct image *image)
{
    return image->length + CRC_LENGTH;
}

static bool header_at(const struct board_flash *flash, struct image *image, enum image_read *read)
{
    uint8_t header[IMAGE_HEADER];

    if (!board_flash_read(flash, board_image_header(), header, sizeof header)) {
        return false;
    }
    *read = image_read(image, header);
    return true;
}

/* The signature that lies behind an image; false: none does. */
static bool signature_at(const struct board_flash *flash, const struct image *image,
                         uint8_t signature[IMAGE_SIGNATURE])
{
    uint8_t trailer[IMAGE_TRAILER];
    const uint8_t *found =
        board_flash_read(flash, image_end(image), trailer, sizeof trailer) ? image_signature(trailer) : NULL;

    if (found != NULL) {
        memcpy(signature, found, IMAGE_SIGNATURE);
    }
    return found != NULL;
}

void update_open(struct update *u, const struct update_config *config)
{
    enum image_read read = IMAGE_FOREIGN;

    *u = (struct update){
        .config = config, .running = board_flash(BOARD_FLASH_IMAGE), .slot = board_flash(BOARD_FLASH_STAGED)};
    journal_open(&u->journal, board_flash(BOARD_FLASH_JOURNAL));
    if (u->running == NULL || u->slot == NULL || board_image_header() == 0 || HOLD(u) > sizeof u->held ||
        u->slot->program_us == 0) {
        u->slot = NULL;
        return;
    }
    if (!header_at(u->running, &u->installed, &read) || read != IMAGE_GOOD) {
        u->installed = (struct image){0};
        u->slot = NULL;
    }
    u->on_trial = journal_on_trial(&u->journal, board_image_id());
}

/* ---- Staging ---- */

static void update_fail(struct update *u, enum update_error error)
{
    u->state = UPDATE_IDLE;
    u->error = error;
}

enum update_error update_begin(struct update *u, uint32_t length)
{
    if (u->slot == NULL) {
        return UPDATE_NO_SLOT;
    }
    if (!board_image_swaps()) {
        return UPDATE_OLD_LOADER;
    }
    if (u->on_trial) {
        return UPDATE_ON_TRIAL;
    }
    if (u->state != UPDATE_IDLE && u->state != UPDATE_READY) {
        return UPDATE_BUSY;
    }
    if (length == 0) {
        return UPDATE_EMPTY;
    }
    if (length != UNKNOWN && length > u->slot->size) {
        return UPDATE_TOO_LONG;
    }
    u->state = UPDATE_ERASING;
    u->error = UPDATE_OK;
    u->staged = (struct image){0};
    u->announced = length;
    u->received = u->at = 0;
    return UPDATE_OK;
}

static void update_erase(struct update *u)
{
    uint32_t until = u->announced < u->slot->size ? u->announced : u->slot->size;

    if (board_flash_busy()) {
        return;
    }
    if (u->at >= until) {
        u->state = UPDATE_RECEIVING;
        u->at = 0;
    } else if (board_flash_erase_begin(u->slot, u->at)) {
        u->at += u->slot->erase_size;
    } else {
        update_fail(u, UPDATE_FLASH);
    }
}

/* The header is in flash: is this for us? */
static enum update_error header_check(struct update *u)
{
    struct image *image = &u->staged;
    enum image_read read;

    if (!header_at(u->slot, image, &read)) {
        return UPDATE_FLASH;
    }
    if (read != IMAGE_GOOD) {
        return read == IMAGE_OLD ? UPDATE_OLD_FORMAT : UPDATE_NO_IMAGE;
    }
    if (image->board != u->installed.board) {
        return UPDATE_OTHER_BOARD;
    }
    if (strcmp(image->product, u->installed.product) != 0) {
        return UPDATE_OTHER_PRODUCT;
    }
    if (image->base != u->running->base) {
        return UPDATE_OTHER_BASE;
    }
    if (image->length < HEADER_END || image->length > u->slot->size - CRC_LENGTH) {
        return image->length < HEADER_END ? UPDATE_NO_IMAGE : UPDATE_TOO_LONG;
    }
    if (!u->config->downgrade && image_version_compare(&image->version, &u->installed.version) < 0) {
        return UPDATE_OLDER;
    }
    return u->announced < image_end(image) ? UPDATE_CUT : UPDATE_OK;
}

/* Program whole units. */
static bool update_program(struct update *u, const uint8_t *bytes, uint32_t length)
{
    if (length > u->slot->size - u->at) {
        update_fail(u, UPDATE_TOO_LONG);
        return false;
    }
    if (!board_flash_program(u->slot, u->at, bytes, length)) {
        update_fail(u, UPDATE_FLASH);
        return false;
    }
    bool had = u->at >= HEADER_END;
    u->at += length;
    if (!had && u->at >= HEADER_END) {
        enum update_error error = header_check(u);
        if (error != UPDATE_OK) {
            update_fail(u, error);
        }
    }
    return u->state == UPDATE_RECEIVING;
}

/* Fill the unit that is held, and program it when it is full. */
static size_t held_fill(struct update *u, const uint8_t *bytes, size_t length)
{
    size_t has = u->received % HOLD(u), part = HOLD(u) - has;

    part = part < length ? part : length;
    memcpy(u->held + has, bytes, part);
    u->received += (uint32_t)part;
    if (has + part == HOLD(u)) {
        update_program(u, u->held, HOLD(u));
    }
    return part;
}

size_t update_write(struct update *u, const uint8_t *bytes, size_t length)
{
    size_t taken = 0, all = length;

    if (u->state == UPDATE_IDLE) {
        return length;
    }
    if (u->state != UPDATE_RECEIVING) {
        return 0;
    }
    length = length < u->room ? length : u->room;
    u->room -= (uint32_t)length;
    if (length == 0) {
        return 0;
    }
    if (u->received % HOLD(u) != 0) {
        taken = held_fill(u, bytes, length);
    }
    size_t whole = (length - taken) / HOLD(u) * HOLD(u);
    if (whole > 0 && u->state == UPDATE_RECEIVING && update_program(u, bytes + taken, (uint32_t)whole)) {
        u->received += (uint32_t)whole;
        taken += whole;
    }
    if (taken < length && u->state == UPDATE_RECEIVING) {
        taken += held_fill(u, bytes + taken, length - taken);
    }
    return u->state == UPDATE_RECEIVING ? taken : all;
}

/* ---- Verifying ---- */

static enum update_error update_measure(const struct update *u)
{
    uint32_t unsigned_end = image_end(&u->staged);

    if (u->received < unsigned_end) {
        return UPDATE_CUT;
    }
    if (u->received == unsigned_end) {
        return u->config->trust != NULL ? UPDATE_UNSIGNED : UPDATE_OK;
    }
    return u->received < unsigned_end + IMAGE_TRAILER   ? UPDATE_CUT
           : u->received > unsigned_end + IMAGE_TRAILER ? UPDATE_JUNK
                                                        : UPDATE_OK;
}

void update_finish(struct update *u)
{
    const struct update_trust *trust = u->config->trust;
    uint8_t signature[IMAGE_SIGNATURE];

    if (u->state != UPDATE_RECEIVING) {
        return;
    }
    if (u->received < HEADER_END) {
        update_fail(u, u->received == 0 ? UPDATE_EMPTY : UPDATE_CUT);
        return;
    }
    size_t has = u->received % HOLD(u);
    if (has > 0) {
        memset(u->held + has, 0xFF, HOLD(u) - has);
        if (!update_program(u, u->held, HOLD(u))) {
            return;
        }
    }
    enum update_error error = update_measure(u);
    bool trailed = u->received > image_end(&u->staged);
    if (error == UPDATE_OK && trailed && !signature_at(u->slot, &u->staged, signature)) {
        error = UPDATE_JUNK;
    }
    if (error == UPDATE_OK && trust != NULL && !trust->begin(trust->work, trust->key, signature)) {
        error = UPDATE_SIGNATURE;
    }
    if (error != UPDATE_OK) {
        update_fail(u, error);
        return;
    }
    u->state = UPDATE_VERIFYING;
    u->at = 0;
    u->crc = UINT32_MAX;
}

/* The next piece as flash gives it back; with the last one, the CRC word behind it. */
static enum update_error verify_piece(struct update *u)
{
    const struct update_trust *trust = u->config->trust;
    uint32_t left = u->staged.length - u->at, length = left < PIECE ? left : PIECE, word;
    uint8_t bytes[PIECE];

    if (!board_flash_read(u->slot, u->at, bytes, length)) {
        return UPDATE_FLASH;
    }
    u->crc = image_crc(u->crc, bytes, length);
    if (trust != NULL) {
        trust->add(trust->work, bytes, length);
    }
    u->at += length;
    if (u->at < u->staged.length) {
        return UPDATE_OK;
    }
    if (!board_flash_read(u->slot, u->at, &word, sizeof word)) {
        return UPDATE_FLASH;
    }
    if (trust != NULL) {
        trust->add(trust->work, &word, sizeof word);
    }
    return word == u->crc ? UPDATE_OK : UPDATE_CRC;
}

/* The signature's check goes on. True: there is more of it. */
static bool verify_steps(const struct update_trust *trust)
{
    bool more = trust != NULL;

    for (unsigned i = 0; more && i < STEPS; i++) {
        more = trust->step(trust->work);
    }
    return more;
}

static void update_verify(struct update *u)
{
    const struct update_trust *trust = u->config->trust;
    enum update_error error = UPDATE_OK;

    if (u->at < u->staged.length) {
        for (unsigned i = 0; i < PIECES && error == UPDATE_OK && u->at < u->staged.length; i++) {
            error = verify_piece(u);
        }
    } else if (!verify_steps(trust)) {
        error = trust == NULL || trust->good(trust->work) ? UPDATE_OK : UPDATE_SIGNATURE;
        u->state = UPDATE_READY;
    }
    if (error != UPDATE_OK) {
        update_fail(u, error);
    }
}

bool update_poll(struct update *u)
{
    u->room = u->slot != NULL ? UPDATE_ROUND_US / u->slot->program_us * u->slot->program_size : 0;
    if (u->state == UPDATE_ERASING) {
        update_erase(u);
    } else if (u->state == UPDATE_VERIFYING) {
        update_verify(u);
    }
    return u->state == UPDATE_ERASING || u->state == UPDATE_VERIFYING;
}

void update_cancel(struct update *u, enum update_error error)
{
    if (u->state != UPDATE_INSTALLING) {
        u->staged = (struct image){0};
        update_fail(u, error);
    }
}

/* ---- The swap and after ---- */

/* Bytes that an image in a slot uses, with the signature behind it. */
static uint32_t image_used(const struct board_flash *flash, const struct image *image)
{
    uint8_t signature[IMAGE_SIGNATURE];

    return image_end(image) + (signature_at(flash, image, signature) ? IMAGE_TRAILER : 0);
}

enum update_error update_install(struct update *u)
{
    const struct board_flash *scratch = board_flash(BOARD_FLASH_SCRATCH);

    if (u->state != UPDATE_READY || scratch == NULL) {
        return u->state == UPDATE_INSTALLING ? UPDATE_BUSY : UPDATE_NOTHING;
    }
    uint32_t old = image_used(u->running, &u->installed), new = image_used(u->slot, &u->staged);
    if (!journal_request(&u->journal, old > new ? old : new, scratch->size, u->crc)) {
        return UPDATE_NO_JOURNAL;
    }
    u->state = UPDATE_INSTALLING;
    return UPDATE_OK;
}

bool update_confirm(struct update *u)
{
    bool good = u->on_trial && journal_confirm(&u->journal, board_image_id());

    u->on_trial = u->on_trial && !good;
    return good;
}

bool update_back(struct update *u, enum journal_reason reason)
{
    return u->on_trial && journal_back(&u->journal, reason);
}

/* ---- Words ---- */

static const struct {
    const char *code, *text;
} errors[UPDATE_ERRORS] = {
    [UPDATE_OK] = {"ok", "All is well."},
    [UPDATE_NO_SLOT] = {"no_slot", "This board has no place for a second image."},
    [UPDATE_OLD_LOADER] =
        {"old_loader",
         "The board's boot loader can't swap images. Install the new one once, by make dfu-all."},
    [UPDATE_BUSY] = {"busy", "Another update is under way. Try again when it is done."},
    [UPDATE_ON_TRIAL] =
        {"on_trial",
         "The running version is on trial. It must be confirmed first: by its page, or by the product itself."},
    [UPDATE_EMPTY] = {"empty", "The file is empty."},
    [UPDATE_TOO_LONG] = {"too_long", "The file is longer than the board's place for it."},
    [UPDATE_NO_IMAGE] = {"no_image",
                         "This file is no firmware for such boards. Take the one that ends in .update."},
    [UPDATE_OLD_FORMAT] = {"old_format", "This firmware is too old: it has no version in it."},
    [UPDATE_OTHER_BOARD] = {"other_board", "This firmware is for another board."},
    [UPDATE_OTHER_PRODUCT] = {"other_product", "This firmware is for another product."},
    [UPDATE_OTHER_BASE] = {"other_base", "This firmware is linked for another place in flash."},
    [UPDATE_OLDER] = {"older", "This version is older than the one that runs."},
    [UPDATE_CUT] = {"cut", "The file is shorter than it says: part of it is missing."},
    [UPDATE_JUNK] = {"junk", "The file is longer than it says. Take the one that ends in .update."},
    [UPDATE_CRC] = {"crc", "The file is damaged: its CRC is wrong."},
    [UPDATE_UNSIGNED] = {"unsigned", "This firmware is not signed, and this product takes only signed ones."},
    [UPDATE_SIGNATURE] = {"signature",
                          "The signature is wrong: it is by another key, or the file was changed."},
    [UPDATE_FLASH] = {"flash", "The board's flash refuses."},
    [UPDATE_NOTHING] = {"nothing", "Nothing is ready to be installed."},
    [UPDATE_NO_JOURNAL] = {"no_journal", "The board's flash refuses to note the update."},
    [UPDATE_OTHER_BUILD] = {"other_build", "What is ready is another build."},
    [UPDATE_ABANDONED] = {"abandoned", "The update was broken off."},
};

const char *update_error_code(enum update_error error)
{
    return errors[error < UPDATE_ERRORS ? error : UPDATE_NO_SLOT].code;
}

const char *update_error_text(enum update_error error)
{
    return errors[error < UPDATE_ERRORS ? error : UPDATE_NO_SLOT].text;
}
