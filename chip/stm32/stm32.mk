# What STM32 chips share. A chip.mk sets CHIP_IRQ_COUNT, CHIP_FAMILY (a folder of chip/ that several share; may be empty),
# FLASH_CFG (OpenOCD's) and JLINK_DEVICE (J-Link's name for it), and includes this.
# SPDX-License-Identifier: MIT
CROSS     := arm-none-eabi-
CPUFLAGS  := -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16
CHIP_SRC  := $(wildcard $(CHIP_DIR)/*.c $(CHIP_FAMILY:%=chip/%/*.c) chip/stm32/*.c chip/cortex_m4/*.c)
CHIP_ASM  := chip/cortex_m4/chksum.S
CHIP_INC  := -I$(CHIP_DIR) $(CHIP_FAMILY:%=-Ichip/%) -DCHIP_IRQ_COUNT=$(CHIP_IRQ_COUNT)
CHIP_UDC  := dwc2
LINKER    := $(wildcard $(CHIP_DIR)/*.ld)
# Link-time optimisation: 3 kB less flash, a tenth fewer instructions. Not for start-up code and libc functions,
# which the compiler calls behind its own back. LTO=no: without, for coverage by lines (docs/testkit.md).
LTO_FLAGS   := -flto=auto -ffat-lto-objects
BOARD_FLAGS := $(LTO_FLAGS)
BOARD_PLAIN := chip/cortex_m4/startup chip/cortex_m4/guard chip/cortex_m4/guard_swap chip/cortex_m4/memory
