# Tests of the processor. Included by vboard/cpu.mk.
# SPDX-License-Identifier: MIT

CPU_TEST := $(BUILD)/test/cpu
CPU_TEST_FLAGS := -Wno-missing-prototypes

$(CPU_TEST)/%.o: test/cpu/%.c
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) -c -o $@ $<

# libunicorn has functions named as ours (cpu_reset): one object with ours made local.
$(CPU_TEST)/differential_all.o: $(CPU_TEST)/differential.o $(CPU_TEST)/generate.o $(CPU_OBJECTS)
	$(LD) -r -o $@ $^
	objcopy --keep-global-symbol=main $@

$(BUILD)/test/cpu_differential: $(CPU_TEST)/differential_all.o
	$(CC) -o $@ $^ -lunicorn

# Tests written by hand: one image, assembled from test/cpu/*.S.
CPU_ASM := $(wildcard test/cpu/*.S)

$(CPU_TEST)/tests.bin: $(CPU_ASM) test/cpu/common.inc test/cpu/image.ld
	@mkdir -p $(@D)
	arm-none-eabi-gcc -nostdlib -mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard -I. \
	    -T test/cpu/image.ld -o $(CPU_TEST)/tests.elf $(CPU_ASM)
	arm-none-eabi-objcopy -O binary $(CPU_TEST)/tests.elf $@

$(CPU_TEST)/test_cpu.o: PCFLAGS += -DCPU_IMAGE='"$(CPU_TEST)/tests.bin"'

$(BUILD)/test/test_cpu: $(CPU_TEST)/test_cpu.o $(CPU_OBJECTS) | $(CPU_TEST)/tests.bin
	$(CC) -o $@ $^

SUITES += $(BUILD)/test/test_cpu $(BUILD)/test/cpu_differential

# Random code, with sanitizers.
CPU_SANITIZED := $(CPU_SOURCES:%=$(CPU_TEST)/sanitized/%.o)

$(CPU_SANITIZED): $(CPU_TEST)/sanitized/%.o: vboard/%.c
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) $(SANITIZE) -c -o $@ $<

$(CPU_TEST)/random_code.o: PCFLAGS += $(SANITIZE)

$(BUILD)/test/cpu_random_code: $(CPU_TEST)/random_code.o $(CPU_SANITIZED)
	$(CC) $(SANITIZE) -o $@ $^

SUITES += $(BUILD)/test/cpu_random_code

# The debugger's server, by gdb-multiarch.
$(CPU_TEST)/debuggee.elf: test/cpu/debuggee.c test/cpu/debuggee.ld
	@mkdir -p $(@D)
	arm-none-eabi-gcc -std=gnu11 -g -O0 -nostdlib -ffreestanding -mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 \
	    -mfloat-abi=hard -T test/cpu/debuggee.ld -o $@ $<

$(CPU_TEST)/debuggee.bin: $(CPU_TEST)/debuggee.elf
	arm-none-eabi-objcopy -O binary $< $@

$(CPU_TEST)/gdb_runner: $(CPU_TEST)/gdb_runner.o $(CPU_OBJECTS)
	$(CC) -o $@ $^

$(BUILD)/test/test_gdb: test/cpu/test_gdb.py $(CPU_TEST)/gdb_runner $(CPU_TEST)/debuggee.bin
	printf '#!/bin/sh\nexec python3 test/cpu/test_gdb.py %s %s %s\n' $(CPU_TEST)/gdb_runner \
	    $(CPU_TEST)/debuggee.bin $(CPU_TEST)/debuggee.elf > $@
	chmod +x $@

SUITES += $(BUILD)/test/test_gdb

-include $(wildcard $(CPU_TEST)/*.d $(CPU_TEST)/sanitized/*.d)
