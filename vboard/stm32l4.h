/*
 * What chips of the family STM32L4 share: clock tree (rcc_l4.c) and flash interface (flash_l4.c).
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_VBOARD_STM32L4_H
#define PLUGNET_VBOARD_STM32L4_H

#include "vboard/chip.h"

extern const struct chip_rcc_ops rcc_l4;
uint32_t rcc_l4_read(struct chip *chip, unsigned unit, uint32_t offset);
void rcc_l4_write(struct chip *chip, unsigned unit, struct chip_write write);
void rcc_l4_check_limits(struct chip *chip); /* clock, voltage range or wait states have changed */

extern const struct chip_flash_ops flash_l4;
uint32_t flash_l4_read(struct chip *chip, unsigned unit, uint32_t offset);
void flash_l4_write(struct chip *chip, unsigned unit, struct chip_write write);

#endif
