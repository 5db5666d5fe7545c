# STM32L476VG. SPDX-License-Identifier: MIT
CHIP_IRQ_COUNT := 82
FLASH_CFG      := interface/stlink.cfg -f target/stm32l4x.cfg
JLINK_DEVICE   := STM32L476VG
include chip/stm32/stm32.mk
