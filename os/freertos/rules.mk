# How make gets the kernel's library. SPDX-License-Identifier: MIT
ifeq ($(FREERTOS_KERNEL_PATH),)
$(error OS=freertos: set FREERTOS_KERNEL_PATH to a checkout of FreeRTOS-Kernel, V11 or newer)
endif
ifeq ($(CROSS),)
$(error OS=freertos is for boards; for BOARD=$(BOARD) there are: none posix)
endif
KERNEL_DIR := $(OUT)/kernel
KERNEL_LIB := $(KERNEL_DIR)/kernel/libfreertos_kernel.a
OS_LIBS := $(KERNEL_LIB)
OS_DEPS := os/freertos/FreeRTOSConfig.h # sizes of kernel objects; -MMD does not see through system headers

$(KERNEL_LIB): os/freertos/CMakeLists.txt os/freertos/FreeRTOSConfig.h $(OUT)/options $(APP_OPTIONS)
	$(say) CMAKE $@
	$(Q)cmake -S os/freertos -B $(KERNEL_DIR) -DFREERTOS_KERNEL_PATH=$(abspath $(FREERTOS_KERNEL_PATH)) \
	    -DCMAKE_SYSTEM_NAME=Generic -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY \
	    -DCMAKE_C_COMPILER=$(CROSS)gcc -DCMAKE_C_FLAGS='$(CPUFLAGS) -Os -g -ffunction-sections -fdata-sections $(APP_OPTIONS:%=-include $(abspath $(APP_OPTIONS)))' \
	    > $(OUT)/kernel.log && cmake --build $(KERNEL_DIR) --target freertos_kernel >> $(OUT)/kernel.log && touch $@
