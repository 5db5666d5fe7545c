# The virtual board: build/libvboard.a for tests and the benchmark, build/vboard/vboard for people, and its tests.
#
# SPDX-License-Identifier: MIT

-include vboard/cpu.mk

VBOARD_SRC := $(filter-out vboard/main.c vboard/control.c $(CPU_SOURCES:%=vboard/%.c),$(SRC_VBOARD))
VBOARD_OBJ := $(VBOARD_SRC:%.c=$(BUILD)/%.o)
VBOARD_LIB := $(BUILD)/libvboard.a

$(VBOARD_OBJ) $(BUILD)/vboard/main.o $(BUILD)/vboard/control.o: $(BUILD)/vboard/%.o: vboard/%.c
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) -c $< -o $@

$(VBOARD_LIB): $(VBOARD_OBJ) $(CPU_OBJECTS)
	rm -f $@
	$(AR) rcs $@ $^

.PHONY: vboard
vboard: $(BUILD)/vboard/vboard

# The program has a PC end in it (host/host.mk).
$(BUILD)/vboard/vboard: $(BUILD)/vboard/main.o $(BUILD)/vboard/control.o $(VBOARD_LIB) $(BUILD)/host/libhost.a
	$(CC) $^ -o $@ -lm

-include $(VBOARD_OBJ:.o=.d) $(BUILD)/vboard/main.d $(BUILD)/vboard/control.d

# ---- Tests: the board and its USB controller, under sanitizers; the processor has tests of its own ----
VTEST     := $(BUILD)/test/vboard
VTEST_CC  := $(CC) $(PCFLAGS) -O1 $(SANITIZE) -DIMAGES='"$(VTEST)/image"'
VTEST_OBJ := $(VBOARD_SRC:%.c=$(VTEST)/%.o)

$(VTEST)/%.o: %.c
	@mkdir -p $(@D)
	$(VTEST_CC) -c $< -o $@

OTG_TEST_OBJ := $(addprefix $(VTEST)/,test/vboard/test_otg.o vboard/otg_fs.o vboard/otg_fifo.o vboard/otg_bus.o \
    vboard/otg_sleep.o)
$(BUILD)/test/test_otg: $(OTG_TEST_OBJ)
	$(VTEST_CC) $^ -o $@

# Throw-away images for the tests: test/vboard/image/NAME.c with the common start-up code.
VIMAGE     := $(VTEST)/image
VIMAGE_SRC := test/vboard/image
VIMAGES    := $(addprefix $(VIMAGE)/,probe.elf echo.elf crash.elf script.elf semihosting.elf)

# This one runs on every chip: its stack is where each has RAM.
$(VIMAGE)/script.elf: VIMAGE_FLAGS := -Wl,--defsym=image_stack_top=0x20010000
$(VIMAGE)/script.elf: test/vboard/script.h

$(VIMAGE)/%.elf: $(VIMAGE_SRC)/%.c $(VIMAGE_SRC)/start.c $(VIMAGE_SRC)/image.h $(VIMAGE_SRC)/image.ld
	@mkdir -p $(@D)
	arm-none-eabi-gcc -std=gnu11 -mcpu=cortex-m4 -mthumb -O2 -g -Wall -Wextra -Werror -ffreestanding -nostdlib \
	    -fno-delete-null-pointer-checks \
	    -T $(VIMAGE_SRC)/image.ld $(VIMAGE_FLAGS) $(VIMAGE_SRC)/start.c $< -lgcc -o $@

$(BUILD)/test/test_board: $(VTEST)/test/vboard/test_board.o $(VTEST_OBJ) $(CPU_OBJECTS) | $(VIMAGES)
	$(VTEST_CC) $^ -o $@ -lm

$(BUILD)/test/test_chips: $(VTEST)/test/vboard/test_chips.o $(VTEST_OBJ) $(CPU_OBJECTS) | $(VIMAGES)
	$(VTEST_CC) $^ -o $@ -lm

$(BUILD)/test/test_rom: $(VTEST)/test/vboard/test_rom.o $(VTEST_OBJ) $(CPU_OBJECTS) | $(VIMAGES)
	$(VTEST_CC) $^ -o $@ -lm

$(BUILD)/test/test_cable: $(VTEST)/test/vboard/test_cable.o $(VTEST_OBJ) $(CPU_OBJECTS) | $(VIMAGES)
	$(VTEST_CC) $^ -o $@ -lm

# Images made elsewhere: FOREIGN_IMAGES=folder build/test/test_foreign
$(BUILD)/test/test_foreign: $(BUILD)/vboard/test_foreign.o $(VBOARD_LIB)
	@mkdir -p $(@D)
	$(CC) $^ -o $@ -lm

