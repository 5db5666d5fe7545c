# The benchmark: the board's image on the virtual board, the PC in user space as its partner.
#
#   make bench            print the tables, write $(BUILD)/bench.json; with BOARD=… (and OS=…) that board's, and
#                         $(BUILD)/bench-BOARD-OS.json; of bare metal and, with FREERTOS_KERNEL_PATH, of FreeRTOS beside it
#                         with FOREIGN_IMAGES=FOLDER also each FOLDER/*.elf (any NCM image for an STM32F407), a column each
#   make bench-boards     every board's in every flavour (FreeRTOS with FREERTOS_KERNEL_PATH), and a table of them
#   make bench-record     the same, and a line of bench/history.json for this commit
#   make bench-compare    what is worse by 1 % or more than the last line there, by the figures that were measured last
#   make bench-meter      what a product's HTTP carries (examples/meter), and how late its events are: $(BENCH_OUT)/meter-BOARD-OS.json
#   make speed            how fast the virtual board is on this machine, for three loads (docs/testkit.md)
#   make profile          the same, and where the instructions go: $(BUILD)/bench/profile.txt
#
# SPDX-License-Identifier: MIT

BENCH_OUT := $(BUILD)/bench
BENCH_OBJ := $(BENCH_OUT)/bench.o $(BENCH_OUT)/clients.o
BENCH_METER_OBJ := $(BENCH_OUT)/meter.o
BENCH_IMAGE := $(BUILD)/stm32f4discovery-none/plugnet.elf
BENCH_METER_IMAGE := $(BUILD)/test/meter/none/meter.elf
BENCH_OWNSTACK_IMAGE := $(BUILD)/stm32f4discovery-none-ownstack/ownstack.elf

# What was asked for. The first board's figures have their own place: README's are made of them.
BENCH_OF   := $(BOARD)-$(OS)
BENCH_FILE := $(BUILD)/bench$(if $(filter stm32f4discovery-none,$(BENCH_OF)),,-$(BENCH_OF)).json
BENCH_METER := $(BENCH_OUT)/meter-$(BENCH_OF)
BENCH_OWNSTACK := $(BUILD)/$(BENCH_OF)-ownstack
BENCH_ARGS := --board $(BOARD) --json $(BENCH_FILE) $(OUT)/plugnet.elf $(OUT) \
    --out $(BENCH_OUT)$(if $(filter stm32f4discovery-none,$(BENCH_OF)),,/$(BENCH_OF)) --meter $(BENCH_METER)/meter.elf \
    $(if $(filter none,$(OS)),--ownstack $(BENCH_OWNSTACK)/ownstack.elf)

$(BENCH_OBJ) $(BENCH_METER_OBJ) $(BENCH_OUT)/speed.o: $(BENCH_OUT)/%.o: bench/%.c $(HOST_LWIP_READY)
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) -D_GNU_SOURCE $(HOST_LWIP_FLAGS) -c $< -o $@

$(BENCH_OUT)/bench: $(BENCH_OBJ) $(VBOARD_OBJ) $(CPU_OBJECTS) $(HOST_LIB)
	$(CC) $^ -o $@ -lm

# The virtual board's own speed.
$(BENCH_OUT)/speed: $(BENCH_OUT)/speed.o $(BENCH_OUT)/clients.o $(VBOARD_OBJ) $(CPU_OBJECTS) $(HOST_LIB)
	$(CC) $^ -o $@ -lm

.PHONY: speed
speed: $(BENCH_OUT)/speed firmware
	@$(BENCH_OUT)/speed --board $(BOARD) $(OUT)/plugnet.elf

# A product's HTTP: examples/meter.
$(BENCH_OUT)/bench_meter: $(BENCH_METER_OBJ) $(VBOARD_OBJ) $(CPU_OBJECTS) $(HOST_LIB)
	$(CC) $^ -o $@ -lm

bench-meter-image:
	$(Q)$(MAKE) --no-print-directory $(IN_TREE) BOARD=$(BOARD) OS=$(OS) APP=examples/meter NAME=meter OUT=$(BENCH_METER) firmware

# A stack without lwIP: examples/ownstack, on bare metal.
bench-ownstack-image:
	$(if $(filter none,$(OS)),$(Q)$(MAKE) --no-print-directory $(IN_TREE) BOARD=$(BOARD) OS=none APP=examples/ownstack NAME=ownstack firmware)

bench-meter: $(BENCH_OUT)/bench_meter bench-meter-image
	$(BENCH_OUT)/bench_meter --board $(BOARD) $(BENCH_METER)/meter.elf | tee $(BENCH_METER).json

# FreeRTOS' figures come first, so that the table of bare metal has both.
BENCH_BESIDE := $(if $(and $(filter none,$(OS)),$(FREERTOS_KERNEL_PATH)),bench-freertos-$(BOARD))

bench: $(BENCH_BESIDE)
bench profile: firmware $(BENCH_OUT)/bench $(BENCH_OUT)/bench_meter bench-meter-image bench-ownstack-image

bench:
	python3 bench/bench.py $(BENCH_ARGS)

profile:
	python3 bench/bench.py --profile $(BENCH_ARGS)

