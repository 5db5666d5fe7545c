/*
 * Fuzz the loader of images: the first byte chooses ELF or .bin, the rest is the file.
 *
 * LINK: vboard/elf.c
 * SECONDS: 20
 */
/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memfd_create */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vboard/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

#define FLASH_SIZE 4096u

static void require_image(struct image *image)
{
    for (size_t i = 0; i < image->symbol_count; i++) {
        const struct image_symbol *symbol = &image->symbols[i];
        REQUIRE(symbol->name[0] != 0 && image_symbol(image, symbol->name) != NULL);
        REQUIRE(i == 0 || symbol[-1].address <= symbol->address);
        image_symbol_at(image, symbol->address + 1);
    }
    image_free(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    static int file = -1;
    static char path[64];
    if (file < 0) {
        file = memfd_create("image", 0);
        REQUIRE(file >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    REQUIRE(ftruncate(file, 0) == 0 && pwrite(file, data + 1, size - 1, 0) == (ssize_t)(size - 1));
    uint8_t *flash = malloc(FLASH_SIZE); /* exactly so long, for the sanitizer */
    memset(flash, 0xFF, FLASH_SIZE);
    struct image_place place = {
        flash, 0x08000000, FLASH_SIZE, {{0x20000000, 0x20000}, {0x10000000, 0x10000}}};
    struct image image;
    char error[64] = "";
    if ((data[0] & 1) != 0) {
        if (image_flash_read(path, &place, error, sizeof error))
            image_flash_check(path, &place, error, sizeof error);
    } else if (image_load(&image, path, &place, error, sizeof error)) {
        require_image(&image);
    } else {
        REQUIRE(error[0] != 0);
    }
    free(flash);
    return 0;
}
