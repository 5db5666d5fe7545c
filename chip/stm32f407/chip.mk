# STM32F407VG. SPDX-License-Identifier: MIT
CHIP_IRQ_COUNT := 82
CHIP_FAMILY    := stm32f4
FLASH_CFG      := interface/stlink.cfg -f target/stm32f4x.cfg
JLINK_DEVICE   := STM32F407VG
include chip/stm32/stm32.mk
