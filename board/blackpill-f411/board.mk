# SPDX-License-Identifier: MIT
BOARD_ID := 1209:0004 # shown as long as a product has none of its own
CHIP     := stm32f411
include board/stm32/stm32_board.mk
