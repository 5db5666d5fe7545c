# FreeRTOS: an upstream checkout named by FREERTOS_KERNEL_PATH. SPDX-License-Identifier: MIT
OS_SRC     := os/threads/loop.c os/freertos/lwip_thread.c
OS_THREADS := yes
OS_DEFS    := -DPLUGNET_THREADS -DBOARD_TICK_HOOK=os_tick -DBOARD_THREAD_HOOK=os_thread_name
OS_SYSTEM  := $(FREERTOS_KERNEL_PATH)/include $(FREERTOS_KERNEL_PATH)/portable/GCC/ARM_CM4F
