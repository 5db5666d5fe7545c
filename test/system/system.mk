# System tests: the whole firmware with a PC at its cable (test/system/main.c).
#
#   make build/test/system                        the program: build/test/system vboard|native FIRMWARE [SCENARIO …]
#   build/test/system-vboard, …-native            suites: all scenarios against the first board's image, the process
#   build/test/system-vboard-no-padding           … and against a PC with --block-end none
#   build/test/system-native-posix, …-tsan         … against the threaded process; some of them under ThreadSanitizer
#   build/test/system-console                     … the console's, against examples/console
#   build/test/system-wake                        … test/wake's, on every board and on FreeRTOS
#   build/test/system-BOARD-freertos              … against each board's image with FreeRTOS
#   build/test/system-ownstack                    … against examples/ownstack on every board, and as a process
#   build/test/system-BOARD-none                  … against the image of each other board (README's table: tool/readme.py)
#   build/test/system-lwip-newer                  some of them against the first board's image on lwIP 2.2
#   make check-lwip LWIP_PATH=…                   all unit and system suites that have lwIP in them, with that one on both ends
#
# SPDX-License-Identifier: MIT

SYSTEM_OUT := $(BUILD)/test/system-obj
SYSTEM_SRC := $(wildcard test/system/*.c)
SYSTEM_OBJ := $(SYSTEM_SRC:%.c=$(SYSTEM_OUT)/%.o)

$(SYSTEM_OUT)/%.o: %.c $(HOST_LWIP_READY) | $(LWIP_PATH)/src/core/init.c
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) $(HOST_LWIP_FLAGS) -c $< -o $@

$(BUILD)/test/system: $(SYSTEM_OBJ) $(BUILD)/libvboard.a $(HOST_LIB)
	$(CC) -o $@ $^ -lm

$(BUILD)/test/system-vboard: $(BUILD)/test/system | image-stm32f4discovery-none
	printf '#!/bin/sh\nexec %s vboard %s "$$@"\n' $< $(BUILD)/stm32f4discovery-none/plugnet.elf > $@
	chmod +x $@

# The same, with a PC that ends NTBs with neither padding nor an empty packet.
$(BUILD)/test/system-vboard-no-padding: $(BUILD)/test/system | image-stm32f4discovery-none
	printf '#!/bin/sh\nexec %s vboard %s --block-end none "$$@"\n' $< $(BUILD)/stm32f4discovery-none/plugnet.elf > $@
	chmod +x $@

$(BUILD)/test/system-native: $(BUILD)/test/system | image-native-none
	printf '#!/bin/sh\nexec %s native %s "$$@"\n' $< $(BUILD)/native-none/plugnet.elf > $@
	chmod +x $@

# With threads; and what loads them together, under ThreadSanitizer, whose first report ends the process.
$(BUILD)/test/system-native-posix: $(BUILD)/test/system | image-native-posix
	printf '#!/bin/sh\nexec %s native %s --threads "$$@"\n' $< $(BUILD)/native-posix/plugnet.elf > $@
	chmod +x $@

SYSTEM_TSAN := basic http_ two_boards twelve thirteenth mixed_connections iperf dhcp_variants dns_ mdns icmp_sizes \
    ntb_layouts in_stopped bus_reset_anywhere replugs board_resets suspends alternates halts \
    console_answers console_pipeline console_crowd console_unread console_reopens console_small console_rubbish
$(BUILD)/test/system-native-posix-tsan: $(BUILD)/test/system test/system/tsan.sh test/system/tsan.txt | image-native-posix-tsan
	printf '#!/bin/sh\n[ $$# -gt 0 ] || set -- %s\nexec test/system/tsan.sh %s native %s --threads "$$@"\n' \
	    '$(SYSTEM_TSAN)' $< $(BUILD)/native-posix-tsan/plugnet.elf > $@
	chmod +x $@

# Another lwIP in the image, briefly: what of TCP, IP and ICMP differs between the two, and each service once.
SYSTEM_LWIP := basic http_answers twelve_at_once thirteenth half_open stray_segments syn_again pools_exhausted dhcp_variants dns_ mdns \
    icmp_sizes icmp_fragments arp_conflicts igmp ip_options tiny_mss slow_reader asks_and_never_reads
$(BUILD)/test/system-lwip-newer: $(BUILD)/test/system | $(call images_of,lwip-newer)
	printf '#!/bin/sh\n[ -e %s/test/lwip-newer/plugnet.elf ] || { echo "skip lwIP 2.2: tool/fetch_lwip.sh could not fetch it"; exit 0; }\n' \
	    $(BUILD) > $@
	printf '[ $$# -gt 0 ] || set -- %s\nexec %s vboard %s/test/lwip-newer/plugnet.elf "$$@"\n' '$(SYSTEM_LWIP)' $< $(BUILD) >> $@
	chmod +x $@

# A firmware whose thread keeps what it receives: plain, and under ThreadSanitizer.
$(BUILD)/test/system-holder: $(BUILD)/test/system test/system/tsan.sh test/system/tsan.txt | image-holder image-holder-tsan
	printf '#!/bin/sh\n%s holder %s "$$@" && exec test/system/tsan.sh %s holder %s "$$@"\n' \
	    $< $(BUILD)/native-posix-holder/holder.elf $< $(BUILD)/native-posix-tsan-holder/holder.elf > $@
	chmod +x $@

# A product with a TCP service of its own that sends without end.
$(BUILD)/test/system-stream: $(BUILD)/test/system | image-stream
	printf '#!/bin/sh\nexec %s stream %s "$$@"\n' $< $(BUILD)/stm32f4discovery-none-stream/stream.elf > $@
	chmod +x $@

# A stack of its own, without lwIP.
$(BUILD)/test/system-ownstack: $(BUILD)/test/system | $(call images_of,ownstack-%)
	printf '#!/bin/sh\ngood=0\n' > $@
	printf 'for board in %s; do %s $$board %s/$$board-none-ownstack/ownstack.elf --ownstack "$$@" || good=1; done\nexit $$good\n' \
	    '$(sort $(BOARDS))' $< $(BUILD) >> $@
	chmod +x $@

# Remote wake-up.
$(BUILD)/test/system-wake: $(BUILD)/test/system | $(call images_of,wake-%)
	printf '#!/bin/sh\nfailed=0\n' > $@
	printf 'for board in %s; do %s $$board %s/test/wake/$$board-none/wake.elf --wakes "$$@" || failed=1; done\n' \
	    '$(sort $(filter-out native,$(BOARDS)))' $< $(BUILD) >> $@
	printf '[ -z "$$FREERTOS_KERNEL_PATH" ] || %s stm32f4discovery %s/test/wake/stm32f4discovery-freertos/wake.elf --wakes "$$@" || failed=1\nexit $$failed\n' \
	    $< $(BUILD) >> $@
	chmod +x $@

# The console: on the board that has endpoints enough, in both flavours, and as a process.
$(BUILD)/test/system-console: $(BUILD)/test/system | $(call images_of,console-%)
	printf '#!/bin/sh\nfailed=0\n%s console %s "$$@" || failed=1\n%s console-native %s "$$@" || failed=1\n' \
	    $< $(BUILD)/test/console/32l476gdiscovery-none/console.elf $< $(BUILD)/test/console/native-none/console.elf > $@
	printf '[ -z "$$FREERTOS_KERNEL_PATH" ] || %s console-freertos %s "$$@" || failed=1\nexit $$failed\n' \
	    $< $(BUILD)/test/console/32l476gdiscovery-freertos/console.elf >> $@
	chmod +x $@

SYSTEM_BOARDS := $(filter-out stm32f4discovery native,$(BOARDS))
SYSTEM_FREERTOS := stm32f4discovery $(SYSTEM_BOARDS)

$(SYSTEM_BOARDS:%=$(BUILD)/test/system-%-none): $(BUILD)/test/system-%-none: $(BUILD)/test/system | image-%-none
	printf '#!/bin/sh\nexec %s %s %s "$$@"\n' $< $* $(BUILD)/$*-none/plugnet.elf > $@
	chmod +x $@

# FreeRTOS' images are built and tested where the user names a kernel.
$(SYSTEM_FREERTOS:%=$(BUILD)/test/system-%-freertos): $(BUILD)/test/system-%-freertos: $(BUILD)/test/system | $(if $(FREERTOS_KERNEL_PATH),image-%-freertos)
	printf '#!/bin/sh\n[ "$$FREERTOS_KERNEL_PATH" ] || { echo "skip %s on FreeRTOS: FREERTOS_KERNEL_PATH is not set"; exit 0; }\n' $* > $@
	printf 'exec %s %s %s --threads "$$@"\n' $< $* $(BUILD)/$*-freertos/plugnet.elf >> $@
	chmod +x $@

SUITES += $(SYSTEM_FREERTOS:%=$(BUILD)/test/system-%-freertos)
SUITES += $(BUILD)/test/system-vboard $(BUILD)/test/system-vboard-no-padding $(BUILD)/test/system-native $(BUILD)/test/system-native-posix \
    $(BUILD)/test/system-native-posix-tsan $(BUILD)/test/system-holder $(BUILD)/test/system-stream $(BUILD)/test/system-ownstack $(BUILD)/test/system-console $(BUILD)/test/system-wake $(BUILD)/test/system-lwip-newer $(SYSTEM_BOARDS:%=$(BUILD)/test/system-%-none)

# In a build folder of its own, since all objects are made anew.
LWIP_SUITES := $(addprefix $(BUILD)/test/,test_netif test_iperf test_posix fuzz_tcp host/test_ncm_host system-vboard system-native system-native-posix \
    system-holder system-stream system-console $(if $(FREERTOS_KERNEL_PATH),system-stm32f4discovery-freertos))
.PHONY: check-lwip check-lwip-suites
check-lwip:
	+$(MAKE) BUILD=$(BUILD)/check-lwip LWIP_PATH=$(abspath $(LWIP_PATH)) check-lwip-suites

check-lwip-suites: $(LWIP_SUITES)
	@failed=0; for suite in $^; do $$suite || failed=1; done; exit $$failed

-include $(SYSTEM_OBJ:.o=.d)
