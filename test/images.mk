# Images that tests run, each a target of its own, so that a suite names what it needs (needs= in test/suites.txt, or "|" in a rule):
#
#   make image-NAME       one of them;   make images: all
#
# SPDX-License-Identifier: MIT

IMAGES :=

# $(call image,NAME,variables for make): built by a make of its own, into the folder of its board and flavour unless OUT says another.
image = $(eval IMAGES += image-$(1))$(eval image_$(1) := $(2))
# $(call test_image,NAME,FOLDER below build/test,APP,variables): a product's, with the name of its folder's last part.
test_image = $(call image,$(1),OUT=$(BUILD)/test/$(2) APP=$(3) NAME=$(or $(5),$(notdir $(3))) $(4))

# The demo: BOARD-OS.
$(foreach board,$(filter-out native,$(BOARDS)),$(call image,$(board)-none,BOARD=$(board) OS=none))
$(call image,native-none,BOARD=native OS=none)
$(call image,native-posix,BOARD=native OS=posix)
$(call image,native-posix-tsan,BOARD=native OS=posix TSAN=1)
$(foreach board,$(filter-out native,$(BOARDS)),$(call image,$(board)-freertos,BOARD=$(board) OS=freertos))

# The demo with one setting changed, or of another version (test/vboard/test_update.c).
$(call image,lease30,OUT=$(BUILD)/test/vm/lease30 CFLAGS_APP=-DDEMO_LEASE_S=30 BOARD=stm32f4discovery OS=none)
$(call image,no_dns,OUT=$(BUILD)/test/vm/no_dns CFLAGS_APP=-DDEMO_NO_DNS=true BOARD=stm32f4discovery OS=none)
$(call image,next,OUT=$(BUILD)/test/vm/next VERSION=9.9.9 BOARD=stm32f4discovery OS=none)

# On the newer lwIP, where set-up could fetch it (tool/fetch_lwip.sh). What is made for the PC stays on its own (HOST_OUT).
LWIP_NEWER := $(wildcard $(BUILD)/lwip-newer/src/core/init.c)
$(if $(LWIP_NEWER),$(call image,lwip-newer,OUT=$(BUILD)/test/lwip-newer HOST_OUT=$(BUILD)/test/lwip-newer/host LWIP_PATH=$(BUILD)/lwip-newer BOARD=stm32f4discovery OS=none))

# The same under the boot guard of earlier days (old_guard.c), in the first layout (old-) and in today's (guard-): for the steps
# that lead from there.
OLD := $(BUILD)/test/old
old = $(call image,$(1),OUT=$(OLD)/$(2) BOARD=$(2:guard/%=%) OS=none LINKER=test/vboard/image/$(3).ld BOARD_LIBS=$(OLD)/$(4).o)
$(call old,old-f407,stm32f4discovery,old_f407,f407)
$(call old,old-l476,32l476gdiscovery,old_l476,l476)
$(call old,guard-f407,guard/stm32f4discovery,guard_f407,f407)
$(call old,guard-l476,guard/32l476gdiscovery,guard_l476,l476)
image-old-f407 image-guard-f407: $(OLD)/f407.o
image-old-l476 image-guard-l476: $(OLD)/l476.o
$(OLD)/f407.o: OLD_FLAGS := -DBOARD_ID=0x12090001u
$(OLD)/l476.o: OLD_FLAGS := -DBOARD_ID=0x12090003u -DOLD_L476
$(OLD)/%.o: test/vboard/image/old_guard.c chip/cortex_m4/guard.h
	@mkdir -p $(@D)
	arm-none-eabi-gcc -std=gnu11 -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -Os -Wall -Wextra -Werror -I. \
	    -DCHIP_IRQ_COUNT=82 $(OLD_FLAGS) -c $< -o $@

# Products of tests and examples.
$(call image,config,BOARD=native OS=none APP=test/config NAME=config)
$(call image,holder,BOARD=native OS=posix APP=test/holder NAME=holder)
$(call image,holder-tsan,BOARD=native OS=posix APP=test/holder NAME=holder TSAN=1)
$(call image,transfers,OUT=$(BUILD)/test/transfers BOARD=stm32f4discovery OS=none APP=test/transfers NAME=transfers)
$(call image,minimal,BOARD=stm32f4discovery OS=none APP=examples/minimal NAME=minimal)
$(call image,minimal-coverage,OUT=$(BUILD)/coverage/stm32f4discovery-none-minimal BOARD=stm32f4discovery OS=none APP=examples/minimal NAME=minimal LTO=no)
$(call image,stream,BOARD=stm32f4discovery OS=none APP=test/stream NAME=stream)
$(foreach board,$(BOARDS),$(call image,ownstack-$(board),BOARD=$(board) OS=none APP=examples/ownstack NAME=ownstack))

# Routes that break their contract, events, WebSockets: on the chip, as a process, with threads under ThreadSanitizer.
$(foreach name,badhandler events websocket, \
    $(call test_image,$(name)-none,$(name)/none,test/$(name),BOARD=stm32f4discovery OS=none,$(name:badhandler=bad)) \
    $(call test_image,$(name)-native,$(name)/native,test/$(name),BOARD=native OS=none,$(name:badhandler=bad)) \
    $(call test_image,$(name)-posix,$(name)/posix,test/$(name),BOARD=native OS=posix $(if $(filter-out badhandler,$(name)),TSAN=1),$(name:badhandler=bad)) \
    $(if $(FREERTOS_KERNEL_PATH),$(call test_image,$(name)-freertos,$(name)/freertos,test/$(name),BOARD=stm32f4discovery OS=freertos,$(name:badhandler=bad))))

