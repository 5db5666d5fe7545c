/*
 * Flash of the board as a Linux process: settings in a file (--flash FILE), or in memory that a reset leaves alone and the end of
 * the process doesn't. As strict as the strictest chip: double words, each programmed once after an erase.
 */
/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "board/native/native_flash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "board/flash.h"

#define FLASH_ENV "PLUGNET_NATIVE_FLASH" /* the file descriptor, over a reset */

static const struct board_flash settings = {
    .size = NATIVE_FLASH_SIZE,
    .erase_size = 0x800,
    .program_size = 8,
    .erase_ms = 22,
    .erase_ms_max = 25,
    .program_us = 82,
};

/* Mutable state of this room: there is one board in a process. */
static struct {
    uint8_t *bytes; /* mapped at the first use */
} native_flash;

static _Noreturn void native_flash_end(const char *what)
{
    fprintf(stderr, "plugnet: flash: %s: %s\n", what, strerror(errno));
    exit(2);
}

static int native_flash_open(void)
{
    const char *kept = getenv(FLASH_ENV), *path = native_flash_path();
    char number[16];

    if (kept != NULL)
        return atoi(kept);
    int fd = path != NULL ? open(path, O_RDWR | O_CREAT, 0666) : memfd_create("plugnet-flash", 0);
    if (fd < 0)
        native_flash_end(path != NULL ? path : "memory");
    snprintf(number, sizeof number, "%d", fd);
    setenv(FLASH_ENV, number, 1);
    return fd;
}

static void native_flash_map(void)
{
    struct stat found;

    if (native_flash.bytes != NULL)
        return;
    int fd = native_flash_open();
    if (fstat(fd, &found) != 0)
        native_flash_end("no size");
    bool fresh = found.st_size == 0;
    if (!fresh && found.st_size != NATIVE_FLASH_SIZE) {
        errno = EFBIG;
        native_flash_end("the file has another size");
    }
    if (fresh && ftruncate(fd, NATIVE_FLASH_SIZE) != 0)
        native_flash_end("no room");
    void *at = mmap(NULL, NATIVE_FLASH_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        native_flash_end("map");
    native_flash.bytes = at;
    if (fresh)
        memset(native_flash.bytes, 0xFF, NATIVE_FLASH_SIZE);
}

static bool native_flash_fits(uint32_t at, uint32_t length, uint32_t unit)
{
    return at <= NATIVE_FLASH_SIZE && length <= NATIVE_FLASH_SIZE - at && at % unit == 0 &&
           length % unit == 0;
}

const struct board_flash *board_flash(enum board_flash_area area)
{
    return area == BOARD_FLASH_SETTINGS ? &settings : NULL;
}

bool board_flash_read(const struct board_flash *flash, uint32_t at, void *to, uint32_t length)
{
    (void)flash;
    native_flash_map();
    bool fits = native_flash_fits(at, length, 1);
    if (fits)
        memcpy(to, native_flash.bytes + at, length);
    return fits;
}

bool board_flash_erase(const struct board_flash *flash, uint32_t at)
{
    native_flash_map();
    bool fits = native_flash_fits(at, flash->erase_size, flash->erase_size);
    if (fits)
        memset(native_flash.bytes + at, 0xFF, flash->erase_size);
    return fits;
}

bool board_flash_erase_begin(const struct board_flash *flash, uint32_t at)
{
    return board_flash_erase(flash, at);
}

bool board_flash_busy(void)
{
    return false;
}

bool board_flash_program(const struct board_flash *flash, uint32_t at, const void *from, uint32_t length)
{
    native_flash_map();
    bool good = native_flash_fits(at, length, flash->program_size);
    for (uint32_t i = 0; good && i < length; i++)
        good = native_flash.bytes[at + i] == 0xFF;
    if (good)
        memcpy(native_flash.bytes + at, from, length);
    return good;
}
