/*
 * Between the two files of this board: where its flash is kept.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_BOARD_NATIVE_FLASH_H
#define PLUGNET_BOARD_NATIVE_FLASH_H

#define NATIVE_FLASH_SIZE 0x2000 /* bytes: settings, two halves of two pages */

/* What --flash names; NULL: nothing, it is memory. */
const char *native_flash_path(void);

#endif
