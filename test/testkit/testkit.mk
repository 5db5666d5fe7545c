# Images for the test kit's suite (test/testkit/test_testkit.py), and the suite's other programs.
#
#   make testkit-images      all it needs
#
# SPDX-License-Identifier: MIT

TESTKIT_OUT := $(BUILD)/test/testkit

$(TESTKIT_OUT)/kit.elf: test/testkit/kit.c test/vboard/image/start.c test/vboard/image/image.h test/vboard/image/image.ld
	@mkdir -p $(@D)
	arm-none-eabi-gcc -std=gnu11 -mcpu=cortex-m4 -mthumb -Og -g -Wall -Wextra -Werror -ffreestanding -nostdlib \
	    -fno-delete-null-pointer-checks -I. -T test/vboard/image/image.ld test/vboard/image/start.c $< -lgcc -o $@

# docs/testkit.md starts these where make puts them.
testkit-minimal:
	$(Q)$(MAKE) --no-print-directory $(IN_TREE) BOARD=stm32f4discovery OS=none APP=examples/minimal NAME=minimal firmware

testkit-coverage:
	$(Q)$(MAKE) --no-print-directory $(IN_TREE) BOARD=stm32f4discovery OS=none APP=examples/minimal NAME=minimal LTO=no \
	    OUT=$(BUILD)/coverage/stm32f4discovery-none-minimal firmware

# Both make the site's and lwIP's sources ready: one after the other.
testkit-coverage: | testkit-minimal

.PHONY: testkit-images testkit-minimal testkit-coverage
testkit-images: $(TESTKIT_OUT)/kit.elf testkit-minimal testkit-coverage $(BUILD)/bench/speed $(BUILD)/vboard/vboard
