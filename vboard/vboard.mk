# The virtual board: build/libvboard.a for tests and the benchmark, build/vboard for people.
#
# SPDX-License-Identifier: MIT

-include vboard/cpu.mk

VBOARD_SRC := $(addprefix vboard/,board.c elf.c stm32f407.c chip_bus.c clock.c report.c rcc.c flash.c gpio.c usart.c \
                watchdog.c timer.c misc.c otg_fs.c otg_fifo.c otg_bus.c)
VBOARD_OBJ := $(VBOARD_SRC:%.c=$(BUILD)/%.o)

$(VBOARD_OBJ): $(BUILD)/vboard/%.o: vboard/%.c
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) -c $< -o $@

-include $(VBOARD_OBJ:.o=.d)
