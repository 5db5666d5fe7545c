# The processor as a static library, and its tests. Included by vboard/vboard.mk.
# SPDX-License-Identifier: MIT

CPU_SOURCES := cpu cpu_decode cpu_alu cpu_dsp cpu_memory cpu_branch cpu_vfp cpu_float cpu_bus cpu_exception \
               cpu_system cpu_coverage gdb gdb_flash gdb_monitor
CPU_OBJECTS := $(CPU_SOURCES:%=$(BUILD)/vboard/%.o)

$(CPU_OBJECTS): $(BUILD)/vboard/%.o: vboard/%.c
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) -c -o $@ $<

-include $(CPU_OBJECTS:.o=.d)
-include test/cpu/cpu_tests.mk