# With the boards' real images; 40,000 boots: without sanitizers.
$(BUILD)/test/test_update: $(BUILD)/vboard/test_update.o $(VBOARD_LIB) | $(patsubst %,image-%-none,$(filter-out native,$(BOARDS))) image-next $(call images_of,old-%)
	@mkdir -p $(@D)
	$(CC) $^ -o $@ -lm

$(BUILD)/vboard/test_update.o: test/vboard/test_update.c
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) -D_GNU_SOURCE -DBUILD='"$(BUILD)"' -c $< -o $@

# The swap of two images, and power cuts in it; the latter leaves most out but for CUTS=all (make cuts).
$(BUILD)/test/test_swap: $(BUILD)/vboard/test_swap.o $(VBOARD_LIB) | $(patsubst %,image-%-none,$(filter-out native,$(BOARDS))) $(call images_of,guard-%)
	@mkdir -p $(@D)
	$(CC) $^ -o $@ -lm

$(BUILD)/test/test_swap_cuts: $(BUILD)/vboard/test_swap_cuts.o $(VBOARD_LIB) | $(patsubst %,image-%-none,$(filter-out native,$(BOARDS)))
	@mkdir -p $(@D)
	$(CC) $^ -o $@ -lm

$(BUILD)/vboard/test_swap.o $(BUILD)/vboard/test_swap_cuts.o: $(BUILD)/vboard/%.o: test/vboard/%.c
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) -D_GNU_SOURCE -DBUILD='"$(BUILD)"' -c $< -o $@

.PHONY: cuts
cuts: $(BUILD)/test/test_swap_cuts
	CUTS=all $<

# With firmware whose transfers are at the controller's limits (test/transfers).
$(BUILD)/test/test_transfers: $(BUILD)/vboard/test_transfers.o $(VBOARD_LIB) | image-transfers
	@mkdir -p $(@D)
	$(CC) $(filter %.o %.a,$^) -o $@ -lm

$(BUILD)/vboard/test_transfers.o: test/vboard/test_transfers.c
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) -D_GNU_SOURCE -DBUILD='"$(BUILD)"' -c $< -o $@

# With each combination of functions (test/endpoints).
$(BUILD)/test/test_storm: $(BUILD)/vboard/test_storm.o $(VBOARD_LIB) | images-endpoints
	@mkdir -p $(@D)
	$(CC) $^ -o $@ -lm

$(BUILD)/vboard/test_storm.o: test/vboard/test_storm.c
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) -D_GNU_SOURCE -DBUILD='"$(BUILD)"' -c $< -o $@

# Coverage, with real images: long, without sanitizers.
$(BUILD)/test/test_coverage: $(BUILD)/vboard/test_coverage.o $(VBOARD_LIB) | $(BUILD)/test/testkit/kit.elf
	@mkdir -p $(@D)
	$(CC) $(filter %.o %.a,$^) -o $@ -lm

$(BUILD)/vboard/test_coverage.o: test/vboard/test_coverage.c
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) -D_GNU_SOURCE -DBUILD='"$(BUILD)"' -c $< -o $@

# With firmware that writes settings (test/store).
$(BUILD)/test/test_store_board: $(BUILD)/vboard/test_store.o $(VBOARD_LIB) | $(call images_of,store-%)
	@mkdir -p $(@D)
	$(CC) $^ -o $@ -lm

$(BUILD)/vboard/test_store.o: test/vboard/test_store.c
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) -D_GNU_SOURCE -DBUILD='"$(BUILD)"' -c $< -o $@

$(BUILD)/vboard/test_foreign.o: test/vboard/test_foreign.c
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) -c $< -o $@

$(BUILD)/test/test_program: test/vboard/test_program.py $(BUILD)/vboard/vboard | $(VIMAGES)
	@mkdir -p $(@D)
	printf '#!/bin/sh\nexec python3 $< $(BUILD)\n' > $@
	chmod +x $@

SUITES += $(addprefix $(BUILD)/test/,test_otg test_board test_chips test_rom test_cable test_update test_swap test_swap_cuts test_store_board test_coverage test_transfers test_storm test_foreign test_program)

-include $(VTEST_OBJ:.o=.d) $(addprefix $(VTEST)/test/vboard/,test_otg.d test_board.d test_chips.d test_rom.d test_cable.d) \
         $(BUILD)/vboard/test_foreign.d $(BUILD)/vboard/test_update.d $(BUILD)/vboard/test_swap.d $(BUILD)/vboard/test_swap_cuts.d $(BUILD)/vboard/test_store.d $(BUILD)/vboard/test_coverage.d $(BUILD)/vboard/test_transfers.d $(BUILD)/vboard/test_storm.d