# A product that wakes the PC: on every board, and with threads on the first.
$(foreach board,$(filter-out native,$(BOARDS)),$(call test_image,wake-$(board)-none,wake/$(board)-none,test/wake,BOARD=$(board) OS=none))
$(if $(FREERTOS_KERNEL_PATH),$(call test_image,wake-stm32f4discovery-freertos,wake/stm32f4discovery-freertos,test/wake,BOARD=stm32f4discovery OS=freertos))

$(foreach app,examples/meter test/vendor examples/usblog examples/ownfunction, \
    $(call test_image,$(notdir $(app))-none,$(notdir $(app))/none,$(app),BOARD=stm32f4discovery OS=none) \
    $(if $(FREERTOS_KERNEL_PATH),$(call test_image,$(notdir $(app))-freertos,$(notdir $(app))/freertos,$(app),BOARD=stm32f4discovery OS=freertos)))
$(call test_image,netboot,netboot,examples/netboot,BOARD=stm32f4discovery OS=none)
$(call test_image,vendor-first,vendor/first,test/vendor,BOARD=stm32f4discovery OS=none CFLAGS_APP=-DVENDOR_FIRST)

$(foreach board,$(filter-out native,$(BOARDS)), \
    $(call test_image,store-$(board),store/$(board),test/store,BOARD=$(board) OS=none) \
    $(call test_image,endpoints-$(board),endpoints/$(board),test/endpoints,BOARD=$(board) OS=none))
$(call test_image,endpoints-control256,endpoints/control256,test/endpoints,BOARD=32l476gdiscovery OS=none CFLAGS_APP=-DENDPOINTS_CONTROL_DEFAULT)

$(foreach board,$(BOARDS),$(call test_image,console-$(board)-none,console/$(board)-none,examples/console,BOARD=$(board) OS=none))
$(if $(FREERTOS_KERNEL_PATH),$(call test_image,console-32l476gdiscovery-freertos,console/32l476gdiscovery-freertos,examples/console,BOARD=32l476gdiscovery OS=freertos))

# Firmware that stops in every way, and says after the next start how (test/report): BOARD-OS.
$(foreach board,$(filter-out native,$(BOARDS)),$(foreach os,none $(if $(FREERTOS_KERNEL_PATH),freertos), \
    $(call test_image,report-$(board)-$(os),report/$(board)-$(os),test/report,BOARD=$(board) OS=$(os))))

# Firmware with a bug: FLAVOUR, or FLAVOUR-BUG.
fault = $(call test_image,fault-$(1),fault/$(1),test/fault,$(2))
$(call fault,native,BOARD=native OS=none)
$(call fault,posix,BOARD=native OS=posix)
$(call fault,none,BOARD=stm32f4discovery OS=none)
$(call fault,none-bus,BOARD=stm32f4discovery OS=none CFLAGS_APP=-DFAULT_BUS)
$(call fault,none-jump,BOARD=stm32f4discovery OS=none CFLAGS_APP=-DFAULT_JUMP)
$(call fault,none-stack,BOARD=stm32f4discovery OS=none CFLAGS_APP=-DFAULT_STACK=500)
$(if $(FREERTOS_KERNEL_PATH),$(call fault,freertos,BOARD=stm32f4discovery OS=freertos))
$(if $(FREERTOS_KERNEL_PATH),$(call fault,freertos-bus,BOARD=stm32f4discovery OS=freertos CFLAGS_APP=-DFAULT_BUS))
$(if $(FREERTOS_KERNEL_PATH),$(call fault,freertos-stack,BOARD=stm32f4discovery OS=freertos CFLAGS_APP=-DFAULT_STACK=5))

# The product that tool/new-product makes (docs/testkit.md).
PUMP := $(BUILD)/test/testkit/pump
$(PUMP)/product.mk: tool/new-product $(wildcard template/* template/*/*)
	$(Q)rm -rf $(@D) && tool/new-product pump --into $(@D) > /dev/null
$(call test_image,pump,pump,$(PUMP),BOARD=stm32f4discovery OS=none)
image-pump: $(PUMP)/product.mk

# Updates by HTTP.
include test/update/update.mk

$(IMAGES): image-%:
	+$(Q)$(MAKE) --no-print-directory $(IN_TREE) $(image_$*) firmware

# $(call images_of,PATTERN …): those that exist here, of these names.
images_of = $(filter $(addprefix image-,$(1)),$(IMAGES))

# All that begin so; those with FreeRTOS where there is a kernel.
IMAGE_GROUPS := $(addprefix images-,badhandler config console endpoints events fault meter ownfunction report signed usblog vendor websocket)
$(foreach group,$(IMAGE_GROUPS:images-%=%),$(eval images-$(group): $(call images_of,$(group) $(group)-%)))
images-freertos: $(if $(FREERTOS_KERNEL_PATH),freertos)

.PHONY: images native boards freertos images-freertos $(IMAGE_GROUPS) $(IMAGES)
images: $(if $(FREERTOS_KERNEL_PATH),$(IMAGES),$(filter-out %-freertos,$(IMAGES)))
native: $(call images_of,native-% config holder%)
boards: $(patsubst %,image-%-none,$(filter-out native,$(BOARDS)))
freertos: $(patsubst %,image-%-freertos,$(filter-out native,$(BOARDS)))
