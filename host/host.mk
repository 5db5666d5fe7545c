# The PC end: build/host/libhost.a (with a lwIP of its own), build/pc, and their tests.
#
#   $(HOST_LIB)   what a program with a PC end links (vboard, tests, benchmark); nothing else is needed
#   $(HOST_LIB_SAN)  the same under AddressSanitizer and UBSan
#   HOST_LWIP_FLAGS  for code that uses lwIP's raw API through pc_netif
# SPDX-License-Identifier: MIT

HOST_OUT     := $(BUILD)/host
HOST_LIB     := $(HOST_OUT)/libhost.a
HOST_LIB_SAN := $(HOST_OUT)/san/libhost.a
HOST_SRC     := $(filter-out host/main.c,$(SRC_HOST))
HOST_LWIP_SRC := $(SRC_HOST_LWIP:%=src/%)
HOST_LWIP_FLAGS := -Ihost -isystem $(LWIP_PATH)/src/include
HOST_OBJ     := $(patsubst %.c,$(HOST_OUT)/%.o,$(HOST_SRC:host/%=%)) $(HOST_LWIP_SRC:%.c=$(HOST_OUT)/lwip/%.o)
HOST_OBJ_SAN := $(HOST_OBJ:$(HOST_OUT)/%=$(HOST_OUT)/san/%)

# lwIP's headers are the system's to the compiler, so it tells make of none of them, nor of what they include: all that has seen another
# lwIP, or other options, is made anew.
HOST_LWIP_READY := host/lwipopts.h $(HOST_OUT)/lwip_path
$(call remember,$(HOST_OUT)/lwip_path,$(abspath $(LWIP_PATH)))

$(HOST_OUT)/%.o: host/%.c $(HOST_LWIP_READY) | $(LWIP_PATH)/src/core/init.c
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) $(HOST_LWIP_FLAGS) -c $< -o $@

$(HOST_OUT)/control.o $(HOST_OUT)/san/control.o: PCFLAGS += -DPLUGNET_VERSION='"$(VERSION)"'
$(HOST_OUT)/control.o $(HOST_OUT)/san/control.o: CHANGELOG.md

$(HOST_OUT)/cable/%.o: cable/%.c
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) -c $< -o $@

$(HOST_OUT)/san/cable/%.o: cable/%.c
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) $(SANITIZE) -c $< -o $@

$(HOST_OUT)/san/%.o: host/%.c $(HOST_LWIP_READY) | $(LWIP_PATH)/src/core/init.c
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) $(SANITIZE) $(HOST_LWIP_FLAGS) -c $< -o $@

# lwIP's own sources: its warnings are not ours to mend.
$(HOST_OUT)/lwip/%.o: $(LWIP_PATH)/%.c $(HOST_LWIP_READY)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -g -O2 -w -MMD -MP -I. -Ihost -I$(LWIP_PATH)/src/include -c $< -o $@

$(HOST_OUT)/san/lwip/%.o: $(LWIP_PATH)/%.c $(HOST_LWIP_READY)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -g -O1 -w -MMD -MP -fsanitize=address -fno-omit-frame-pointer -I. -Ihost \
	    -I$(LWIP_PATH)/src/include -c $< -o $@


$(HOST_LIB): $(HOST_OBJ)
	rm -f $@
	$(AR) rcs $@ $^

$(HOST_LIB_SAN): $(HOST_OBJ_SAN)
	rm -f $@
	$(AR) rcs $@ $^

.PHONY: pc
pc: $(BUILD)/pc

$(BUILD)/pc: $(HOST_OUT)/main.o $(HOST_LIB)
	$(CC) -o $@ $^

# ---- Tests: test/host/test_*.c, each with the library and the fake device, under sanitizers ----
HOST_TESTS := $(patsubst test/host/%.c,$(BUILD)/test/host/%,$(wildcard test/host/test_*.c))
SUITES     += $(HOST_TESTS)

$(BUILD)/test/host/%.o: test/host/%.c $(HOST_LWIP_READY) | $(LWIP_PATH)/src/core/init.c
	@mkdir -p $(@D)
	$(CC) $(PCFLAGS) -O1 $(SANITIZE) $(HOST_LWIP_FLAGS) -c $< -o $@

$(HOST_TESTS): %: %.o $(BUILD)/test/host/fake.o $(HOST_LIB_SAN)
	$(CC) $(SANITIZE) -o $@ $^

# build/pc under sanitizers, with the native firmware (built by "make native") at its cable.
$(HOST_OUT)/san/pc: $(HOST_OUT)/san/main.o $(HOST_LIB_SAN)
	$(CC) $(SANITIZE) -o $@ $^

$(BUILD)/test/host/program: test/host/program_tests.py $(HOST_OUT)/san/pc | image-native-none
	@mkdir -p $(@D)
	printf '#!/bin/sh\nPC=%s NATIVE=%s exec %s "$$@"\n' $(HOST_OUT)/san/pc $(BUILD)/native-none/plugnet.elf $< > $@
	chmod +x $@
SUITES += $(BUILD)/test/host/program

.PHONY: test-host
test-host: $(HOST_TESTS)
	@failed=0; for suite in $(HOST_TESTS); do $$suite || failed=1; done; exit $$failed

-include $(HOST_TESTS:=.d) $(BUILD)/test/host/fake.d
-include $(HOST_OBJ:.o=.d) $(HOST_OBJ_SAN:.o=.d) $(HOST_OUT)/main.d $(HOST_OUT)/san/main.d
