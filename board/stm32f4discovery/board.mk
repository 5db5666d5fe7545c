# SPDX-License-Identifier: MIT
BOARD_ID := 1209:0001 # shown as long as a product has none of its own
CHIP     := stm32f407
include board/stm32/stm32_board.mk
