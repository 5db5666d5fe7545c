# What the suite of updates by HTTP needs (test/update/test_updater.py): a product that takes signed images alone, with a key of this build.
#
#   make image-signed-BOARD-OS
#
# SPDX-License-Identifier: MIT

UPDATE_OUT := $(BUILD)/test/update

$(UPDATE_OUT)/key.pem: tool/image.py
	@mkdir -p $(@D)
	$(Q)rm -f $@ && python3 tool/image.py key $@ > /dev/null

$(UPDATE_OUT)/update_key.h: $(UPDATE_OUT)/key.pem
	$(Q)python3 tool/image.py public $< | sed 1d > $@

$(foreach board,$(filter-out native,$(BOARDS)),$(foreach os,none $(if $(FREERTOS_KERNEL_PATH),freertos), \
    $(call test_image,signed-$(board)-$(os),update/$(board)-$(os),test/update,BOARD=$(board) OS=$(os) CFLAGS_APP=-I$(UPDATE_OUT) SIGN_KEY=$(UPDATE_OUT)/key.pem,pump) \
    $(eval image-signed-$(board)-$(os): $(UPDATE_OUT)/update_key.h)))