BENCH_RECORDED := $(BUILD)/bench.json $(if $(FREERTOS_KERNEL_PATH),$(BUILD)/bench-stm32f4discovery-freertos.json)

bench-record:
	$(Q)$(MAKE) $(IN_TREE) BOARD=stm32f4discovery OS=none FOREIGN_IMAGES= bench
	python3 bench/history.py record $(BENCH_RECORDED)

bench-compare:
	python3 bench/history.py compare $(BENCH_RECORDED)

BENCH_BOARDS := $(filter-out native,$(BOARDS))

bench-boards: $(patsubst %,bench-none-%,$(filter-out $(BOARD),$(BENCH_BOARDS))) \
    $(if $(FREERTOS_KERNEL_PATH),$(patsubst %,bench-freertos-%,$(filter-out $(BENCH_BESIDE:bench-freertos-%=%),$(BENCH_BOARDS))))
	$(MAKE) bench
	$(if $(FREERTOS_KERNEL_PATH),,@echo "FreeRTOS: not measured now, set FREERTOS_KERNEL_PATH to a checkout of FreeRTOS-Kernel")

bench-none-%: | $(BENCH_OUT)/bench $(BENCH_OUT)/bench_meter
	@echo "  BENCH $*, bare metal"
	$(Q)$(MAKE) $(IN_TREE) BOARD=$* OS=none FREERTOS_KERNEL_PATH= FOREIGN_IMAGES= bench > /dev/null

bench-freertos-%: | $(BENCH_OUT)/bench $(BENCH_OUT)/bench_meter
	@echo "  BENCH $*, FreeRTOS"
	$(Q)$(MAKE) $(IN_TREE) BOARD=$* OS=freertos FOREIGN_IMAGES= bench > /dev/null

# The benchmark as a suite. It measures one board's images, whatever BOARD is set to.
$(BENCH_OUT)/check_bench: bench/check_bench.py bench/bench.py bench/history.py bench/history.json bench/peers.json tool/size.py tool/readme.py README.md examples/meter/README.md $(BENCH_OUT)/bench $(BENCH_OUT)/bench_meter | image-stm32f4discovery-none image-meter-none image-ownstack-stm32f4discovery
	printf '#!/bin/sh\nexec python3 bench/check_bench.py %s %s %s %s\n' $(BENCH_IMAGE) $(dir $(BENCH_IMAGE)) $(BENCH_METER_IMAGE) $(BENCH_OWNSTACK_IMAGE) > $@
	chmod +x $@

SUITES += $(BENCH_OUT)/check_bench

# The checksum in assembly, on the virtual core.
$(BENCH_OUT)/chksum.elf: bench/chksum_image.S chip/cortex_m4/chksum.S
	@mkdir -p $(@D)
	arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -nostdlib -Wl,-Ttext=0x08000000,-e,0 $^ -o $@

$(BENCH_OUT)/chksum.bin: $(BENCH_OUT)/chksum.elf
	arm-none-eabi-objcopy -O binary $< $@

$(BENCH_OUT)/test_chksum.o: bench/test_chksum.c $(BENCH_OUT)/chksum.bin
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) -DCHKSUM_IMAGE='"$(BENCH_OUT)/chksum.bin"' -c $< -o $@

$(BENCH_OUT)/test_chksum: $(BENCH_OUT)/test_chksum.o $(CPU_OBJECTS)
	$(CC) $^ -o $@ -lm

SUITES += $(BENCH_OUT)/test_chksum

# The WebSocket engine as the firmware compiles it, on the virtual core.
WS_COST_SRC := net/http/ws.c net/http/ws_key.c wire/utf8.c wire/sha1.c wire/base64.c chip/cortex_m4/memory.c

$(BENCH_OUT)/ws.elf: bench/ws_image.S $(WS_COST_SRC) net/http/ws.h wire/utf8.h
	@mkdir -p $(@D)
	arm-none-eabi-gcc -std=gnu11 -mcpu=cortex-m4 -mthumb $(OPT) -I. -nostdlib \
	    -Wl,-Ttext=0x08000000,-e,0 $(filter %.S %.c,$^) -o $@

$(BENCH_OUT)/ws.bin: $(BENCH_OUT)/ws.elf
	arm-none-eabi-objcopy -O binary $< $@

$(BENCH_OUT)/test_ws_cost.o: bench/test_ws_cost.c $(BENCH_OUT)/ws.bin
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) -DWS_IMAGE='"$(BENCH_OUT)/ws.bin"' -c $< -o $@

$(BENCH_OUT)/test_ws_cost: $(BENCH_OUT)/test_ws_cost.o $(CPU_OBJECTS)
	$(CC) $^ -o $@ -lm

SUITES += $(BENCH_OUT)/test_ws_cost

.PHONY: bench bench-record bench-compare bench-meter bench-meter-image bench-ownstack-image profile bench-boards
-include $(BENCH_OBJ:.o=.d) $(BENCH_OUT)/speed.d $(BENCH_METER_OBJ:.o=.d) $(BENCH_OUT)/test_chksum.d $(BENCH_OUT)/test_ws_cost.d
