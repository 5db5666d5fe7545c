# The Linux guest (test/vm/run.py): images of the demo that differ in one setting or their version, and a shell.
#
#   make vm            a Linux with the board plugged in; IMAGE=BOARD-OS for another image
#   make vm-images     build/test/vm/NAME/plugnet.elf
#
# SPDX-License-Identifier: MIT
IMAGE ?= stm32f4discovery-none

.PHONY: vm vm-images fault-images
vm: firmware vboard
	test/vm/prepare.py
	test/vm/run.py --image $(IMAGE) --shell

vm-images:
	+$(Q)$(MAKE) --no-print-directory OUT=$(BUILD)/test/vm/lease30 CFLAGS_APP=-DDEMO_LEASE_S=30 firmware
	+$(Q)$(MAKE) --no-print-directory OUT=$(BUILD)/test/vm/no_dns CFLAGS_APP=-DDEMO_NO_DNS=true firmware
	+$(Q)$(MAKE) --no-print-directory OUT=$(BUILD)/test/vm/next VERSION=9.9.9 firmware

# A firmware with a bug (test/fault).
fault-images:
	+$(Q)$(MAKE) --no-print-directory OUT=$(BUILD)/test/fault/none APP=test/fault NAME=fault OS=none firmware
ifneq ($(FREERTOS_KERNEL_PATH),)
	+$(Q)$(MAKE) --no-print-directory OUT=$(BUILD)/test/fault/freertos APP=test/fault NAME=fault OS=freertos firmware
	+$(Q)$(MAKE) --no-print-directory OUT=$(BUILD)/test/fault/freertos-stack APP=test/fault NAME=fault OS=freertos CFLAGS_APP=-DFAULT_STACK firmware
endif
