# What boards with an STM32 share. A board.mk sets BOARD_ID, BOARD_IRQ_COUNT and FLASH_CFG, and includes this.
# SPDX-License-Identifier: MIT
CROSS     := arm-none-eabi-
CPUFLAGS  := -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16
BOARD_SRC := $(wildcard board/$(BOARD)/*.c board/stm32/*.c board/cortex_m4/*.c port/dwc2/*.c)
BOARD_ASM := board/cortex_m4/chksum.S
# Link-time optimisation: 3 kB less flash, a tenth fewer instructions. Not for start-up code and libc functions,
# which the compiler calls behind its own back.
BOARD_FLAGS := -flto=auto -ffat-lto-objects
BOARD_PLAIN := board/cortex_m4/startup board/cortex_m4/guard board/cortex_m4/memory
BOARD_INC := -Iboard/$(BOARD) -DBOARD_IRQ_COUNT=$(BOARD_IRQ_COUNT) -DBOARD_ID=0x$(subst :,,$(firstword $(BOARD_ID)))u
LINKER    := $(wildcard board/$(BOARD)/*.ld)
