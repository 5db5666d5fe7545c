# SPDX-License-Identifier: MIT
BOARD_ID := 1209:0003 # shown as long as a product has none of its own
CHIP     := stm32l476
include board/stm32/stm32_board.mk
