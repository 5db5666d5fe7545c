/*
 * The boot loader in ROM: DFU with ST's extensions (DfuSe). See rom.h.
 *
 *   DNLOAD ─→ dfuDNLOAD-SYNC ─ GETSTATUS ─→ dfuDNBUSY, the flash works ─→ dfuDNLOAD-IDLE or dfuERROR
 *   DNLOAD of nothing ─→ dfuMANIFEST-SYNC ─ GETSTATUS ─→ dfuMANIFEST: the application starts
 *
 * Block 0 carries commands; block n from 2 on lies at pointer + (n - 2) * wTransferSize. The flash is worked on one sector
 * or one programmed unit at a time, so that power can be cut between any two.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

#include <string.h>

#include "wire/le.h"

enum { DETACH, DNLOAD, UPLOAD, GETSTATUS, CLRSTATUS, GETSTATE, ABORT };

enum {
    IDLE = 2,
    DNLOAD_SYNC,
    DNBUSY,
    DNLOAD_IDLE,
    MANIFEST_SYNC,
    MANIFEST,
    UPLOAD_IDLE = 9,
    ERROR,
};

enum {
    OK = 0,
    ERR_TARGET = 0x01,
    ERR_PROG = 0x06,
    ERR_ADDRESS = 0x08,
    ERR_VENDOR = 0x0B,
    ERR_STALLED = 0x0F,
};

#define COMMAND_GET       0x00
#define COMMAND_POINTER   0x21
#define COMMAND_ERASE     0x41
#define COMMAND_UNPROTECT 0x92

#define LEAVE_NS 2000000u

void rom_dfu_reset(struct rom_dfu *dfu)
{
    dfu->state = IDLE;
    dfu->status = OK;
    dfu->waits = false;
    dfu->at = dfu->end = 0;
    dfu->erases = false;
}

static bool fail(struct rom_dfu *dfu, uint8_t status)
{
    dfu->state = ERROR;
    dfu->status = status;
    dfu->at = dfu->end = 0;
    dfu->erases = false;
    return false;
}

/* Read-out protection is level 0 at 0xAA only. */
static bool protected(const struct chip *chip)
{
    return chip->option[chip->kind->option_rdp] != 0xAA;
}

static bool in_flash(const struct chip *chip, uint32_t address, uint32_t length)
{
    uint32_t at = address - CHIP_FLASH_BASE, size = chip->kind->flash_size;
    return at < size && length <= size - at;
}

static bool sector_of(const struct chip *chip, uint32_t at, uint32_t *start, uint32_t *size)
{
    for (unsigned i = 0; flash_sector(chip->kind, i, start, size); i++)
        if (at - *start < *size)
            return true;
    return false;
}

/* Begin what was downloaded. Returns how long it takes, in ns; the state says whether it went wrong at once. */
static uint64_t begin(struct chip *chip)
{
    struct rom_dfu *dfu = &chip->rom.dfu;
    const struct chip_flash_ops *flash = chip->kind->flash;
    const uint8_t *b = dfu->block;
    uint32_t size = 0, address = dfu->block_length == 5 ? load_le32(b + 1) : 0;
    bool command = dfu->block_number == 0;
    uint64_t ns = 1;
    dfu->state = DNBUSY;
    if (protected(chip) && !(command && b[0] == COMMAND_UNPROTECT)) {
        fail(dfu, ERR_VENDOR);
    } else if (!command) {
        uint32_t to = dfu->pointer + (dfu->block_number - 2u) * ROM_TRANSFER_SIZE;
        if (dfu->block_number < 2 || chip->rom.usb.alternate != 0 || !in_flash(chip, to, dfu->block_length) ||
            to % flash->unit) {
            fail(dfu, ERR_ADDRESS);
            return ns;
        }
        dfu->at = to - CHIP_FLASH_BASE;
        dfu->end = dfu->at + dfu->block_length;
        ns = flash->unit_ns;
    } else if (b[0] == COMMAND_POINTER && dfu->block_length == 5) {
        dfu->pointer = address;
    } else if (b[0] == COMMAND_ERASE && dfu->block_length == 5) {
        if (chip->rom.usb.alternate != 0 || !in_flash(chip, address, 1) ||
            !sector_of(chip, address - CHIP_FLASH_BASE, &dfu->at, &size)) {
            fail(dfu, ERR_TARGET);
            return ns;
        }
        dfu->end = dfu->at + size;
        dfu->erases = true;
        ns = flash->erase_ns(size);
    } else if ((b[0] == COMMAND_ERASE || b[0] == COMMAND_UNPROTECT) && dfu->block_length == 1) {
        dfu->at = 0;
        dfu->end = chip->kind->flash_size;
        dfu->erases = true;
        ns = flash->erase_ns(dfu->end);
    } else {
        fail(dfu, ERR_STALLED);
    }
    return ns;
}

static void unprotect(struct chip *chip)
{
    chip->option[chip->kind->option_rdp] = 0xAA;
    chip_reset_want(chip, 0);
}

