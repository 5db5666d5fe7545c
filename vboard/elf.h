/*
 * An image as the linker writes it (ELF, 32 bits, little-endian, Arm) or as bytes (.bin): checked as a whole,
 * then copied where it belongs.
 *
 *   image_load(path, flash …) ─→ image_symbol, image_symbol_at ─→ image_free
 *
 * Source: the ELF-32 layout as in Debian's <elf.h>.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_VBOARD_ELF_H
#define PLUGNET_VBOARD_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_symbol {
    uint32_t address, size; /* bit 0 cleared; size 0: up to the next symbol */
    bool function;
    const char *name; /* in the image's own memory */
};

struct image {
    struct image_symbol *symbols; /* by address */
    size_t symbol_count;
    char *names;
    uint32_t bytes; /* copied into flash */
};

/* Where an image may lie: `flash` is written; segments for RAM without bytes in the file are only checked. */
struct image_place {
    uint8_t *flash;
    uint32_t flash_base, flash_size;
    struct {
        uint32_t base, size;
    } ram[4]; /* size 0 ends the list */
};

/* False: `error` has one line. `image` needs image_free only after success. */
bool image_load(struct image *image, const char *path, const struct image_place *place, char *error,
                size_t error_size);
void image_free(struct image *image);

/* Bytes for the start of flash, from a file; false: `error` has one line. */
bool image_flash_read(const char *path, const struct image_place *place, char *error, size_t error_size);
/* Are there a stack pointer and a reset vector at the start of flash? */
bool image_flash_check(const char *path, const struct image_place *place, char *error, size_t error_size);

/* By name; NULL: none. */
const struct image_symbol *image_symbol(const struct image *image, const char *name);
/* The function that an address belongs to; NULL: none. */
const struct image_symbol *image_symbol_at(const struct image *image, uint32_t address);

#endif
