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
	+$(Q)$(MAKE) --no-print-directory OUT=$(BUILD)/test/vm/lease30 DEMO=-DDEMO_LEASE_S=30 firmware
	+$(Q)$(MAKE) --no-print-directory OUT=$(BUILD)/test/vm/no_dns DEMO=-DDEMO_NO_DNS=true firmware
	+$(Q)$(MAKE) --no-print-directory OUT=$(BUILD)/test/vm/next VERSION=9.9.9 firmware

# Firmware with a bug (test/fault), and with routes that break their contract (test/badhandler).
BAD_IMAGE = $(Q)$(MAKE) --no-print-directory OUT=$(BUILD)/test/badhandler/$(1) APP=test/badhandler NAME=bad $(2) firmware

fault-images:
	+$(call BAD_IMAGE,none,OS=none)
	+$(call BAD_IMAGE,native,BOARD=native OS=none)
	+$(call BAD_IMAGE,posix,BOARD=native OS=posix)
	+$(Q)$(MAKE) --no-print-directory OUT=$(BUILD)/test/fault/none APP=test/fault NAME=fault OS=none firmware
ifneq ($(FREERTOS_KERNEL_PATH),)
	+$(call BAD_IMAGE,freertos,OS=freertos)
	+$(Q)$(MAKE) --no-print-directory OUT=$(BUILD)/test/fault/freertos APP=test/fault NAME=fault OS=freertos firmware
	+$(Q)$(MAKE) --no-print-directory OUT=$(BUILD)/test/fault/freertos-stack APP=test/fault NAME=fault OS=freertos DEMO=-DFAULT_STACK firmware
endif