/* One operation of the flash has come to its end: do it, and go on with the next one. */
void rom_dfu_event(struct chip *chip)
{
    struct rom_dfu *dfu = &chip->rom.dfu;
    const struct chip_flash_ops *flash = chip->kind->flash;
    if (dfu->erases) {
        uint32_t at = dfu->at, size = dfu->end - dfu->at;
        dfu->erases = false;
        dfu->at = dfu->end = 0;
        flash_store(chip, at, NULL, size);
        if (dfu->block[0] == COMMAND_UNPROTECT)
            unprotect(chip);
    } else if (dfu->at < dfu->end) {
        uint8_t unit[8];
        uint32_t left = dfu->end - dfu->at, at = dfu->at;
        memset(unit, 0xFF, sizeof unit);
        memcpy(unit, dfu->block + dfu->block_length - left, left < flash->unit ? left : flash->unit);
        dfu->at += flash->unit;
        if (!flash->put(chip, at, unit))
            fail(dfu, ERR_PROG);
        else if (dfu->at < dfu->end)
            chip_event_at(chip, CHIP_EVENT_ROM, chip_now(chip) + flash->unit_ns);
        else
            dfu->at = dfu->end = 0;
    }
    if (dfu->state == DNBUSY && dfu->end == 0)
        dfu->state = DNLOAD_SYNC;
}

static bool download(struct chip *chip, struct rom_usb *usb)
{
    struct rom_dfu *dfu = &chip->rom.dfu;
    if (dfu->state != IDLE && dfu->state != DNLOAD_IDLE)
        return fail(dfu, ERR_STALLED);
    dfu->block_number = load_le16(usb->setup + 2);
    dfu->block_length = usb->length;
    memcpy(dfu->block, usb->bytes, usb->length);
    dfu->waits = usb->length != 0;
    dfu->state = usb->length ? DNLOAD_SYNC : MANIFEST_SYNC;
    return true;
}

/* What lies at an address, as far as there is something to read. */
static uint16_t memory_read(const struct chip *chip, uint32_t address, uint8_t *bytes, uint16_t wanted)
{
    uint32_t at = address - CHIP_FLASH_BASE, option = address - chip->kind->option_base;
    const uint8_t *from = chip->flash + at;
    uint32_t size = chip->kind->flash_size - at;
    if (chip->rom.usb.alternate == 1) {
        if (option >= CHIP_OPTION_SIZE)
            return 0;
        from = chip->option + option;
        size = CHIP_OPTION_SIZE - option;
    } else if (chip->rom.usb.alternate != 0 || at >= chip->kind->flash_size) {
        return 0;
    }
    uint16_t length = (uint16_t)(size < wanted ? size : wanted);
    memcpy(bytes, from, length);
    return length;
}

static bool upload(struct chip *chip, struct rom_usb *usb)
{
    struct rom_dfu *dfu = &chip->rom.dfu;
    uint32_t block = load_le16(usb->setup + 2);
    uint16_t wanted = load_le16(usb->setup + 6);
    if ((dfu->state != IDLE && dfu->state != UPLOAD_IDLE) || block == 1 || wanted > ROM_TRANSFER_SIZE)
        return fail(dfu, ERR_STALLED);
    if (protected(chip))
        return fail(dfu, ERR_VENDOR);
    if (block == 0) {
        const uint8_t commands[] = {COMMAND_GET, COMMAND_POINTER, COMMAND_ERASE, COMMAND_UNPROTECT};
        usb->length = sizeof commands < wanted ? sizeof commands : wanted;
        memcpy(usb->bytes, commands, usb->length);
        dfu->state = IDLE;
        return true;
    }
    usb->length = memory_read(chip, dfu->pointer + (block - 2) * ROM_TRANSFER_SIZE, usb->bytes, wanted);
    if (usb->length == 0)
        return fail(dfu, ERR_ADDRESS);
    dfu->state = usb->length < wanted ? IDLE : UPLOAD_IDLE;
    return true;
}

static bool status_get(struct chip *chip, struct rom_usb *usb)
{
    struct rom_dfu *dfu = &chip->rom.dfu;
    uint64_t ns = 0;
    if (dfu->state == DNLOAD_SYNC && dfu->waits) {
        dfu->waits = false;
        ns = begin(chip);
        if (dfu->state == DNBUSY) {
            uint64_t units =
                dfu->erases || dfu->end == 0
                    ? 1
                    : (dfu->end - dfu->at + chip->kind->flash->unit - 1) / chip->kind->flash->unit;
            chip_event_at(chip, CHIP_EVENT_ROM, chip_now(chip) + ns);
            ns *= units;
        }
    } else if (dfu->state == DNLOAD_SYNC) {
        dfu->state = DNLOAD_IDLE;
    } else if (dfu->state == MANIFEST_SYNC) {
        dfu->state = MANIFEST;
    }
    uint32_t ms = (uint32_t)((ns + 999999) / 1000000);
    memset(usb->bytes, 0, 6);
    usb->bytes[0] = dfu->status;
    store_le32(usb->bytes + 1, ms);
    usb->bytes[4] = dfu->state;
    usb->length = 6;
    return true;
}

bool rom_dfu_request(struct chip *chip, struct rom_usb *usb)
{
    struct rom_dfu *dfu = &chip->rom.dfu;
    bool in = usb->setup[0] & 0x80;
    switch (usb->setup[1]) {
    case DNLOAD: return !in && download(chip, usb);
    case UPLOAD: return in && upload(chip, usb);
    case GETSTATUS: return in && status_get(chip, usb);
    case GETSTATE:
        usb->bytes[0] = dfu->state;
        usb->length = 1;
        return in;
    case CLRSTATUS:
    case ABORT:
        if (in || dfu->end != 0)
            return fail(dfu, ERR_STALLED);
        rom_dfu_reset(dfu);
        return true;
    default: return fail(dfu, ERR_STALLED);
    }
}

void rom_dfu_status_done(struct chip *chip)
{
    if (chip->rom.dfu.state != MANIFEST || chip->rom.leaves)
        return;
    chip->rom.leaves = true;
    chip_event_at(chip, CHIP_EVENT_ROM, chip_now(chip) + LEAVE_NS);
}
