# What boards with an STM32 share. A board.mk sets BOARD_ID and CHIP, and includes this.
# SPDX-License-Identifier: MIT
BOARD_SRC := $(wildcard $(BOARD_DIR)/*.c board/stm32/*.c)
BOARD_INC := -I$(BOARD_DIR) -Iboard/stm32
