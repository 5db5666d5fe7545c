# SPDX-License-Identifier: MIT
CROSS     := arm-none-eabi-
CPUFLAGS  := -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16
BOARD_SRC := $(wildcard board/stm32f4discovery/*.c board/cortex_m4/*.c port/dwc2/*.c)
BOARD_ASM := board/cortex_m4/chksum.S
# Link-time optimisation: 3 kB less flash, a tenth fewer instructions. Not for start-up code and libc functions,
# which the compiler calls behind its own back.
BOARD_FLAGS := -flto=auto -ffat-lto-objects
BOARD_PLAIN := board/cortex_m4/startup board/cortex_m4/memory
BOARD_INC := -Iboard/stm32f4discovery -DBOARD_IRQ_COUNT=82
LINKER    := board/stm32f4discovery/stm32f407vg.ld
FLASH_CFG := interface/stlink.cfg -f target/stm32f4x.cfg
