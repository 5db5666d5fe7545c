# The Linux guest (test/vm/run.py): images of the demo that differ in one setting or their version, and a shell.
#
#   make vm            a Linux with the board plugged in: BOARD, OS, APP and NAME say what runs on it, as they do for `make`;
#                      FLASH=file keeps its flash (one board only)
#   make vm-images     build/test/vm/NAME/plugnet.elf
#
# SPDX-License-Identifier: MIT

.PHONY: vm vm-images fault-images console-images
vm: firmware vboard
	test/vm/prepare.py
	test/vm/run.py --image $(BOARD)-$(OS) $(if $(filter app,$(APP)),,--elf $(OUT)/$(NAME).elf) $(if $(FLASH),--flash $(FLASH)) --shell

vm-images:
	+$(Q)$(MAKE) --no-print-directory OUT=$(BUILD)/test/vm/lease30 CFLAGS_APP=-DDEMO_LEASE_S=30 firmware
	+$(Q)$(MAKE) --no-print-directory OUT=$(BUILD)/test/vm/no_dns CFLAGS_APP=-DDEMO_NO_DNS=true firmware
	+$(Q)$(MAKE) --no-print-directory OUT=$(BUILD)/test/vm/next VERSION=9.9.9 firmware

# Firmware with routes that break their contract (test/badhandler).
BAD_IMAGE = $(Q)$(MAKE) --no-print-directory $(IN_TREE) OUT=$(BUILD)/test/badhandler/$(1) APP=test/badhandler NAME=bad $(2) firmware

# Streams of events (test/events).
EVENTS_IMAGE = $(Q)$(MAKE) --no-print-directory $(IN_TREE) OUT=$(BUILD)/test/events/$(1) APP=test/events NAME=events $(2) firmware

# WebSockets (test/websocket).
WEBSOCKET_IMAGE = $(Q)$(MAKE) --no-print-directory $(IN_TREE) OUT=$(BUILD)/test/websocket/$(1) APP=test/websocket NAME=websocket $(2) firmware

# The product example (test/meter).
METER_IMAGE = $(Q)$(MAKE) --no-print-directory $(IN_TREE) OUT=$(BUILD)/test/meter/$(1) APP=examples/meter NAME=meter $(2) firmware

# The demo in the first layout of flash (test/vboard/test_update.c).
OLD_IMAGE = $(Q)$(MAKE) --no-print-directory $(IN_TREE) OUT=$(BUILD)/test/old/$(1) BOARD=$(1) OS=none \
    LINKER=test/vboard/image/old_$(2).ld firmware

# Firmware that writes settings (test/store).
STORE_IMAGE = $(Q)$(MAKE) --no-print-directory $(IN_TREE) OUT=$(BUILD)/test/store/$(1) BOARD=$(1) OS=none APP=test/store NAME=store \
    firmware

# The console (examples/console): BOARD-OS.
CONSOLE_IMAGE = $(Q)$(MAKE) --no-print-directory $(IN_TREE) OUT=$(BUILD)/test/console/$(1)-$(2) APP=examples/console NAME=console BOARD=$(1) OS=$(2) firmware

console-images:
	+$(call CONSOLE_IMAGE,32l476gdiscovery,none)
	+$(call CONSOLE_IMAGE,stm32f4discovery,none)
	+$(call CONSOLE_IMAGE,blackpill-f411,none)
	+$(call CONSOLE_IMAGE,native,none)
	$(if $(FREERTOS_KERNEL_PATH),+$(call CONSOLE_IMAGE,32l476gdiscovery,freertos))

# A vendor function (test/vendor), and each combination of functions (test/endpoints).
VENDOR_IMAGE = $(Q)$(MAKE) --no-print-directory $(IN_TREE) OUT=$(BUILD)/test/vendor/$(1) APP=test/vendor NAME=vendor $(2) firmware
ENDPOINTS_IMAGE = $(Q)$(MAKE) --no-print-directory $(IN_TREE) OUT=$(BUILD)/test/endpoints/$(1) APP=test/endpoints NAME=endpoints BOARD=$(if $(2),$(2),$(1)) OS=none $(3) firmware

