# SPDX-License-Identifier: MIT
BOARD_ID := 1209:0004 # shown as long as a product has none of its own
BOARD_IRQ_COUNT := 86
FLASH_CFG := interface/stlink.cfg -f target/stm32f4x.cfg
include board/stm32/stm32.mk
