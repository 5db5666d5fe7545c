# SPDX-License-Identifier: MIT
BOARD_IRQ_COUNT := 82
FLASH_CFG := interface/stlink.cfg -f target/stm32f4x.cfg
include board/stm32/stm32.mk