# Examples of functions (test/vm/guest/usblog.py, ownfunction.py).
USBLOG_IMAGE = $(Q)$(MAKE) --no-print-directory $(IN_TREE) OUT=$(BUILD)/test/usblog/$(1) APP=examples/usblog NAME=usblog $(2) firmware
OWN_IMAGE = $(Q)$(MAKE) --no-print-directory $(IN_TREE) OUT=$(BUILD)/test/ownfunction/$(1) APP=examples/ownfunction NAME=ownfunction $(2) firmware

# Firmware with a bug (test/fault): KIND or KIND-BUG.
FAULT_STACK_none := -DFAULT_STACK=500
FAULT_STACK_freertos := -DFAULT_STACK=5
FAULT_MAKE = +$(Q)$(MAKE) --no-print-directory $(IN_TREE) APP=test/fault NAME=fault firmware

fault-images: console-images
	+$(call BAD_IMAGE,none,OS=none)
	+$(call BAD_IMAGE,native,BOARD=native OS=none)
	+$(call BAD_IMAGE,posix,BOARD=native OS=posix)
	+$(call EVENTS_IMAGE,none,OS=none)
	+$(call EVENTS_IMAGE,native,BOARD=native OS=none)
	+$(call EVENTS_IMAGE,posix,BOARD=native OS=posix TSAN=1)
	+$(call METER_IMAGE,none,OS=none)
	+$(call WEBSOCKET_IMAGE,none,OS=none)
	+$(call WEBSOCKET_IMAGE,native,BOARD=native OS=none)
	+$(call WEBSOCKET_IMAGE,posix,BOARD=native OS=posix TSAN=1)
	+$(call STORE_IMAGE,stm32f4discovery)
	+$(call STORE_IMAGE,32l476gdiscovery)
	+$(call STORE_IMAGE,blackpill-f411)
	+$(call OLD_IMAGE,stm32f4discovery,f407)
	+$(call OLD_IMAGE,32l476gdiscovery,l476)

	+$(call VENDOR_IMAGE,none,OS=none)
	+$(call VENDOR_IMAGE,first,OS=none CFLAGS_APP=-DVENDOR_FIRST)
	+$(call USBLOG_IMAGE,none,OS=none)
	+$(call OWN_IMAGE,none,OS=none)
	+$(call ENDPOINTS_IMAGE,stm32f4discovery)
	+$(call ENDPOINTS_IMAGE,blackpill-f411)
	+$(call ENDPOINTS_IMAGE,32l476gdiscovery)
	+$(call ENDPOINTS_IMAGE,control256,32l476gdiscovery,CFLAGS_APP=-DENDPOINTS_CONTROL_DEFAULT)
	$(FAULT_MAKE) OUT=$(BUILD)/test/fault/native BOARD=native OS=none
	$(FAULT_MAKE) OUT=$(BUILD)/test/fault/posix BOARD=native OS=posix
	$(FAULT_MAKE) OUT=$(BUILD)/test/fault/none OS=none
	$(FAULT_MAKE) OUT=$(BUILD)/test/fault/none-bus OS=none CFLAGS_APP=-DFAULT_BUS
	$(FAULT_MAKE) OUT=$(BUILD)/test/fault/none-jump OS=none CFLAGS_APP=-DFAULT_JUMP
	$(FAULT_MAKE) OUT=$(BUILD)/test/fault/none-stack OS=none CFLAGS_APP=$(FAULT_STACK_none)
ifneq ($(FREERTOS_KERNEL_PATH),)
	$(FAULT_MAKE) OUT=$(BUILD)/test/fault/freertos OS=freertos
	$(FAULT_MAKE) OUT=$(BUILD)/test/fault/freertos-bus OS=freertos CFLAGS_APP=-DFAULT_BUS
	$(FAULT_MAKE) OUT=$(BUILD)/test/fault/freertos-stack OS=freertos CFLAGS_APP=$(FAULT_STACK_freertos)
	+$(call BAD_IMAGE,freertos,OS=freertos)
	+$(call EVENTS_IMAGE,freertos,OS=freertos)
	+$(call VENDOR_IMAGE,freertos,OS=freertos)
	+$(call USBLOG_IMAGE,freertos,OS=freertos)
	+$(call OWN_IMAGE,freertos,OS=freertos)
	+$(call WEBSOCKET_IMAGE,freertos,OS=freertos)
	+$(call METER_IMAGE,freertos,OS=freertos)
endif
