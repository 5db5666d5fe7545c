# STM32F411CE. SPDX-License-Identifier: MIT
CHIP_IRQ_COUNT := 86
CHIP_FAMILY    := stm32f4
FLASH_CFG      := interface/stlink.cfg -f target/stm32f4x.cfg
JLINK_DEVICE   := STM32F411CE
include chip/stm32/stm32.mk
