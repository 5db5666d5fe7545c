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

.PHONY: testkit-images
testkit-images: $(TESTKIT_OUT)/kit.elf image-minimal image-minimal-coverage image-console-32l476gdiscovery-none \
    image-vendor-none image-ownfunction-none image-pump $(BUILD)/bench/speed $(BUILD)/vboard/vboard
