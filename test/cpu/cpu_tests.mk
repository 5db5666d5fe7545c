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

SUITES += $(BUILD)/test/cpu_differential

-include $(wildcard $(CPU_TEST)/*.d)
